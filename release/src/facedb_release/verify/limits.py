"""What checking a release may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the checks of hostile content may cost.

    Attributes:
        database_seconds: for all of SQLite's checks.
        map_seconds: for reading the JSON maps.
        index_seconds: for opening and querying one index, in its own process.
        index_extra_bytes: address space of that process, beyond what the file takes.
        sample: how many vectors must find themselves; 0 leaves the indices closed, which is a warning.
    """

    database_seconds: float = 120.0
    map_seconds: float = 120.0
    index_seconds: float = 120.0
    index_extra_bytes: int = 3 << 30
    sample: int = 32
