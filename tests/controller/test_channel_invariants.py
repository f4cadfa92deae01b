"""Whatever publishers, users and kill -9 do: a channel never goes back, and ends with what it may take."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from channel_world import APPROVE, Publisher, channel_world, live, lookups
from facedb_release.version import parse_version
from world import World
from world_objects import outcome

VERSIONS = ("2026.2.12", "2026.02.18", "2026.10.01", "2026.9.30")
CORRUPT = "2026.09.15"

actions = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from([*VERSIONS, CORRUPT])),
    st.tuples(st.just("approve"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("policy"), st.sampled_from(["Notify", "Automatic"])),
    st.tuples(st.just("soak"), st.sampled_from(["0s", "10m"])),
    st.tuples(st.just("fail"), st.sampled_from([None, "SourceUnavailable", "VersionNotFound"])),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("live"), st.integers(1, 400)),
)


# One case an action: a table.
def act(world: World, source: Publisher, action: tuple[str, Any]) -> None:
    match action:
        case ("publish", version):
            source.offers = version
        case ("approve", version):
            world.annotations = {**world.annotations, APPROVE: f"{version}-1"}
        case ("fail", reason):
            source.failing = outcome("?", ok=False, reason=reason) if reason else None
        case ("kill after", steps):
            world.crash_after = steps
        case ("pause", still):
            world.annotations = {**world.annotations, "facedb.dev/pause": "1" if still else ""}
        case ("live", seconds):
            live(world, seconds, step=20)
        case (field, value):
            world.apply(channel={**world.spec["channel"], field: value})


class Watcher:
    """Looks at every tick: the last good release never gets older, and nothing is fetched twice in vain."""

    def __init__(self, world: World) -> None:
        self.newest = ""
        world.watch = self

    def __call__(self, world: World) -> None:
        good = (world.status.get("lastGood") or {}).get("version", "")
        if self.newest and good:
            assert parse_version(good) >= parse_version(self.newest), f"{self.newest} → {good}"
        self.newest = good or self.newest
        assert world.fetched.count(CORRUPT) <= 1
        if self.newest:
            assert world.serving()


@settings(max_examples=25)
@given(st.lists(actions, max_size=10), st.sampled_from(VERSIONS))
def test_any_sequence_ends_with_the_newest_that_may_be_taken(
    sequence: list[tuple[str, Any]], last: str
) -> None:
    source = Publisher(VERSIONS[0])
    world = channel_world(source, interval="5m")
    world.fetches = lambda v: outcome(v, ok=v != CORRUPT, reason="WrongChecksum", permanent=v == CORRUPT)
    watcher = Watcher(world)
    for action in sequence:
        act(world, source, action)
        live(world, 1)
    source.offers, source.failing = last, None
    world.annotations = {}
    world.apply(channel={"policy": "Automatic", "interval": "5m"})
    live(world, 1500, step=20)
    assert lookups(world) == []
    assert world.serving() == [watcher.newest]
    assert parse_version(watcher.newest) >= parse_version(last)
    assert world.condition("Ready") == ("True", "Serving") or world.status["desired"]["version"] == CORRUPT
