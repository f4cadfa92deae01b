"""What the API server answers instead of a good answer, and what is made of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from facedb_operator.act import write_event
from facedb_operator.failures import is_certain, is_news, may_be_written, trouble
from facedb_operator.kinds import SERVICE
from facedb_operator.kube import LONGEST_WAIT_S, Kube, Refusal
from facedb_operator.plan import plan
from facedb_operator.status import refused_status, status_of
from facedb_operator.status.events import Subject, events_of
from kstatus import faults, kstatus
from world import World

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace x is being terminated"}]}


async def _refused(status: int, body: str, headers: dict[str, str]) -> Refusal:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with ApiClient(Configuration(host=f"http://127.0.0.1:{port}")) as api:
            await Kube(api).patch(SERVICE, "x", "stash", {})
    except Refusal as error:
        return error
    finally:
        await runner.cleanup()
    raise AssertionError("it was not refused")


def refused(status: int, message: str = "no", *, after: str = "", **details: Any) -> Refusal:
    """How a request ends that an HTTP server answers so."""
    body = json.dumps({"kind": "Status", "code": status, "message": message, "details": details})
    return asyncio.run(_refused(status, body, {"Retry-After": after} if after else {}))


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_the_server_is_left_alone_for_as_long_as_it_says(status: int) -> None:
    found = trouble(refused(status, after="7"))
    assert found is not None
    assert found.wait_s == 7


def test_nobody_is_sent_away_for_a_day() -> None:
    found = trouble(refused(503, after="86400"))
    assert found is not None
    assert found.wait_s == LONGEST_WAIT_S


def test_a_refusal_is_one_line_that_says_what_of() -> None:
    error = refused(403, "exceeded quota:\n none")
    assert str(error) == "PATCH services/stash: 403 exceeded quota: none"
    assert (error.kind, error.name) == (SERVICE, "stash")


def test_what_is_no_api_server_is_understood_too() -> None:
    error = asyncio.run(_refused(502, "<html>Bad gateway</html>", {}))
    assert str(error) == "PATCH services/stash: 502 Bad Gateway"


@pytest.mark.parametrize(
    ("status", "first", "second"),
    [(403, True, True), (422, True, True), (404, False, True), (500, False, True), (503, False, True)]
    + [(each, False, False) for each in (401, 409, 429)],
)
def test_what_no_second_try_changes_is_news_at_once_and_what_repeats_is(
    status: int, *, first: bool, second: bool
) -> None:
    error = refused(status)
    assert (is_news(error, 1), is_news(error, 2)) == (first, second)


def test_a_namespace_that_is_being_deleted_is_no_news() -> None:
    error = refused(403, **TERMINATING)
    found = trouble(error)
    assert found is not None
    assert (is_news(error, 5), found.level) == (False, 10)


@pytest.mark.parametrize(
    ("status", "may_be"), [(403, False), (409, False), (429, False), (500, True), (504, True)]
)
def test_only_where_nobody_can_tell_is_a_write_doubted(status: int, *, may_be: bool) -> None:
    assert may_be_written(refused(status)) is may_be
    assert may_be_written(TimeoutError())


@pytest.mark.parametrize(
    ("error", "level"), [(refused(403, **TERMINATING), "DEBUG"), (refused(403), "WARNING")]
)
def test_an_event_that_is_not_taken_is_only_worth_a_word_where_somebody_reads_events(
    error: Refusal, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        async def create(self, *_: object) -> None:
            raise error

    kube: Any = Full()
    with caplog.at_level("DEBUG", "facedb_operator.act"):
        asyncio.run(write_event(kube, {"reason": "Fetching", "metadata": {}}))
    assert [record.levelname for record in caplog.records] == [level]


def told(world: World, error: Refusal) -> dict[str, Any]:
    """The resource with the status of a pass whose step was refused."""
    db, seen = world.database(), world.observe()
    fresh = status_of(db, seen, plan(db, seen))
    meta = {"name": "stash", "namespace": "default", "uid": "u-1", "generation": world.generation}
    body = {"metadata": meta, "spec": world.spec, "status": world.status}
    new = refused_status(body, fresh, error.told, world.now, stalled=is_certain(error))
    return {**body, "status": json.loads(json.dumps(new))}


@pytest.mark.parametrize(("status", "reads"), [(403, "Failed"), (500, "InProgress")])
def test_a_refused_step_is_told_and_nothing_is_forgotten_by_it(
    spec: dict[str, Any], status: int, reads: str
) -> None:
    world, error = World(spec), refused(status, "range is full")
    world.settle()
    before = world.status
    world.apply(version="2026.02.18")
    body = told(world, error)
    new = body["status"]
    for field in ("lastGood", "history", "active", "storage"):
        assert new[field] == before[field]
    ready = next(c for c in new["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "StepFailed")
    assert ready["message"].startswith("The API server does not take Service stash: range is full.")
    assert [faults(c) for c in new["conditions"] if faults(c)] == []
    assert kstatus(body) == reads
    (event,) = events_of(Subject("stash", "default", "u-1"), before, new, NOW)
    assert (event["type"], event["reason"]) == ("Warning", "StepFailed")
    # The same again is no news and no write.
    world.status = new
    assert told(world, error)["status"] == new
    # Once it is taken, nothing is left of it.
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert "StepFailed" not in json.dumps(world.status)


def test_what_serves_is_told_as_it_is_while_a_step_is_refused(spec: dict[str, Any]) -> None:
    world, error = World(spec), refused(403, "exceeded quota")
    world.settle()
    world.status = told(world, error)["status"]
    assert (world.condition("Available")[0], world.status["readyReplicas"]) == ("True", 1)
    world.pods.clear()
    world.status = told(world, error)["status"]
    assert (world.condition("Available")[0], world.status["readyReplicas"]) == ("False", 0)
    assert world.condition("Degraded")[0] == "True"
    assert "active" not in world.status


def test_a_database_that_never_had_a_status_gets_one(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.status = told(world, refused(403, "exceeded quota"))["status"]
    assert world.condition("Ready") == ("False", "StepFailed")
    assert world.condition("Available")[0] == "False"
