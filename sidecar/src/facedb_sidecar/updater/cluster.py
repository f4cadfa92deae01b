"""The cluster backend: a FaceDatabase says what is served; this tells of it, and approves what waits.

It changes nothing but one annotation: the spec belongs to people and to Git.
"""

from __future__ import annotations

import secrets

from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import Check, InProgress, NotPossible, Unreachable, UpdateStatus, UpToDate
from facedb_sidecar.updater.kube import Kube
from facedb_sidecar.updater.machine import ACTIVE, Status
from facedb_sidecar.updater.translate import (
    APPROVE,
    check_of,
    handled,
    pinned,
    status_of,
    steady,
    waiting,
    way_to_change,
)


class Cluster:
    """See the module.

    Args:
        kube: the API server and the FaceDatabase.
        serving: for the version at hand, when the API cannot be asked.
    """

    def __init__(self, kube: Kube, serving: Serving) -> None:
        self._kube = kube
        self._serving = serving
        self._last = UpdateStatus()
        self._approved: tuple[str, str] | None = None

    async def begin(self) -> None:
        """The operator needs no help with what it began."""

    async def check(self) -> Check:
        """Ask the FaceDatabase what waits."""
        try:
            return check_of(await self._kube.read())
        except Unreachable as error:
            engine = self._serving.engine
            return Check(current_version=engine.receipt.version if engine else None, error=str(error))

    async def start(self) -> str:
        """Approve the version that waits."""
        database = await self._kube.read()
        if status_of(database).status in ACTIVE or self._is_pending(database):
            raise InProgress
        if pinned(database) is not None:
            raise NotPossible(way_to_change(self._kube.namespace, self._kube.name, database))
        version = waiting(database)
        if version is None:
            raise UpToDate
        job = secrets.token_hex(6)
        token = f"{version}-{job}"
        await self._kube.annotate(APPROVE, token)
        self._approved = token, version
        return job

    async def status(self) -> UpdateStatus:
        """Translate the FaceDatabase's status."""
        database = await self._kube.read()
        now = status_of(database)
        if self._is_pending(database):
            # What it says is still of the time before the approval.
            version = self._approved[1] if self._approved else None
            now = UpdateStatus(Status.DOWNLOADING, 0, now.current_version, version)
        self._last = steady(self._last, now)
        return self._last

    async def close(self) -> None:
        """Nothing to stop."""

    def _is_pending(self, database: object) -> bool:
        """Whether an approval of ours has not been acted on yet."""
        if self._approved is None or not isinstance(database, dict):
            return False
        token, _ = self._approved
        annotations = (database.get("metadata") or {}).get("annotations") or {}
        if handled(database) == token or annotations.get(APPROVE) != token:
            # Done, or somebody else's word stands there now.
            self._approved = None
        return self._approved is not None
