"""The newest release that a source offers; it is asked once in ten minutes, however often we restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facedb_release.cli.words import read_release_words
from facedb_release.sources.offers import Available, CheckCache, available, described
from facedb_release.transport import open_client
from facedb_release.version import Latest, choose, parse_version
from facedb_sidecar.updater import Check

CHECKS = ".facedb-checks"


class Offers:
    """A source of releases.

    Args:
        words: of `facedb fetch` that name it.
        folder: for what it answered last.

    Raises:
        ValueError: the words cannot be understood.
    """

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self._named = read_release_words(words)
        self._cache = CheckCache(folder)

    @property
    def described(self) -> str:
        """The source's name, without secrets."""
        return described(self._named.source)

    def newest(self) -> Available | None:
        """Ask, or remember; None when the source offers nothing. Blocks.

        Raises:
            SourceTrouble: the source cannot be asked.
        """
        named = self._named
        with open_client(named.patience, ca_bundle=named.ca_bundle, proxy=named.proxy) as client:
            found = available(named.source, client, named.patience, self._cache)
        best = choose((one.version for one in found), Latest(), current=None)
        return next((one for one in found if one.version == best), None)


def check_of(newest: Available, current: str | None, refused: str | None) -> Check:
    """Compare what is offered with what is installed. Pure."""
    when = newest.published_at
    return Check(
        current_version=current,
        latest_version=newest.version.text,
        update_available=current is None or newest.version > parse_version(current),
        release_name=newest.title or newest.name,
        download_url=newest.url,
        download_size_mb=None if newest.size is None else round(newest.size / 1e6),
        published_at=when.isoformat().replace("+00:00", "Z") if when else None,
        refused=refused,
    )
