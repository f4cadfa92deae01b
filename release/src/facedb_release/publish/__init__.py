"""From a data folder to a published release and back: export, import, diff, inspect."""
