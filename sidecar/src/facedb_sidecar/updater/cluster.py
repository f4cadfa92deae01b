"""The cluster backend: a FaceDatabase says what is served; this tells of it, and asks for people.

It changes nothing but annotations: the spec belongs to people and to Git.
"""

from __future__ import annotations

import secrets

from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import (
    AnotherVersion,
    Check,
    InProgress,
    NotKept,
    NotPossible,
    Unreachable,
    UpdateStatus,
    UpToDate,
)
from facedb_sidecar.updater.kube import Kube
from facedb_sidecar.updater.machine import ACTIVE, Status
from facedb_sidecar.updater.overview import Overview
from facedb_sidecar.updater.overview_cluster import (
    action_of,
    is_suspended,
    kept,
    overview_of,
    suspended_words,
)
from facedb_sidecar.updater.tokens import approval_waits, pending
from facedb_sidecar.updater.translate import (
    GROUP,
    Json,
    check_of,
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

    async def begin(self) -> None:
        """The operator needs no help with what it began."""

    async def check(self) -> Check:
        """Ask the FaceDatabase what waits."""
        try:
            return check_of(await self._kube.read())
        except Unreachable as error:
            engine = self._serving.engine
            return Check(current_version=engine.receipt.version if engine else None, error=str(error))

    async def start(self, version: str | None = None) -> str:
        """Approve the version that waits."""
        database = await self._settled()
        if pinned(database) is not None:
            raise NotPossible(way_to_change(self._kube.namespace, self._kube.name, database))
        found = waiting(database)
        if found is None:
            raise UpToDate
        if version not in (None, found):
            raise AnotherVersion(version, found)
        self._require_moving(database)
        if (words := approval_waits(database)) is not None:
            raise InProgress(f"{found} is approved already, and waits: {words}")
        return await self._ask("approve", found)

    async def retry(self) -> str:
        """Give the operator a new token for what it refused."""
        database = await self._settled()
        now = status_of(database)
        if now.status is not Status.FAILED or action_of(database, now) is None:
            raise NotPossible("Nothing was refused: there is nothing to try again.")
        return await self._ask("retry", None)

    async def rollback(self, version: str) -> str:
        """Ask for a kept release. The spec stays; `Ready` is False until it names what serves."""
        database = await self._settled()
        self._require_moving(database)
        if version not in kept(database):
            raise NotKept(version, kept(database))
        return await self._ask("rollback", version)

    async def status(self) -> UpdateStatus:
        """Translate the FaceDatabase's status."""
        return self._now(await self._kube.read())

    async def overview(self) -> Overview:
        """What the FaceDatabase says, in a page's words."""
        database = await self._kube.read()
        now = self._now(database)
        kube = self._kube
        return overview_of(kube.namespace, kube.name, database, now, self._serving.loaded_in_s)

    async def _settled(self) -> Json:
        """The FaceDatabase, while nothing moves.

        Raises:
            InProgress: something does.
        """
        database = await self._kube.read()
        if status_of(database).status in ACTIVE or pending(database) is not None:
            raise InProgress
        return database

    def _require_moving(self, database: Json) -> None:
        """Refuse where a token would only wait.

        Raises:
            NotPossible: the FaceDatabase is suspended.
        """
        if is_suspended(database):
            raise NotPossible(suspended_words(self._kube.namespace, self._kube.name))

    async def _ask(self, verb: str, version: str | None) -> str:
        """Set a verb's annotation to a token that nobody has used."""
        job = secrets.token_hex(6)
        token = f"{version}-{job}" if version else job
        await self._kube.annotate(f"{GROUP}/{verb}", token)
        return job

    def _now(self, database: Json) -> UpdateStatus:
        now = status_of(database)
        if (asked := pending(database)) is not None:
            # What it says is still of the time before.
            version = asked.version or now.target_version
            now = UpdateStatus(Status.DOWNLOADING, 0, now.current_version, version)
        self._last = steady(self._last, now)
        return self._last

    async def close(self) -> None:
        """Nothing to stop."""
