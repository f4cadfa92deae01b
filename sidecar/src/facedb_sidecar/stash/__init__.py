"""Stash, and the stash-boxes that it knows: typed questions out, typed answers in. No faces here."""
