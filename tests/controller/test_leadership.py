"""Two operators at one Lease: one leads, the other waits, and whoever loses it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kubernetes.aio.client import ApiException

from facedb_operator import leadership
from facedb_operator.kinds import Kind

Body = dict[str, Any]


class OneLease:
    """Stands where ``facedb_operator.kube.Kube`` stands, with a Lease that knows its resourceVersion."""

    def __init__(self) -> None:
        self.lease: Body | None = None
        self.looks = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        self.looks += 1
        return self.lease

    async def create(self, kind: Kind, body: Body) -> Body:
        if self.lease is not None:
            raise ApiException(status=409, reason="AlreadyExists")
        return self._keep(body, 1)

    async def replace(self, kind: Kind, body: Body) -> Body:
        assert self.lease is not None
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiException(status=409, reason="Conflict")
        return self._keep(body, int(body["metadata"]["resourceVersion"]) + 1)

    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])

    def take_away(self, by: str) -> None:
        """Somebody else writes himself into the Lease."""
        assert self.lease is not None
        spec = {**self.lease["spec"], "holderIdentity": by}
        self._keep({**self.lease, "spec": spec}, int(self.lease["metadata"]["resourceVersion"]) + 1)

    def _keep(self, body: Body, version: int) -> Body:
        meta = {**body["metadata"], "resourceVersion": str(version)}
        self.lease = {**body, "metadata": meta}
        return self.lease


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Signals that this process would have sent to itself; and an election as quick as the library takes."""
    monkeypatch.setattr(leadership, "LEASE_DURATION_S", 3)
    monkeypatch.setattr(leadership, "RENEW_DEADLINE_S", 2)
    monkeypatch.setattr(leadership, "RETRY_PERIOD_S", 1)
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append(number))
    return signals


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def play(story: Callable[[OneLease], Awaitable[None]]) -> None:
    async def told() -> None:
        await story(OneLease())

    asyncio.run(told())


def test_of_two_operators_one_leads_and_the_other_waits(ended: list[int]) -> None:
    async def story(api: OneLease) -> None:
        leads, first = leadership.elect(api, "here", "first")  # type: ignore[arg-type]
        await asyncio.wait_for(leads.wait(), 20)
        leads_too, second = leadership.elect(api, "here", "second")  # type: ignore[arg-type]
        looks = api.looks
        await until(lambda: api.looks > looks + 2)
        assert (api.holder(), leads_too.is_set()) == ("first", False)
        # Once the first renews no more, the second takes over.
        await stopped(first)
        await asyncio.wait_for(leads_too.wait(), 20)
        assert api.holder() == "second"
        await stopped(second)

    play(story)
    assert ended == []


def test_an_operator_that_loses_its_lease_ends(ended: list[int]) -> None:
    async def story(api: OneLease) -> None:
        leads, task = leadership.elect(api, "here", "first")  # type: ignore[arg-type]
        await asyncio.wait_for(leads.wait(), 20)
        api.take_away("second")
        await until(lambda: bool(ended))
        await stopped(task)
        assert api.holder() == "second"

    play(story)
    assert ended == [signal.SIGTERM]
