"""Times as the API writes them. Pure."""

from datetime import datetime


def stamp(moment: datetime) -> str:
    """A time as the API writes it, in whole seconds UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
