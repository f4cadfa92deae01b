"""Listings that make up for a late watch: shared by all who need one, and never many at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from kubernetes.aio.client import ApiException

from facedb_operator.kinds import JOB, SERVICE, Kind
from facedb_operator.observe.freshness import Freshness
from facedb_operator.observe.repairs import GAP_S, Repairs
from facedb_operator.observe.store import Entry, Key, Store
from facedb_operator.observe.watching import ONE_BY_ONE, Watches
from virtual_time import play
from watched_api import WatchedApi

MANY = [("x", f"db-{number}") for number in range(1000)]


class Lister:
    """Takes a second for a listing, and remembers all of them."""

    def __init__(self) -> None:
        self.made: list[tuple[float, Kind, frozenset[Key]]] = []
        self.fails = False

    async def __call__(self, kind: Kind, keys: frozenset[Key]) -> None:
        self.made.append((asyncio.get_running_loop().time(), kind, keys))
        await asyncio.sleep(1)
        if self.fails:
            raise ApiException(status=500, reason="Internal Server Error")


def test_all_who_doubt_at_the_time_are_served_by_one_listing() -> None:
    async def story() -> None:
        lister = Lister()
        repairs = Repairs(lister)
        await asyncio.gather(*(repairs.made(SERVICE, key) for key in MANY))
        assert [keys for _, _, keys in lister.made] == [frozenset(MANY)]

    play(story())


def test_who_comes_while_a_listing_runs_waits_for_one_that_begins_later() -> None:
    async def story() -> None:
        lister = Lister()
        repairs = Repairs(lister)
        first = asyncio.create_task(repairs.made(SERVICE, MANY[0]))
        await asyncio.sleep(0.5)
        came = asyncio.get_running_loop().time()
        await repairs.made(SERVICE, MANY[1])
        assert first.done()
        began, _, keys = lister.made[-1]
        assert began >= came
        assert keys == {MANY[1]}

    play(story())


def test_a_thousand_databases_that_fail_all_the_time_cost_few_listings() -> None:
    async def story() -> None:
        lister = Lister()
        repairs = Repairs(lister)

        async def fails(number: int) -> None:
            for _ in range(3):
                await asyncio.sleep(number * 0.06)
                await repairs.made(SERVICE, MANY[number])
                await asyncio.sleep(60 - number * 0.06)

        await asyncio.gather(*(fails(number) for number in range(1000)))
        times = [began for began, _, _ in lister.made]
        assert all(later - earlier >= GAP_S for earlier, later in pairwise(times))
        assert len(times) <= times[-1] / GAP_S + 1

    play(story())


def test_kinds_do_not_wait_for_each_other() -> None:
    async def story() -> float:
        repairs = Repairs(Lister())
        await asyncio.gather(repairs.made(SERVICE, MANY[0]), repairs.made(JOB, MANY[0]))
        return asyncio.get_running_loop().time()

    assert play(story()) == pytest.approx(1)


def test_a_listing_that_fails_fails_for_all_it_was_for_and_the_next_is_another() -> None:
    async def story() -> None:
        lister = Lister()
        repairs = Repairs(lister)
        lister.fails = True
        ended = await asyncio.gather(
            *(repairs.made(SERVICE, key) for key in MANY[:3]), return_exceptions=True
        )
        assert all(isinstance(each, ApiException) for each in ended)
        lister.fails = False
        await repairs.made(SERVICE, MANY[0])
        assert len(lister.made) == 2

    play(story())


def test_one_who_stops_waiting_does_not_stop_the_others() -> None:
    async def story() -> None:
        lister = Lister()
        repairs = Repairs(lister)
        first, second = (asyncio.create_task(repairs.made(SERVICE, key)) for key in MANY[:2])
        await asyncio.sleep(0.5)
        first.cancel()
        await second
        assert len(lister.made) == 1

    play(story())


@pytest.mark.parametrize("count", [1, ONE_BY_ONE, ONE_BY_ONE + 1, 100])
def test_after_refused_writes_only_what_was_written_is_listed_and_once_for_all(count: int) -> None:
    async def story() -> None:
        api = WatchedApi()
        store = Store()
        kube: object = api
        watches = Watches(kube, store, ())  # type: ignore[arg-type]  # stands for Kube
        fresh = Freshness(store, watches)
        watches.start(lambda task: None)
        await watches.ready()
        for _, name in MANY[:count]:
            # Written, and no watch will ever tell of it.
            api.write(SERVICE, f"{name}-s", name)
            fresh.doubt(("x", name), (SERVICE,))
        before = api.requests.copy()
        await asyncio.gather(*(fresh.own_writes(key) for key in MANY[:count]))
        asked = api.requests - before
        assert asked == {"list services": count if count <= ONE_BY_ONE else 1}
        for key in MANY[:count]:
            assert [entry.name for entry in store.of(SERVICE, key)] == [f"{key[1]}-s"]
        await watches.stop()

    play(story())


def entry(database: str, version: int) -> Entry:
    return Entry("x", f"{database}-s", database, "uid", version, deleting=False, fact=f"as of {version}")


def facts(store: Store, key: Key) -> list[str]:
    return [each.fact for each in store.of(SERVICE, key)]


def test_a_whole_listing_that_is_older_than_a_repair_changes_nothing_of_what_was_repaired() -> None:
    store, (mine, other) = Store(), MANY[:2]
    store.listed(SERVICE, "", [entry(mine[1], 5), entry(other[1], 5)], 10)
    store.repaired(SERVICE, mine, [entry(mine[1], 20)], 20)
    # A watch that expired has begun this listing before the repair, and it comes after it.
    store.listed(SERVICE, "", [entry(mine[1], 12), entry(other[1], 12)], 15)
    assert (facts(store, mine), facts(store, other)) == (["as of 20"], ["as of 12"])
    assert (store.known(SERVICE, mine), store.known(SERVICE, other)) == (20, 15)
    # What the repair did not find any more does not come back either.
    store.repaired(SERVICE, mine, [], 22)
    store.listed(SERVICE, "", [entry(mine[1], 12), entry(other[1], 12)], 21)
    store.happened(SERVICE, "", entry(mine[1], 21), gone=False)
    assert facts(store, mine) == []
    # A newer one counts again.
    store.listed(SERVICE, "", [entry(mine[1], 30)], 30)
    assert (facts(store, mine), facts(store, other)) == (["as of 30"], [])


def test_a_repair_that_is_older_than_the_watch_changes_nothing() -> None:
    store, key = Store(), MANY[0]
    store.listed(SERVICE, "", [entry(key[1], 5)], 10)
    store.happened(SERVICE, "", entry(key[1], 30), gone=False)
    store.repaired(SERVICE, key, [entry(key[1], 5)], 20)
    assert facts(store, key) == ["as of 30"]
