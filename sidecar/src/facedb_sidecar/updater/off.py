"""No updates: somebody else puts releases in place."""

from __future__ import annotations

from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import Check, Unreachable, UpdateStatus
from facedb_sidecar.updater.overview import Interruption, Movement, Overview

WHY = (
    "this sidecar serves what is mounted for it. Set DATA_DIR to a writable folder to let it update itself, "
    "or FACEDB_DATABASE to the FaceDatabase that manages it."
)


class Off:
    """Says so, and why.

    Args:
        serving: for the version at hand.
        why: there are no updates; a sentence without its first capital.
    """

    def __init__(self, serving: Serving, why: str = WHY) -> None:
        self._serving = serving
        self._why = why

    async def begin(self) -> None:
        """Nothing to take up."""

    async def check(self) -> Check:
        """Nobody knows of anything newer."""
        return Check(current_version=self._version(), error=f"Updates are off: {self._why}")

    async def start(self, version: str | None = None) -> str:
        """Refuse.

        Raises:
            Unreachable: always.
        """
        raise Unreachable(f"Updater not initialized: {self._why}")

    async def retry(self) -> str:
        """Refuse.

        Raises:
            Unreachable: always.
        """
        return await self.start()

    async def rollback(self, version: str) -> str:
        """Refuse.

        Raises:
            Unreachable: always.
        """
        return await self.start()

    async def overview(self) -> Overview:
        """What serves, and why nothing can be asked for."""
        gap = Interruption("none", None, "Nothing changes from here.")
        why = f"Updates are off: {self._why}"
        return Overview("nobody", gap, Movement(await self.status()), why_not=why)

    async def status(self) -> UpdateStatus:
        """Idle for ever."""
        return UpdateStatus(current_version=self._version())

    async def close(self) -> None:
        """Nothing to stop."""

    def _version(self) -> str | None:
        return self._serving.engine.receipt.version if self._serving.engine else None
