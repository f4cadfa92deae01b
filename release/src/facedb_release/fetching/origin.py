"""The same archive at several addresses → one archive: when one fails, the next takes over in mid-file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock

import httpx

from facedb_release.archive.contents import Archive, Contents, LocalArchive
from facedb_release.errors import AssetReplaced, Reason, ReleaseError, SourceTrouble
from facedb_release.fetching.remote import RemoteFile, Tally, open_remote
from facedb_release.sources.asset import Asset
from facedb_release.transport import Patience, shown


class Origin:
    """An archive behind the first address that works. Several threads may read parts of it.

    Args:
        assets: the addresses, in the order to try; at least one.
        client: for those behind URLs.
        patience: with each.
        tally: of what is received.

    Attributes:
        size: in bytes.
        asset: the address at hand.
        mixed: whether the files are made of what several addresses, or several runs, gave.
        turned: whether the address at hand holds another archive than those before it, which failed.

    Raises:
        ReleaseError: of all failures the first that may pass, else the first.
    """

    def __init__(
        self, assets: Sequence[Asset], client: httpx.Client, patience: Patience, tally: Tally
    ) -> None:
        self._client = client
        self._patience = patience
        self._tally = tally
        self._rest = list(assets)
        self._failures: list[ReleaseError] = []
        self._slow_down: Callable[[], None] | None = None
        self._contents: Contents | None = None
        self._lock = Lock()
        self.mixed = False
        self.turned = False
        self._now = self._open_next()
        self.size = self._now.size

    @property
    def ranges(self) -> bool:
        """Whether parts can be read."""
        return not isinstance(self._now, RemoteFile) or self._now.ranges

    @property
    def rest(self) -> tuple[Asset, ...]:
        """The addresses that were not tried yet."""
        return tuple(self._rest)

    @property
    def slow_down(self) -> Callable[[], None] | None:
        """Called when the server wants fewer connections at a time."""
        return self._slow_down

    @slow_down.setter
    def slow_down(self, told: Callable[[], None] | None) -> None:
        self._slow_down = self._now.slow_down = told

    def expect(self, contents: Contents) -> None:
        """Let only addresses take over that have this very directory."""
        self._contents = contents

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end).

        Raises:
            AssetReplaced: if the file changed.
            SourceTrouble: if no address is left.
        """
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool] | None = None) -> list[bytes]:
        """Return the bytes [start, end) in pieces, from whatever address has them.

        Raises:
            AssetReplaced: if the file changed, or the addresses left hold another one.
            SourceTrouble: if no address is left.
        """
        while True:
            now = self._now
            try:
                return now.pieces(start, end, still_wanted=still_wanted)
            except AssetReplaced:
                raise
            except SourceTrouble as e:
                if still_wanted is not None and not still_wanted():
                    # The addresses left are for whoever comes next.
                    raise
                self._replace(now, e)

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in order, from the address at hand alone."""
        return self._now.stream()

    def _replace(self, failed: Archive, why: SourceTrouble) -> None:
        """Turn to the next address with the same archive, unless another thread did."""
        with self._lock:
            if self._now is not failed:
                return
            self._failures.append(why)
            found = self._next_same()
            self.mixed = True
            found.slow_down = self._slow_down
            self._now = found

    def _next_same(self) -> Archive:
        while True:
            found = self._open_next()
            try:
                same = self._is_same(found)
            except SourceTrouble as e:
                self._failures.append(e)
                continue
            if not same:
                self.turned = True
                raise AssetReplaced(
                    f"{shown(self.asset.url)} holds another archive than the address that failed; "
                    "it is read from the start."
                )
            return found

    def _open_next(self) -> Archive:
        while self._rest:
            asset = self._rest.pop(0)
            try:
                found: Archive = open_asset(asset, self._client, self._patience, self._tally)
            except SourceTrouble as e:
                self._failures.append(e)
                continue
            self.asset = asset
            return found
        raise next((f for f in self._failures if not f.permanent), self._failures[0])

    def _is_same(self, found: Archive) -> bool:
        if found.size != self.size or (isinstance(found, RemoteFile) and not found.ranges):
            return False
        known = self._contents
        if known is None:
            return True
        start = known.place.offset
        return found.read(start, start + len(known.directory)) == known.directory


class _Mounted(LocalArchive):
    """A zip on a volume that somebody may write, or take away, meanwhile."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._name = str(path)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end).

        Raises:
            AssetReplaced: if the file became shorter.
            SourceTrouble: if it cannot be read any more.
        """
        try:
            data = super().read(start, end)
        except OSError as e:
            raise SourceTrouble(
                Reason.SOURCE_UNAVAILABLE,
                f"{self._name} cannot be read: {e.strerror}. Check what is mounted there.",
            ) from e
        if len(data) != end - start:
            raise AssetReplaced(f"{self._name} became shorter while it was read; it is read from the start.")
        return data


def open_asset(asset: Asset, client: httpx.Client, patience: Patience, tally: Tally) -> Archive:
    """Open one address, behind a URL or on this machine.

    Raises:
        SourceTrouble: if it cannot be read.
    """
    if asset.path is None:
        return open_remote(client, asset, patience, tally)
    try:
        found = _Mounted(asset.path)
    except OSError as e:
        raise asset.missing from e
    tally.total = found.size
    return found
