"""The bytes on their way from a source into a verified folder."""
