"""How this sidecar gets another release: one protocol, three ways.

    local     it fetches the release itself, with the release library, and swaps it in
    cluster   a FaceDatabase says what is served; this asks and approves
    off       somebody else puts releases in place

Routes and the queue's job know nothing but this protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from facedb_sidecar.refusals import RETRY_AFTER, Refusal
from facedb_sidecar.updater.machine import Status

if TYPE_CHECKING:
    from facedb_sidecar.updater.overview import Overview

__all__ = [
    "AnotherVersion",
    "Check",
    "InProgress",
    "NotPossible",
    "Status",
    "Unreachable",
    "UpToDate",
    "UpdateBackend",
]


@dataclass(frozen=True)
class Check:
    """Is there something newer? Fields of contract 1.2; what is not known is None.

    Attributes:
        current_version: of the release that is installed.
        latest_version: that could be had.
        update_available: whether it is newer, as the calendar orders them.
        release_name: as its publisher calls it.
        download_url: of the archive, without secrets.
        download_size_mb: megabytes of 10^6 bytes.
        published_at: RFC 3339.
        error: why nobody knows.
        refused: why the latest version was refused here; it is tried again only when somebody asks for it.
    """

    current_version: str | None = None
    latest_version: str | None = None
    update_available: bool = False
    release_name: str | None = None
    download_url: str | None = None
    download_size_mb: int | None = None
    published_at: str | None = None
    error: str | None = None
    refused: str | None = None


@dataclass(frozen=True)
class UpdateStatus:
    """How far the update is. Within one run the progress never falls.

    Attributes:
        status: one of the eight words.
        progress_pct: 0 to 100.
        current_version: of the release that is installed.
        target_version: of the last update, while there is or was one.
        error: why it failed.
    """

    status: Status = Status.IDLE
    progress_pct: int = 0
    current_version: str | None = None
    target_version: str | None = None
    error: str | None = None


class UpdateBackend(Protocol):
    """One way of getting another release. Everything is called on the event loop, and blocks it never."""

    async def begin(self) -> None:
        """Take up what an earlier process left; called once, when the first load has ended."""

    async def check(self) -> Check:
        """Is there something newer? Trouble with the source is an answer, not an exception."""

    async def start(self, version: str | None = None) -> str:
        """Begin an update; return the job's id, 12 hex digits.

        Args:
            version: that somebody saw and wants; None takes whichever is the newest by now.

        Raises:
            Refusal: InProgress, UpToDate, AnotherVersion, NotPossible or Unreachable, with what to do.
        """

    async def status(self) -> UpdateStatus:
        """How far the update is.

        Raises:
            Unreachable: nobody knows.
        """

    async def overview(self) -> Overview:
        """All that a page about the database shows.

        Raises:
            Unreachable: nobody knows.
        """

    async def retry(self) -> str:
        """Try what failed once more; return the job's id.

        Raises:
            Refusal: as `start`, and NotKept.
        """

    async def rollback(self, version: str) -> str:
        """Let a kept release serve again; return the job's id.

        Raises:
            Refusal: as `start`, and NotKept.
        """

    async def close(self) -> None:
        """The process ends: stop what runs; the next one goes on with it."""


class InProgress(Refusal):
    """An update runs already."""

    status = 409

    def __init__(self, detail: str = "Update already in progress") -> None:
        super().__init__(detail)


class AnotherVersion(Refusal):
    """What could be had has changed since somebody looked."""

    status = 409

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(f"{wanted} was asked for, but {found} is what waits now. Look at it, and ask again.")


class UpToDate(Refusal):
    """There is nothing newer."""

    status = 400

    def __init__(self) -> None:
        super().__init__("Already on latest version")


class NotKept(Refusal):
    """There is no such release to go back to."""

    status = 404

    def __init__(self, version: str, kept: Sequence[str]) -> None:
        others = f"Kept beside the one that serves: {', '.join(kept)}." if kept else "No other one is."
        super().__init__(f"{version} is not kept here. {others}")


class NotPossible(Refusal):
    """An update cannot be begun this way; the message names the way."""

    status = 409


class Unreachable(Refusal):
    """What would be needed for it does not answer now."""

    status = 503
    headers = RETRY_AFTER
