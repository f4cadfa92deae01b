"""A volume that does not come: the cluster's own words are told, and another class or size taken at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from kubernetes.aio.client import ApiException

from facedb_operator.facts import Claim, FetchJob, JobState
from facedb_operator.kinds import Kind
from facedb_operator.kube import Kube
from facedb_operator.names import Component, Reason
from facedb_operator.observe.readings import Worker
from facedb_operator.observe.volumes import PATIENCE, Volumes, waits
from facedb_operator.steps import CreateClaim, DeleteClaim, StartFetch
from world import World

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
KEY = ("media", "stash")
CLAIM = Claim("release", Component.RELEASE, "k", "2026.02.18", NOW, None, bound=False)
JOB = FetchJob("job", "k", Component.RELEASE, "release", 1, JobState.RUNNING, NOW, None, None, None, None)
WORDS = 'storageclass.storage.k8s.io "nowhere" not found'


class Events:
    """Stands where ``Kube`` stands, and has Events of one claim."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.asked: list[str] = []
        self.refuses = False

    async def list(
        self, kind: Kind, namespace: str, take: Callable[[dict[str, Any]], None], *, fields: str = ""
    ) -> int:
        """As Kube.list."""
        assert (kind.plural, namespace) == ("events", "media")
        self.asked.append(fields)
        if self.refuses:
            raise ApiException(status=403)
        for event in self.events:
            take(event)
        return 1


def asked(events: Events, *claims: Claim) -> Volumes:
    volumes = Volumes(cast(Kube, events))
    asyncio.run(volumes.ask(KEY, claims))
    return volumes


def test_the_last_warning_of_the_claim_is_why_its_job_cannot_start() -> None:
    old = {"message": "out of quota", "lastTimestamp": "2026-11-21T03:00:00Z"}
    new = {"message": f"{WORDS}\n", "eventTime": "2026-11-21T03:59:00Z", "lastTimestamp": None}
    events = Events(new, old)
    told = asked(events, CLAIM).told(KEY, JOB)
    assert told.blocked == f"volume release is not there: {WORDS}"
    assert "involvedObject.name=release" in events.asked[0]
    assert "type=Warning" in events.asked[0]


def test_without_words_or_without_the_right_to_read_them_all_stays_as_it_is() -> None:
    assert asked(Events(), CLAIM).told(KEY, JOB) == JOB
    refusing = Events()
    refusing.refuses = True
    assert asked(refusing, CLAIM).told(KEY, JOB) == JOB


def test_words_end_with_the_wait() -> None:
    volumes = asked(Events({"message": WORDS}), CLAIM)
    asyncio.run(volumes.ask(KEY, ()))
    assert volumes.told(KEY, JOB) == JOB


def test_nobody_is_asked_at_every_pass() -> None:
    events = Events({"message": WORDS})
    volumes = asked(events, CLAIM)
    asyncio.run(volumes.ask(KEY, (CLAIM,)))
    assert len(events.asked) == 1


def worker(*, running: bool) -> Worker:
    nothing: dict[str, Any] = {"ended": False, "outcome": None, "said": "", "blocked": None, "died": None}
    return Worker("p", "job", NOW, running=running, taken=False, **nothing)


@pytest.mark.parametrize(
    ("claim", "after", "running", "found"),
    [
        pytest.param(CLAIM, PATIENCE * 2, False, True, id="nothing comes"),
        pytest.param(CLAIM, PATIENCE / 2, False, False, id="it has only begun"),
        pytest.param(replace(CLAIM, bound=True), PATIENCE * 2, False, False, id="it came"),
        pytest.param(replace(CLAIM, deleting=True), PATIENCE * 2, False, False, id="it goes"),
        pytest.param(CLAIM, PATIENCE * 2, True, False, id="the pod runs"),
    ],
)
def test_only_what_somebody_waits_for_in_vain_is_asked_about(
    claim: Claim, after: timedelta, *, running: bool, found: bool
) -> None:
    assert bool(waits([claim], [JOB], {"job": worker(running=running)}, NOW + after)) is found


@pytest.mark.parametrize("part", [{"storageClassName": "good"}, {"size": "8Gi"}], ids=["a class", "a size"])
def test_a_claim_that_no_volume_came_for_is_made_anew_when_another_is_asked_for(
    spec: dict[str, Any], part: dict[str, str]
) -> None:
    world = World({**spec, "storage": {**spec["storage"], "storageClassName": "nowhere"}})
    while not any(
        isinstance(s, StartFetch) and s.component is Component.RELEASE for s in world.one_pass().steps
    ):
        world.tick()
    name = next(c.name for c in world.claims.values() if c.version)
    world.claims[name] = replace(world.claims[name], bound=False)
    waiting = next(j for j in world.jobs.values() if j.claim == name)
    world.jobs[waiting.name] = replace(waiting, blocked="volume is not there: nowhere not found")
    assert world.one_pass().reason == Reason.FETCH_STUCK
    world.apply(storage={**world.spec["storage"], **part})
    assert DeleteClaim(name) in world.one_pass().steps
    world.tick()
    assert [s.component for s in world.one_pass().steps if isinstance(s, CreateClaim)] == [Component.RELEASE]
    world.settle()
    assert world.serving() == [spec["version"]]
    # The Job that waited has done it.
    assert world.fetched.count(spec["version"]) == 1
