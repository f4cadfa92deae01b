"""Our way: `facedb_release.fetching.fetch.fetch`, every check on. Run in a process of its own.

`python -m bench.ours URL INTO VERSION [PREVIOUS]`; PREVIOUS is the folder of an older release.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.sources.mirrors import Mirrors
from facedb_release.version import parse_version

from .meter import metered


def request(url: str, into: Path, version: str, previous: Path | None) -> FetchRequest:
    """Ask for the release behind the URL."""
    more: dict[str, Any] = {"previous": previous} if previous else {}
    return FetchRequest(into=into, version=parse_version(version), source=Mirrors((url,)), **more)


def main() -> None:
    """Fetch once."""
    url, into, version, *previous = sys.argv[1:]
    wanted = request(url, Path(into), version, Path(previous[0]) if previous else None)
    with metered():
        fetch(wanted)


if __name__ == "__main__":
    main()
