"""What is written first when there is more to write than slots; and Events, which never hold up anything."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiException

from facedb_operator.kinds import EVENT, Kind
from facedb_operator.posting import LAST_WORDS_S, Post
from facedb_operator.slots import Rank, Slots
from facedb_operator.status import without_words
from virtual_time import play

Body = dict[str, Any]


def test_a_step_goes_before_a_status_and_a_status_before_an_event() -> None:
    async def story() -> list[Rank]:
        slots, order = Slots(1), []

        async def write(rank: Rank) -> None:
            async with slots.taken(rank):
                order.append(rank)
                await asyncio.sleep(1)

        ranks = [Rank.EVENT, Rank.EVENT, Rank.STATUS, Rank.STEPS, Rank.STATUS, Rank.STEPS]
        await asyncio.gather(*(write(rank) for rank in ranks))
        return order

    # The first found it free.
    assert play(story()) == [Rank.EVENT, *sorted([Rank.EVENT] + [Rank.STATUS] * 2 + [Rank.STEPS] * 2)]


def test_those_of_one_rank_go_in_the_order_in_which_they_came() -> None:
    async def story() -> list[int]:
        slots, order = Slots(2), []

        async def write(number: int) -> None:
            async with slots.taken(Rank.STEPS):
                order.append(number)
                await asyncio.sleep(1)

        await asyncio.gather(*(write(number) for number in range(20)))
        return order

    assert play(story()) == list(range(20))


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(Rank), st.integers(0, 5), st.none() | st.integers(0, 8)), max_size=15),
)
def test_never_more_than_slots_and_never_one_lost_however_many_give_up(
    count: int, writers: list[tuple[Rank, int, int | None]]
) -> None:
    async def story() -> None:
        slots, now, most = Slots(count), 0, 0

        async def write(rank: Rank) -> None:
            nonlocal now, most
            async with slots.taken(rank):
                now += 1
                most = max(most, now)
                try:
                    await asyncio.sleep(2)
                finally:
                    now -= 1

        async def one(rank: Rank, after: int, patience: int | None) -> None:
            await asyncio.sleep(after)
            await asyncio.wait_for(write(rank), patience)

        await asyncio.gather(*(one(*each) for each in writers), return_exceptions=True)
        assert (now, most <= count) == (0, True)
        # All slots are there again.
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(write(Rank.EVENT) for _ in range(count)))
        assert asyncio.get_running_loop().time() - began == 2

    play(story())


class Events:
    """An API server that has Events."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.counts: dict[str, int] = {}
        self.hangs = False
        self.fails: Exception | None = None

    async def create(self, kind: Kind, event: Body) -> Body:
        await self._ask("create", kind)
        name = event["metadata"]["name"]
        if name in self.counts:
            raise ApiException(status=409)
        self.counts[name] = event["count"]
        return event

    async def patch(self, kind: Kind, namespace: str, name: str, body: Body) -> Body:
        await self._ask("patch", kind)
        if name not in self.counts:
            raise ApiException(status=404)
        self.counts[name] = body.get("count", self.counts[name])
        return {"count": self.counts[name]}

    async def _ask(self, what: str, kind: Kind) -> None:
        assert kind is EVENT
        self.asked.append(what)
        if self.hangs:
            await asyncio.sleep(1e9)
        if self.fails:
            raise self.fails


def news(name: str = "a") -> Body:
    meta = {"name": name, "namespace": "x"}
    return {"metadata": meta, "reason": "R", "message": "m", "lastTimestamp": "t", "count": 1}


def post(api: Events) -> Post:
    kube: Any = api
    return Post(kube, Slots(1))


def test_the_same_news_again_is_one_request() -> None:
    async def story() -> None:
        api = Events()
        sender = post(api)
        sender.start()
        for _ in range(3):
            sender.send([news()])
            await asyncio.sleep(1)
        assert (api.asked, api.counts) == (["create", "patch", "patch"], {"a": 3})
        # After an hour the API server has forgotten it.
        api.counts.clear()
        sender.send([news()])
        await asyncio.sleep(1)
        assert (api.asked[3:], api.counts) == (["patch", "create"], {"a": 1})
        await sender.stop()

    play(story())


def test_an_operator_that_has_just_started_counts_on() -> None:
    async def story() -> None:
        api = Events()
        api.counts = {"a": 7}
        sender = post(api)
        sender.start()
        sender.send([news(), news()])
        await sender.stop()
        assert api.counts == {"a": 9}

    play(story())


def test_an_event_that_is_not_taken_keeps_no_other_from_its_way() -> None:
    async def story() -> None:
        api = Events()
        api.fails = aiohttp.ServerDisconnectedError()
        sender = post(api)
        sender.start()
        sender.send([news("a"), news("b"), news("c"), news("d")])
        await asyncio.sleep(1)
        api.fails = None
        sender.send([news("e")])
        await sender.stop()
        assert api.counts == {"e": 1}

    play(story())


def test_an_end_waits_for_the_last_events_but_not_long() -> None:
    async def story() -> None:
        api = Events()
        sender = post(api)
        sender.start()
        sender.send([news("a")])
        await sender.stop()
        assert api.counts == {"a": 1}
        api.hangs = True
        sender.start()
        sender.send([news("b")])
        began = asyncio.get_running_loop().time()
        await sender.stop()
        assert asyncio.get_running_loop().time() - began <= LAST_WORDS_S

    play(story())


def test_only_sentences_make_no_other_status() -> None:
    def status(message: str, reason: str = "RollingOut", **more: Any) -> Body:
        return {"conditions": [{"type": "Ready", "reason": reason, "message": message}], **more}

    first = without_words(status("Creating the Service."))
    assert first == without_words(status("Creating the pods' account."))
    assert first != without_words(status("Creating the Service.", "Fetching"))
    assert first != without_words(status("Creating the Service.", handled={"retry": "1"}))
    assert without_words({}) != first
