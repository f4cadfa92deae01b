"""Single leadership by a Lease: one operator acts, a second one waits.

A leader is sure of its Lease for a while after each renewal, and writes nothing beyond that (``holds``): two
writers would be worse than none. Elapsed time is taken from a clock that nobody sets, so a jump of the wall's
clock neither ends a term nor begins another's. The client library's election reckons by the wall's, lets a
request hang for longer than the Lease holds, and keeps the Lease when it ends.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio.client import ApiException

from facedb_operator.kinds import LEASE
from facedb_operator.kube import CONFLICT, FAILURES, Kube

LEASE_NAME = "facedb-operator"
# Others wait for so long after the last renewal that they have seen; the leader is sure for less.
LEASE_DURATION_S = 15
SURE_S = 10.0
RETRY_PERIOD_S = 2.0
# A request that takes longer is given up: it must not outlast what it is to renew.
REQUEST_S = 4.0

log = logging.getLogger(__name__)

Body = dict[str, Any]


def boottime() -> float:
    """Seconds that also pass while the machine sleeps, on Linux; nobody sets this clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class _Seen:
    """A state of the Lease, and when it was seen first."""

    holder: str
    renewed: str
    duration_s: float
    at: float

    def same(self, spec: Mapping[str, Any]) -> bool:
        return (self.holder, self.renewed) == (spec.get("holderIdentity") or "", spec.get("renewTime") or "")


class Leadership:
    """The election, and its outcome.

    Args:
        kube: where the Lease is.
        namespace: of the Lease.
        identity: this process's name in it.
        clock: seconds, of a clock that never jumps.

    Attributes:
        won: set once this process leads for the first time.
    """

    def __init__(
        self, kube: Kube, namespace: str, identity: str, clock: Callable[[], float] = boottime
    ) -> None:
        self.won = asyncio.Event()
        self._kube = kube
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._sure_until = float("-inf")
        self._lease: Body | None = None
        self._seen: _Seen | None = None
        # A renewal whose answer was lost may have been made.
        self._sent: deque[str] = deque(maxlen=8)
        self._trouble = ""

    def holds(self) -> bool:
        """Whether it is certain that nobody else leads."""
        return self._clock() < self._sure_until

    async def run(self) -> None:
        """Stand for election until it is won, then renew the Lease; ends when it is lost."""
        while not await self._try():
            await asyncio.sleep(RETRY_PERIOD_S * random.uniform(1, 1.2))  # noqa: S311
        log.info("This operator leads", extra={"identity": self._identity})
        self.won.set()
        while self.holds():
            await asyncio.sleep(RETRY_PERIOD_S)
            await self._try()
        log.error("The Lease was lost: another operator leads, or the API server was away for too long")

    async def release(self) -> None:
        """Let another lead at once."""
        if not self.holds() or self._lease is None:
            return
        self._sure_until = float("-inf")
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        with suppress(*FAILURES):
            async with asyncio.timeout(REQUEST_S):
                await self._kube.replace(LEASE, {**self._lease, "spec": spec})

    async def _try(self) -> bool:
        """Renew or take the Lease, if nobody else has it; whether this process leads."""
        try:
            async with asyncio.timeout(REQUEST_S):
                await self._renew()
            self._trouble = ""
        except FAILURES as error:
            # What is known of the Lease may be old: it is read before the next try.
            self._lease = None
            words = str(error) or type(error).__name__
            if words != self._trouble:
                log.warning("The Lease could not be read or written: %s", words)
            self._trouble = words
        return self.holds()

    async def _renew(self) -> None:
        # A leader knows its Lease: the API server refuses its write if somebody else's came between.
        if self._lease is None:
            await self._read()
        now = self._clock()
        if not self._may_take(now):
            self._lease = None
            return
        body = self._body(datetime.now(UTC))
        self._sent.append(body["spec"]["renewTime"])
        write = self._kube.create if self._lease is None else self._kube.replace
        try:
            self._lease = await write(LEASE, body)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            # Perhaps it was this process, and only the answer was lost.
            await self._read()
            self._may_take(now)
        else:
            self._look(body["spec"])
            self._sure_until = now + SURE_S

    async def _read(self) -> None:
        self._lease = await self._kube.get(LEASE, self._namespace, LEASE_NAME)
        self._look((self._lease or {}).get("spec") or {})

    def _look(self, spec: Mapping[str, Any]) -> None:
        if self._seen is None or not self._seen.same(spec):
            holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
            self._seen = _Seen(holder, renewed, float(spec.get("leaseDurationSeconds") or 0), self._clock())

    def _may_take(self, now: float) -> bool:
        """Whether it is free, this process's, or has run out; if not, this process leads no longer."""
        seen = self._seen
        if seen is None or not seen.holder:
            return True
        if seen.holder != self._identity:
            self._sure_until = float("-inf")
            return now >= seen.at + seen.duration_s
        if self.won.is_set() and seen.renewed not in self._sent:
            # Another process by the same name.
            self._sure_until = float("-inf")
            return False
        return True

    def _body(self, wall: datetime) -> Body:
        stamp = f"{wall:%Y-%m-%dT%H:%M:%S.%f}Z"
        old = (self._lease or {}).get("spec") or {}
        mine = old.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_DURATION_S,
            "acquireTime": old.get("acquireTime", stamp) if mine else stamp,
            "renewTime": stamp,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if mine or not old else 1),
        }
        if self._lease is not None:
            return {**self._lease, "spec": {**old, **spec}}
        meta = {"name": LEASE_NAME, "namespace": self._namespace}
        return {"apiVersion": LEASE.api, "kind": LEASE.name, "metadata": meta, "spec": spec}
