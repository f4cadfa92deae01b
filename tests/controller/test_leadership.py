"""Two operators at one Lease: one leads, the other waits, and whoever loses it writes no more and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from facedb_operator import leadership
from facedb_operator.kinds import JOB, LEASE, Kind
from facedb_operator.kube import Kube, NotLeading
from facedb_operator.leadership import LEASE_DURATION_S, RETRY_PERIOD_S, SURE_S, Leadership
from virtual_time import play

Body = dict[str, Any]
# Until one that waits has seen that the other does not renew any more, and has tried.
TAKEOVER_S = LEASE_DURATION_S + 3 * RETRY_PERIOD_S


@dataclass
class OneLease:
    """The API server's side: a Lease that knows its resourceVersion."""

    lease: Body | None = None
    writes: int = 0

    def take_away(self, by: str) -> None:
        """Somebody else writes a name into the Lease."""
        assert self.lease is not None
        self.keep({**self.lease, "spec": {**self.lease["spec"], "holderIdentity": by, "renewTime": "now"}})

    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])

    def keep(self, body: Body) -> Body:
        self.writes += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.writes)}}
        return self.lease


@dataclass
class Line:
    """One operator's way to the API server; stands where ``facedb_operator.kube.Kube`` stands.

    Attributes:
        mood: "" for good; "away": nobody answers; "hangs": no answer, for ever; "deaf": what is asked is
            done, and the answer lost.
    """

    api: OneLease
    mood: str = ""
    asked: list[str] = field(default_factory=list)

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        await self._travel("get")
        return self.api.lease

    async def create(self, kind: Kind, body: Body) -> Body:
        await self._travel("create")
        if self.api.lease is not None:
            raise ApiException(status=409, reason="AlreadyExists")
        return self._answer(self.api.keep(body))

    async def replace(self, kind: Kind, body: Body) -> Body:
        await self._travel("replace")
        assert self.api.lease is not None
        if body["metadata"]["resourceVersion"] != self.api.lease["metadata"]["resourceVersion"]:
            raise ApiException(status=409, reason="Conflict")
        return self._answer(self.api.keep(body))

    async def _travel(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0.01)
        if self.mood == "away":
            raise aiohttp.ClientConnectionError
        if self.mood == "hangs":
            await asyncio.sleep(1e9)

    def _answer(self, body: Body) -> Body:
        if self.mood == "deaf":
            raise aiohttp.ServerDisconnectedError
        return body


class Operator:
    """One that stands for election."""

    def __init__(self, api: OneLease, name: str) -> None:
        self.line = Line(api)
        kube: Any = self.line
        clock = asyncio.get_running_loop().time
        self.leadership = Leadership(kube, "here", name, clock)
        self.task = asyncio.create_task(self.leadership.run())

    async def dies(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def tell(story: Coroutine[Any, Any, None]) -> None:
    """Play it, and leave nothing behind."""

    async def told() -> None:
        await story
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    play(told())


async def won(operator: Operator) -> float:
    """Seconds until it leads."""
    began = asyncio.get_running_loop().time()
    await asyncio.wait_for(operator.leadership.won.wait(), 1000)
    return asyncio.get_running_loop().time() - began


def test_of_two_operators_one_leads_and_the_other_waits() -> None:
    async def story() -> None:
        api = OneLease()
        first = Operator(api, "first")
        assert await won(first) < 1
        second = Operator(api, "second")
        await asyncio.sleep(3600)
        assert (first.leadership.holds(), second.leadership.holds()) == (True, False)
        # Once the first renews no more, the second takes over, and not before.
        await first.dies()
        assert SURE_S < await won(second) <= TAKEOVER_S
        assert api.holder() == "second"
        assert api.lease is not None
        assert api.lease["spec"]["leaseTransitions"] == 1

    tell(story())


def test_an_operator_that_loses_its_lease_ends() -> None:
    async def story() -> None:
        api = OneLease()
        first = Operator(api, "first")
        await won(first)
        api.take_away("second")
        await asyncio.wait_for(first.task, 2 * RETRY_PERIOD_S)
        assert not first.leadership.holds()
        assert api.holder() == "second"

    tell(story())


@pytest.mark.parametrize("mood", ["away", "hangs"])
def test_a_leader_without_an_api_server_is_sure_of_nothing_before_another_leads(mood: str) -> None:
    async def story() -> None:
        api = OneLease()
        first, second = Operator(api, "first"), Operator(api, "second")
        await won(first)
        await asyncio.sleep(60)
        first.line.mood = mood
        await asyncio.sleep(SURE_S)
        assert not first.leadership.holds()
        assert not second.leadership.won.is_set()
        await won(second)
        await asyncio.wait_for(first.task, TAKEOVER_S)

    tell(story())


def test_a_short_outage_costs_nobody_the_lease() -> None:
    async def story() -> None:
        first = Operator(OneLease(), "first")
        await won(first)
        for mood in ("away", "hangs", "deaf"):
            first.line.mood = mood
            await asyncio.sleep(SURE_S / 2)
            first.line.mood = ""
            await asyncio.sleep(60)
            assert first.leadership.holds()

    tell(story())


def test_a_lease_that_is_released_is_taken_up_at_once() -> None:
    async def story() -> None:
        api = OneLease()
        first = Operator(api, "first")
        await won(first)
        second = Operator(api, "second")
        await asyncio.sleep(60)
        await first.dies()
        await first.leadership.release()
        assert not first.leadership.holds()
        assert await won(second) <= 2 * RETRY_PERIOD_S

    tell(story())


def test_who_does_not_lead_releases_nothing() -> None:
    async def story() -> None:
        api = OneLease()
        first, second = Operator(api, "first"), Operator(api, "second")
        await won(first)
        await second.leadership.release()
        assert api.holder() == "first"

    tell(story())


def test_an_operator_that_was_restarted_takes_up_its_own_lease() -> None:
    async def story() -> None:
        api = OneLease()
        first = Operator(api, "first")
        await won(first)
        await first.dies()
        assert await won(Operator(api, "first")) < 1

    tell(story())


def test_two_by_one_name_do_not_both_lead() -> None:
    async def story() -> None:
        api = OneLease()
        first = Operator(api, "operator")
        await won(first)
        await won(Operator(api, "operator"))
        await asyncio.wait_for(first.task, 3 * RETRY_PERIOD_S)
        assert not first.leadership.holds()

    tell(story())


def test_at_rest_a_leader_asks_once_in_two_seconds() -> None:
    async def story() -> None:
        first = Operator(OneLease(), "first")
        await won(first)
        first.line.asked.clear()
        await asyncio.sleep(100)
        assert set(first.line.asked) == {"replace"}
        assert len(first.line.asked) <= 50

    tell(story())


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_the_clock_on_the_wall_makes_and_ends_no_leader(
    jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = [datetime(2026, 11, 21, 4, 0, tzinfo=UTC)]

    class Wall(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            wall[0] += timedelta(milliseconds=1)
            return wall[0]

    monkeypatch.setattr(leadership, "datetime", Wall)

    async def story() -> None:
        api = OneLease()
        first, second = Operator(api, "first"), Operator(api, "second")
        await won(first)
        await asyncio.sleep(60)
        wall[0] += jump
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert first.leadership.holds()
            assert not second.leadership.holds()
        wall[0] += jump
        await first.dies()
        assert await won(second) <= TAKEOVER_S

    tell(story())


MOVES = st.tuples(
    st.sampled_from((0, 1)),
    st.sampled_from(("", "away", "hangs", "deaf", "dies", "leaves")),
    st.floats(0.1, 40),
)


@given(st.lists(MOVES, max_size=12))
def test_whatever_happens_to_their_lines_there_are_never_two(moves: list[tuple[int, str, float]]) -> None:
    async def story() -> None:
        api = OneLease()
        both = [Operator(api, "first"), Operator(api, "second")]
        for number, what, seconds in (*moves, (0, "", 1.0), (1, "", TAKEOVER_S)):
            one = both[number]
            if what in ("dies", "leaves"):
                await one.dies()
                if what == "leaves":
                    await one.leadership.release()
            else:
                one.line.mood = what
            if one.task.done():
                both[number] = Operator(api, ("first", "second")[number])
            for _ in range(int(seconds * 4)):
                await asyncio.sleep(0.25)
                assert sum(each.leadership.holds() for each in both) <= 1
        ended = [each for each in both if each.task.done()]
        assert ended or any(each.leadership.holds() for each in both)

    tell(story())


def test_who_is_not_sure_to_lead_writes_nothing_but_the_lease() -> None:
    async def story() -> None:
        async with ApiClient(Configuration(host="http://127.0.0.1:9")) as api:
            kube = Kube(api, lambda kind: kind is LEASE)
            for write in (kube.patch(JOB, "x", "j", {}), kube.delete(JOB, "x", "j"), kube.apply(JOB, _job())):
                with pytest.raises(NotLeading):
                    await write
            # These reach for the network.
            for request in (kube.get(JOB, "x", "j"), kube.replace(LEASE, _job())):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await request

    asyncio.run(story())


def _job() -> Body:
    return {"metadata": {"namespace": "x", "name": "j"}}
