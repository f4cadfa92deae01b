"""Single leadership by a Lease: one operator acts, a second one waits.

The election is the client library's own. A leader that loses its Lease ends the process: two writers
would be worse than a restart.
"""

import asyncio
import logging
import os
import signal

from kubernetes.aio.client import ApiClient
from kubernetes.aio.leaderelection import electionconfig
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASE_NAME = "facedb-operator"
LEASE_DURATION_S = 15
RENEW_DEADLINE_S = 10
RETRY_PERIOD_S = 2

log = logging.getLogger(__name__)


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
        log.error("The Lease was lost; ending so that the new leader acts alone")
        os.kill(os.getpid(), signal.SIGTERM)

    config = electionconfig.Config(
        LeaseLock(LEASE_NAME, namespace, identity, api),
        lease_duration=LEASE_DURATION_S,
        renew_deadline=RENEW_DEADLINE_S,
        retry_period=RETRY_PERIOD_S,
        onstarted_leading=won,
        onstopped_leading=lost,
    )
    return leading, asyncio.create_task(LeaderElection(config).run(), name="leader election")
