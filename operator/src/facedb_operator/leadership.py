"""Single leadership by a Lease: one operator acts, a second one waits.

The election is the client library's own. A leader that loses its Lease ends the process: two writers
would be worse than a restart.
"""

import asyncio
import logging
import os
import signal

from kubernetes.aio.client import ApiClient, ApiException, V1Lease, V1ObjectMeta
from kubernetes.aio.leaderelection import electionconfig
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASE_NAME = "facedb-operator"
LEASE_DURATION_S = 15
RENEW_DEADLINE_S = 10
RETRY_PERIOD_S = 2

log = logging.getLogger(__name__)


class Lease(LeaseLock):  # type: ignore[misc]  # the client ships no types
    """The library's lock, whose ``create`` passes ``pretty=True`` to a parameter that takes text only."""

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """Create the Lease; False when somebody was quicker or it was refused."""
        body = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except ApiException:
            log.warning("The Lease could not be created", exc_info=True)
            return False
        return True


def elect(api: ApiClient, namespace: str, identity: str) -> tuple[asyncio.Event, asyncio.Task[None]]:
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
        Lease(LEASE_NAME, namespace, identity, api),
        lease_duration=LEASE_DURATION_S,
        renew_deadline=RENEW_DEADLINE_S,
        retry_period=RETRY_PERIOD_S,
        onstarted_leading=won,
        onstopped_leading=lost,
    )
    task = asyncio.create_task(LeaderElection(config).run(), name="leader election")
    task.add_done_callback(ended)
    return leading, task
