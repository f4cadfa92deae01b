"""Events on a real API server: what it takes, and that the same news again raises the count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from api_server import ApiServer
from facedb_operator.act import write_event
from facedb_operator.kube import Kube
from facedb_operator.status.events import Subject, events_of

pytestmark = pytest.mark.cluster

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ABOUT = Subject("stash", "default", "u-1")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("api")) as running:
        yield running


def event(message: str, at: datetime) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "False", "reason": "SourceUnavailable", "message": message}
    return events_of(ABOUT, {}, {"conditions": [condition], "desired": {"version": "2026.02.18"}}, at)[0]


async def say(api: ApiServer, *events: dict[str, Any]) -> None:
    config = Configuration(host=api.url)
    config.ssl_ca_cert = str(api.ca)
    config.api_key = {"BearerToken": f"Bearer {api.token}"}
    async with ApiClient(config) as client:
        for each in events:
            await write_event(Kube(client), each)


def test_the_same_news_again_raises_the_count_and_keeps_the_last_message(api: ApiServer) -> None:
    moments = [NOW + timedelta(minutes=number) for number in range(3)]
    asyncio.run(say(api, *(event(f"attempt {n}", at) for n, at in enumerate(moments))))
    status, found = api.request("GET", "/api/v1/namespaces/default/events")
    assert status == 200
    ours = [e for e in found["items"] if e["involvedObject"].get("uid") == "u-1"]
    assert [(e["count"], e["message"], e["type"]) for e in ours] == [(3, "attempt 2", "Warning")]
    assert (ours[0]["firstTimestamp"], ours[0]["lastTimestamp"]) == (
        "2026-11-21T04:00:00Z",
        "2026-11-21T04:02:00Z",
    )


def test_an_event_that_is_refused_stops_nothing(api: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    wrong = event("to nowhere", NOW)
    wrong["metadata"]["namespace"] = "nowhere"
    asyncio.run(say(api, wrong))
    assert "not taken" in caplog.text
