"""Whatever a server answers, the client gives a typed answer or a StashError, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facedb_sidecar.settings import StashSettings
from facedb_sidecar.stash.answers import IdPage, StashId
from facedb_sidecar.stash.client import StashClient, without_login
from facedb_sidecar.stash.errors import StashError
from stash_server import StashServer


@pytest.fixture(scope="module")
def stash() -> Iterator[StashServer]:
    with StashServer() as server:
        yield server


# Words of real answers, so that the shapes come near to the true ones.
WORDS = st.sampled_from(
    [
        "data",
        "errors",
        "message",
        "findScenes",
        "scenes",
        "id",
        "count",
        "findScene",
        "files",
        "paths",
        "findPerformers",
        "performers",
        "stash_ids",
        "__type",
        "inputFields",
        "name",
        "configuration",
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
ENVELOPES = st.builds(lambda data: {"data": data}, st.dictionaries(WORDS, JSON, max_size=4))
BODIES = st.binary(max_size=60) | (JSON | ENVELOPES).map(lambda value: json.dumps(value).encode())


async def ask_everything(stash: StashServer) -> list[object]:
    async with httpx.AsyncClient() as http:
        client = StashClient(StashSettings(stash.url, None, 10), lambda: 0.0, http=http)
        questions = (
            client.scene("1"),
            client.scene_ids(1, 10),
            client.search_performers("a"),
            client.stash_boxes(),
            client.create_performer({"name": "A"}, StashId("e", "1")),
        )
        return [await _outcome(question) for question in questions]


async def _outcome(question: Any) -> object:
    try:
        return await question
    except StashError as error:
        return error.message


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
@example(body=b'{"data": {"findScenes": {"count": 1, "scenes": [{"title": "x"}]}}}')
@example(body=b'{"errors": [{"message": null}]}')
@example(body=b'{"data": ' + b'{"a": ' * 100_000)
@example(body=b'{"data": {"findScenes": {"count": 1, "scenes": [{"id": "7"}]}}}')
def test_every_answer_is_typed_or_an_error(stash: StashServer, body: bytes) -> None:
    stash.faults.body = body
    outcomes = asyncio.run(ask_everything(stash))
    assert isinstance(outcomes[1], IdPage | str)
    for said in outcomes:
        assert not isinstance(said, str) or said


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://stash:9999", "http://stash:9999"),
        ("http://ann:secret@stash:9999/sub", "http://stash:9999/sub"),
        ("https://ann@[::1]:9999", "https://[::1]:9999"),
    ],
)
def test_a_login_in_the_url_is_not_shown(url: str, shown: str) -> None:
    assert without_login(url) == shown
