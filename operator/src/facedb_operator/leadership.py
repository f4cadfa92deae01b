"""Single leadership by a Lease: one operator acts, a second one waits.

The election is the client library's own. A leader that loses its Lease ends the process: two writers
would be worse than a restart.
"""

import asyncio
import logging
import os
import signal
from datetime import UTC, datetime
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiException
from kubernetes.aio.leaderelection import electionconfig
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from facedb_operator.kinds import LEASE
from facedb_operator.kube import Kube

LEASE_NAME = "facedb-operator"
LEASE_DURATION_S = 15
RENEW_DEADLINE_S = 10
RETRY_PERIOD_S = 2

log = logging.getLogger(__name__)

Found = tuple[bool, LeaderElectionRecord | ApiException]


class Lease(BaseLock):  # type: ignore[misc]  # the client ships no types
    """The Lease as the election's lock.

    The library's own lock loads the models of all of Kubernetes, for one object of five fields.
    """

    def __init__(self, kube: Kube, namespace: str, identity: str) -> None:
        super().__init__(LEASE_NAME, namespace, identity)
        self._kube = kube
        self._seen: dict[str, Any] = {}

    async def get(self, name: str, namespace: str) -> Found:
        """The record in the Lease; what went wrong, where there is none to be had."""
        try:
            found = await self._kube.get(LEASE, namespace, name)
        except (ApiException, aiohttp.ClientError, TimeoutError) as error:
            return False, error if isinstance(error, ApiException) else _unreachable(error)
        if found is None:
            missing = ApiException(status=404, reason="Not Found")
            missing.body = '{"code": 404}'
            return False, missing
        self._seen = found
        spec = found.get("spec") or {}
        seconds = spec.get("leaseDurationSeconds")
        times = (_local(spec.get("acquireTime")), _local(spec.get("renewTime")))
        holder = spec.get("holderIdentity") or None
        return True, LeaderElectionRecord(holder, str(seconds) if seconds else None, *times)

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """Create the Lease; False when somebody was quicker or it was refused."""
        meta = {"name": name, "namespace": namespace}
        body = {"apiVersion": LEASE.api, "kind": LEASE.name, "metadata": meta, "spec": _spec(election_record)}
        return await self._written(self._kube.create(LEASE, body))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Write the record into the Lease as it was read last; False when somebody else has."""
        body = {**self._seen, "spec": {**(self._seen.get("spec") or {}), **_spec(updated_record)}}
        return await self._written(self._kube.replace(LEASE, body))

    async def _written(self, request: Any) -> bool:
        try:
            self._seen = await request
        except (ApiException, aiohttp.ClientError, TimeoutError) as error:
            log.warning("The Lease could not be written: %s", error)
            return False
        return True


def elect(kube: Kube, namespace: str, identity: str) -> tuple[asyncio.Event, asyncio.Task[None]]:
    """Start to stand for election.

    Returns:
        The event that is set once this process leads, and the task that keeps the Lease.
    """
    leading = asyncio.Event()

    async def won() -> None:
        log.info("This operator leads", extra={"identity": identity})
        leading.set()

    async def lost() -> None:
        log.error("The Lease was lost")

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            log.error("The election failed", exc_info=error)
        log.error("Ending, so that a leader acts alone")
        os.kill(os.getpid(), signal.SIGTERM)

    config = electionconfig.Config(
        Lease(kube, namespace, identity),
        lease_duration=LEASE_DURATION_S,
        renew_deadline=RENEW_DEADLINE_S,
        retry_period=RETRY_PERIOD_S,
        onstarted_leading=won,
        onstopped_leading=lost,
    )
    task = asyncio.create_task(LeaderElection(config).run(), name="leader election")
    task.add_done_callback(ended)
    return leading, task


def _spec(record: LeaderElectionRecord) -> dict[str, Any]:
    return {
        "holderIdentity": record.holder_identity,
        "leaseDurationSeconds": int(record.lease_duration),
        "acquireTime": _utc(record.acquire_time),
        "renewTime": _utc(record.renew_time),
    }


# The election reckons in naive local times, ``2026-11-21 04:00:00.000000``; a Lease has RFC 3339 with micros.
def _utc(local: str) -> str:
    at = datetime.fromisoformat(local).astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def _local(text: str | None) -> str | None:
    if not text:
        return None
    return str(datetime.fromtimestamp(datetime.fromisoformat(text).timestamp()))


def _unreachable(error: Exception) -> ApiException:
    return ApiException(status=0, reason=str(error) or type(error).__name__)
