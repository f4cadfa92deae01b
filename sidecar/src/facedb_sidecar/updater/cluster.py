"""The cluster backend: a FaceDatabase says what is served; this tells of it, and asks for people.

It changes nothing but annotations: the spec belongs to people and to Git.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import (
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
from facedb_sidecar.updater.overview_cluster import action_of, kept, overview_of
from facedb_sidecar.updater.translate import (
    GROUP,
    Json,
    check_of,
    handled,
    pinned,
    status_of,
    steady,
    waiting,
    way_to_change,
)


@dataclass(frozen=True)
class _Asked:
    """A verb of the operator's, its token, and the version that this names, if any."""

    verb: str
    token: str
    version: str | None


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
        self._asked: _Asked | None = None

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
        database = await self._settled()
        if pinned(database) is not None:
            raise NotPossible(way_to_change(self._kube.namespace, self._kube.name, database))
        version = waiting(database)
        if version is None:
            raise UpToDate
        return await self._ask("approve", version)

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
        if status_of(database).status in ACTIVE or self._is_pending(database):
            raise InProgress
        return database

    async def _ask(self, verb: str, version: str | None) -> str:
        """Set a verb's annotation to a token that nobody has used."""
        job = secrets.token_hex(6)
        token = f"{version}-{job}" if version else job
        await self._kube.annotate(f"{GROUP}/{verb}", token)
        self._asked = _Asked(verb, token, version)
        return job

    def _now(self, database: Json) -> UpdateStatus:
        now = status_of(database)
        if self._is_pending(database):
            # What it says is still of the time before.
            version = (self._asked and self._asked.version) or now.target_version
            now = UpdateStatus(Status.DOWNLOADING, 0, now.current_version, version)
        self._last = steady(self._last, now)
        return self._last

    async def close(self) -> None:
        """Nothing to stop."""

    def _is_pending(self, database: Json) -> bool:
        """Whether something that was asked for here has not been acted on yet."""
        if self._asked is None:
            return False
        annotations = (database.get("metadata") or {}).get("annotations") or {}
        asked = self._asked
        if (
            handled(database, asked.verb) == asked.token
            or annotations.get(f"{GROUP}/{asked.verb}") != asked.token
        ):
            # Done, or somebody else's word stands there now.
            self._asked = None
        return self._asked is not None
