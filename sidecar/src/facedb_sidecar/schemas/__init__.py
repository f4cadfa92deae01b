"""Requests and answers: the public contract that existing plugins rely on, a file for each part of it."""
