"""What the store knows: exactly what there is, through every gap, and never less than we wrote ourselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiException

from facedb_operator import names
from facedb_operator.kinds import CLAIM, DATABASE, DEPLOYMENT, JOB, POD, SERVICE, Kind
from facedb_operator.observe.freshness import PATIENCE_S
from facedb_operator.observe.readings import JOB_NAME_LABEL
from facedb_operator.observe.store import Write
from store_story import A_WHILE_S, KEY, Story
from virtual_time import play
from watched_api import AT


def test_what_was_deleted_while_the_watch_was_down_is_gone() -> None:
    async def story() -> None:
        world = Story()
        world.api.write(SERVICE, "stays")
        world.api.write(SERVICE, "goes")
        async with world.running():
            assert set(world.known(SERVICE)) == {"stays", "goes"}
            world.woken.clear()
            world.api.delete(SERVICE, "goes")
            await world.api.expire(SERVICE)
            await asyncio.sleep(A_WHILE_S)
            assert set(world.known(SERVICE)) == {"stays"}
            assert KEY in world.woken

    play(story())


def test_a_database_that_was_deleted_meanwhile_wakes_its_loop_so_that_it_ends() -> None:
    async def story() -> None:
        world = Story()
        world.api.write(DATABASE, "a", spec={})
        async with world.running():
            world.api.delete(DATABASE, "a")
            world.woken.clear()
            await world.api.expire(DATABASE)
            await asyncio.sleep(A_WHILE_S)
            assert (world.woken, world.store.databases()) == ([KEY], [])

    play(story())


def test_a_broken_connection_is_taken_up_where_it_broke_without_a_listing() -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            listed = world.api.requests["list services"]
            world.api.write(SERVICE, "s")
            await world.api.cut(SERVICE)
            await world.api.tell(SERVICE)
            await asyncio.sleep(A_WHILE_S)
            assert set(world.known(SERVICE)) == {"s"}
            assert world.api.requests["list services"] == listed

    play(story())


def test_an_object_moves_with_its_label_and_leaves_with_it() -> None:
    async def story() -> None:
        world = Story()
        world.api.write(SERVICE, "s")
        async with world.running():
            world.api.write(SERVICE, "s", "b")
            await world.api.tell(SERVICE)
            assert [e.name for e in world.store.of(SERVICE, ("x", "b"))] == ["s"]
            assert not list(world.store.of(SERVICE, KEY))

    play(story())


def test_what_is_not_as_ours_are_is_left_alone_and_stops_nothing() -> None:
    async def story() -> None:
        world = Story()
        world.api.write(CLAIM, "ours")
        async with world.running():
            world.api.write(CLAIM, "ours", labels={names.COMPONENT_LABEL: "nonsense"})
            world.api.write(CLAIM, "next")
            await world.api.tell(CLAIM)
            assert set(world.known(CLAIM)) == {"next"}

    play(story())


def test_a_busy_server_is_left_in_peace_for_as_long_as_it_says() -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            busy = ApiException(status=429, reason="Too Many Requests")
            busy.headers = {"Retry-After": "7"}
            world.api.failures = [busy]
            asked = world.api.requests["watch services"]
            await world.api.cut(SERVICE)
            await asyncio.sleep(1)
            # The broken watch has been begun again, and was refused.
            assert world.api.requests["watch services"] == asked + 1
            await asyncio.sleep(5)
            assert world.api.requests["watch services"] == asked + 1
            await asyncio.sleep(3)
            assert world.api.requests["watch services"] == asked + 2

    play(story())


def test_our_own_status_wakes_nobody_but_a_new_spec_does() -> None:
    async def story() -> None:
        world = Story()
        first = world.api.write(DATABASE, "a", spec={})
        async with world.running():
            world.woken.clear()
            generation = first["metadata"]["generation"]
            changed = world.api.write(DATABASE, "a", spec={}, status={"replicas": 1})
            changed["metadata"]["generation"] = generation
            await world.api.tell(DATABASE)
            assert world.woken == []
            entry = world.store.one(DATABASE, KEY, "a")
            assert entry is not None
            assert entry.fact.body()["status"] == {"replicas": 1}
            world.api.write(DATABASE, "a", spec={"version": "2"})
            await world.api.tell(DATABASE)
            assert world.woken == [KEY]

    play(story())


def test_a_pass_waits_until_the_store_has_seen_the_last_one() -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            world.wrote(SERVICE, "s")
            waiting = asyncio.create_task(world.fresh.own_writes(KEY))
            await asyncio.sleep(PATIENCE_S / 2)
            assert not waiting.done()
            await world.api.tell(SERVICE)
            await asyncio.sleep(0)
            assert waiting.done()
            assert world.api.requests["list services"] == 1

    play(story())


def test_a_pass_goes_on_as_soon_as_its_own_status_is_told_though_that_is_news_to_nobody() -> None:
    async def story() -> None:
        world = Story()
        first = world.api.write(DATABASE, "a", spec={})
        async with world.running():
            world.woken.clear()
            own = world.api.write(DATABASE, "a", spec={}, status={"replicas": 1})
            own["metadata"]["generation"] = first["metadata"]["generation"]
            world.fresh.wrote(KEY, [Write(DATABASE, "x", "a", world.api.version)])
            waiting = asyncio.create_task(world.fresh.own_writes(KEY))
            await asyncio.sleep(0)
            began = asyncio.get_running_loop().time()
            await world.api.tell(DATABASE)
            await waiting
            assert asyncio.get_running_loop().time() == began
            assert world.woken == []

    play(story())


def test_a_late_watch_is_asked_directly_and_its_late_events_change_nothing() -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            world.wrote(SERVICE, "s")
            world.api.write(SERVICE, "s")
            world.deleted(SERVICE, "s")
            await world.fresh.own_writes(KEY)
            assert world.api.requests["list services"] == 2
            for _ in range(3):
                await world.api.tell(SERVICE, 1)
                assert world.known(SERVICE) == {}

    play(story())


def test_after_a_write_that_may_or_may_not_have_been_made_the_server_is_asked() -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            world.api.write(DATABASE, "a", spec={}, status={"bad": [1]})
            world.fresh.doubt(KEY)
            await world.fresh.own_writes(KEY)
            entry = world.store.one(DATABASE, KEY, "a")
            assert entry is not None
            assert entry.fact.body()["status"] == {"bad": [1]}

    play(story())


ENDED = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": AT}]}


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param(JOB, {"status": ENDED}, id="a Job has ended, its pod has not yet"),
        pytest.param(
            DEPLOYMENT,
            {"spec": {"template": {"spec": {}}}, "status": {"replicas": 1}},
            id="a Deployment counts a pod that nobody has seen",
        ),
    ],
)
def test_what_one_watch_tells_of_pods_before_their_own_is_asked_for(
    kind: Kind, parts: dict[str, Any]
) -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            world.api.write(POD, "p", labels={JOB_NAME_LABEL: "j"}, status={"phase": "Failed"})
            world.api.write(kind, "j", **parts)
            await world.api.tell(kind)
            await world.fresh.whole(KEY)
            assert set(world.known(POD)) == {"p"}
            await world.fresh.whole(KEY)
            assert world.api.requests["list pods"] == 2

    play(story())


KINDS = (SERVICE, CLAIM, DATABASE)
NAMES = ("s", "t")
MOVES = st.one_of(
    st.tuples(
        st.sampled_from(("ours", "theirs", "we delete", "they delete")),
        st.sampled_from(KINDS),
        st.sampled_from(NAMES),
    ),
    st.tuples(
        st.sampled_from(("tell one", "tell all", "cut", "expire")), st.sampled_from(KINDS), st.just("")
    ),
    st.tuples(st.just("pass"), st.just(SERVICE), st.just("")),
)


@given(st.lists(MOVES, max_size=25))
def test_whatever_watches_do_a_pass_sees_its_own_writes_and_all_sees_the_truth_at_last(
    moves: list[tuple[str, Kind, str]],
) -> None:
    async def story() -> None:
        world = Story()
        async with world.running():
            for what, kind, name in moves:
                await _move(world, what, kind, "a" if kind is DATABASE else name)
            for kind in KINDS:
                await world.api.tell(kind)
            await asyncio.sleep(A_WHILE_S)
            for kind in KINDS:
                assert world.known(kind) == world.api.names_of(kind)

    play(story())


async def _move(world: Story, what: str, kind: Kind, name: str) -> None:
    writes: dict[str, Callable[[Kind, str], object]] = {
        "ours": world.wrote,
        "theirs": world.api.write,
        "we delete": world.deleted,
        "they delete": world.api.delete,
    }
    tells: dict[str, Callable[[Kind], Awaitable[None]]] = {
        "tell one": lambda kind: world.api.tell(kind, 1),
        "tell all": world.api.tell,
        "cut": world.api.cut,
        "expire": world.api.expire,
    }
    if what in writes:
        if what != "we delete" or await _is_known(world, kind, name):
            writes[what](kind, name)
    elif what in tells:
        await tells[what](kind)
    else:
        await world.fresh.own_writes(KEY)
        _assert_read_your_writes(world)


async def _is_known(world: Story, kind: Kind, name: str) -> bool:
    """Whether the store knows this very object: what it has not told, no pass deletes."""
    known, there = world.store.one(kind, KEY, name), await world.api.get(kind, KEY[0], name)
    return known is not None and there is not None and known.uid == there["metadata"]["uid"]


def _assert_read_your_writes(world: Story) -> None:
    for write in world.own:
        found = world.store.one(write.kind, KEY, write.name)
        if write.version is None:
            assert found is None or found.uid != write.uid or not write.uid
        else:
            # It may be gone again since, by a later write; it may never be older.
            assert found is None or found.version >= write.version
            assert world.store.known(write.kind, KEY) >= write.version
