"""One remote file → parts of it, whatever the connection does meanwhile.

A cut or stalled part goes on where it stopped (Range with If-Range); when the file is no longer the same, or
the server answers with something else than what was asked for, nothing is mixed: AssetReplaced.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Lock

import httpx

from facedb_release.errors import AssetReplaced, Reason
from facedb_release.fetching.throttle import Throttle
from facedb_release.sources.asset import Asset
from facedb_release.transport import (
    Patience,
    Refused,
    patiently,
    read_answer,
    request,
    shown,
    unavailable,
)

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)
_PLAIN = re.compile(r"[\x20-\x7e]+")


@dataclass
class Tally:
    """What is known of the archive so far, also if the run fails later.

    Attributes:
        received: bytes of file bodies, repeated ones included.
        total: how many there are in all.
        digest: `sha256:<hex>`, as the source promises it, then as it was read.
        throttle: what every received byte passes.
    """

    received: int = 0
    total: int | None = None
    digest: str | None = None
    throttle: Throttle = field(default_factory=lambda: Throttle(None))
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, count: int) -> None:
        """Count received bytes; waits when they come faster than is wanted."""
        with self._lock:
            self.received += count
        self.throttle.passed(count)


@dataclass(frozen=True)
class Opened:
    """What the first answer said: size in bytes, validator (ETag, else date), and whether ranges work."""

    size: int | None
    validator: str | None
    ranges: bool


class RemoteFile:
    """A file behind a URL. Open it with `open_remote`. Several threads may read parts of it.

    Attributes:
        size: in bytes.
    """

    def __init__(
        self, client: httpx.Client, asset: Asset, patience: Patience, facts: Opened, tally: Tally
    ) -> None:
        self._client = client
        self._asset = asset
        self._patience = patience
        self._facts = facts
        self._tally = tally
        self.size = facts.size or 0
        self.slow_down: Callable[[], None] | None = None
        """Called when the server wants fewer connections at a time."""

    @property
    def ranges(self) -> bool:
        """Whether the server gives parts."""
        return self._facts.ranges

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end).

        Raises:
            AssetReplaced: if the file changed.
            SourceTrouble: if patience ends.
        """
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool] | None = None) -> list[bytes]:
        """Return the bytes [start, end) as they arrived, resuming after cuts.

        Args:
            start: of the part.
            end: of the part.
            still_wanted: asked after each piece; reading ends early when it says no.

        Raises:
            AssetReplaced: if the file changed.
            SourceTrouble: if patience ends.
        """
        return list(self._resumed(start, end, still_wanted or (lambda: True)))

    def stream(self, start: int = 0) -> Iterator[bytes]:
        """Yield the file in order, from one answer; where ranges work, resuming after cuts.

        Args:
            start: where to begin; only 0 without ranges.

        Raises:
            AssetReplaced: if the file changed.
            SourceTrouble: if patience ends, or at the first cut when the server gives no ranges.
        """
        return self._resumed(start, self.size, lambda: True)

    def _resumed(self, start: int, end: int, wanted: Callable[[], bool]) -> Iterator[bytes]:
        """Yield [start, end), going on where a connection breaks off; ends early when it is not wanted."""
        at, failures = start, 0
        while at < end and wanted():
            began = at
            try:
                for piece in self._part(at, end):
                    at += len(piece)
                    yield piece
                    if not wanted():
                        return
            except Refused as e:
                if not wanted():
                    return
                if at > start and not self.ranges:
                    raise e.trouble from e
                # Whatever moved forward earns fresh patience: a bad link may cut a hundred times.
                failures = 1 if at - began >= self._patience.min_bytes else failures + 1
                self._before_next(failures, e)

    def _before_next(self, failures: int, refused: Refused) -> None:
        """Wait before the next attempt, or raise the trouble when there have been enough in a row."""
        crowded = refused.crowded or refused.trouble.reason is Reason.SOURCE_FORBIDDEN
        if crowded and self.slow_down is not None:
            self.slow_down()
        if failures >= self._patience.attempts:
            raise refused.trouble from refused
        self._patience.pause(failures, refused.retry_after)

    def _part(self, start: int, end: int) -> Iterator[bytes]:
        """Yield [start, end) from one answer; Refused when it breaks off."""
        headers = dict(self._asset.headers)
        if self.ranges:
            headers["Range"] = f"bytes={start}-{end - 1}"
            if _can_be_asked(self._facts.validator):
                headers["If-Range"] = self._facts.validator or ""
        with request(self._client, self._asset.url, headers) as response:
            self._check(response, start, end)
            yield from self._counted(response, end - start)

    def _counted(self, response: httpx.Response, length: int) -> Iterator[bytes]:
        """Yield the body; refuse more or fewer bytes than promised, and a drip."""
        got, pace = 0, Pace(self._patience)
        for piece in response.iter_raw():
            got += len(piece)
            if got > length:
                raise Refused(unavailable(self._asset.url, "it sends more bytes than it promised"))
            if pace.too_slow(len(piece)):
                raise Refused(unavailable(self._asset.url, "it sends next to nothing (stalled)"))
            self._tally.add(len(piece))
            pace.waited()
            yield piece
        if got < length:
            raise Refused(unavailable(self._asset.url, f"it broke off {length - got} bytes early"))

    def _check(self, response: httpx.Response, start: int, end: int) -> None:
        """Check that the answer is the part asked for, of the file whose reading began."""
        facts = _facts(response)
        if response.status_code in (404, 416):
            raise Refused(unavailable(self._asset.url, f"it answered {response.status_code} in the middle"))
        if facts.validator != self._facts.validator or facts.size != self._facts.size:
            raise AssetReplaced(
                f"{shown(self._asset.url)} was replaced while it was read; it is read again from the start.",
                expected=f"{self._facts.validator}, {self._facts.size} bytes",
                found=f"{facts.validator}, {facts.size} bytes",
            )
        if not facts.ranges and (start, end) != (0, self.size):
            raise AssetReplaced(f"{shown(self._asset.url)} no longer answers with the part asked for.")
        wanted = f"bytes {start}-{end - 1}/{self.size}"
        if facts.ranges and response.headers["Content-Range"] != wanted:
            found = response.headers["Content-Range"]
            raise Refused(unavailable(self._asset.url, f"it answered {found!r} instead of {wanted!r}"))


class Pace:
    """Whether a stream brings less than min_bytes in stall_seconds."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since = time.monotonic()
        self._bytes = 0
        self._asked = self._since

    def too_slow(self, arrived: int) -> bool:
        """Count what arrived; true when the time is up and it was too little."""
        self._bytes += arrived
        if self._bytes >= self._patience.min_bytes:
            self._since, self._bytes = time.monotonic(), 0
        self._asked = time.monotonic()
        return self._asked - self._since > self._patience.stall_seconds

    def waited(self) -> None:
        """Forget the time since the last question: it was our own wait, for a bandwidth limit."""
        self._since += time.monotonic() - self._asked


def open_remote(client: httpx.Client, asset: Asset, patience: Patience, tally: Tally) -> RemoteFile:
    """Ask for one byte: is the file there, how long is it, are ranges given?

    Raises:
        ReleaseError: the asset's own error for 404.
        SourceTrouble: if patience ends, or the size is unknown or not the promised one.
    """
    found: list[Opened] = []

    def attempt() -> bytes:
        with request(client, asset.url, {**dict(asset.headers), "Range": "bytes=0-0"}) as response:
            if response.status_code == 404:
                raise asset.missing
            found.append(_facts(response))
            # Read to its end, the connection can be used again.
            return read_answer(response, asset.url, max_bytes=1) if found[-1].ranges else b""

    patiently(patience, attempt)
    facts = found[-1]
    if not facts.size:
        raise unavailable(asset.url, "it does not say how long the file is, or the file is empty")
    if asset.size is not None and asset.size != facts.size:
        raise unavailable(asset.url, f"it has {facts.size} bytes where its release promises {asset.size}")
    tally.total = facts.size
    return RemoteFile(client, asset, patience, facts, tally)


def _can_be_asked(validator: str | None) -> bool:
    """Whether If-Range may hold it: strong, and of characters that a header may have."""
    return (
        validator is not None and not validator.startswith("W/") and _PLAIN.fullmatch(validator) is not None
    )


def _facts(response: httpx.Response) -> Opened:
    """Read what an answer says about the whole file."""
    validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if response.status_code == 206:
        form = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if form is None:
            raise Refused(unavailable(str(response.url), "it answers 206 without a usable Content-Range"))
        return Opened(int(form[3]), validator, ranges=True)
    length = response.headers.get("Content-Length", "")
    return Opened(int(length) if length.isdigit() else None, validator, ranges=False)
