"""What a zip of a release may look like, judged from its bytes. Pure."""
