"""Statuses in a real API server: what the operator writes is taken whole, and the columns show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api_server import ApiServer
from crd_server import PATH, STRICT, api_server
from crd_specs import body_of
from status_stories import statuses

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that knows the definition."""
    with api_server(tmp_path_factory.mktemp("api")) as running:
        yield running


def test_every_status_that_the_operator_writes_is_taken_as_it_is(api: ApiServer) -> None:
    api.request("POST", PATH, body_of({}))
    written = statuses()
    assert len(written) > 20
    for status in written:
        body = {**body_of({}), "status": status}
        del body["spec"]
        code, answer = api.request(
            "PATCH",
            f"{PATH}/stash/status?fieldManager=facedb-operator&force=true&{STRICT}",
            body,
            Content_Type="application/apply-patch+yaml",
        )
        assert code == 200, answer["message"]
        assert answer["status"] == _without_nulls(status)


@pytest.mark.parametrize("lost", ["version", "claim", "release", "revision", "workload"])
def test_a_hand_cannot_take_from_the_good_release_what_a_rollback_needs(api: ApiServer, lost: str) -> None:
    name = f"edited-{lost}"
    api.request("POST", PATH, body_of({}, name))
    good = {
        "version": "2026.02.18",
        "claim": "stash-1",
        "release": "r",
        "revision": "v",
        "workload": "stash-1-v",
    }
    code, answer = _patched(api, name, {"lastGood": good})
    assert code == 200, answer
    code, answer = _patched(api, name, {"lastGood": {lost: None}})
    assert code == 422
    assert f"status.lastGood.{lost}: Required value" in answer["message"]


def test_the_columns_show_what_is_wanted_and_what_serves(api: ApiServer) -> None:
    api.request("POST", PATH, body_of({}, "columns"))
    status = {
        "desired": {"version": "2026.03.01"},
        "active": {"version": "2026.02.18"},
        "target": {"percent": "40%"},
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "Fetching",
                "message": "",
                "lastTransitionTime": "2026-11-21T04:00:00Z",
            }
        ],
    }
    _patched(api, "columns", status)
    table = api.kubectl("get", "fdb", "columns").stdout.splitlines()
    assert table[0].split() == ["NAME", "DESIRED", "ACTIVE", "READY", "PROGRESS", "REASON", "AGE"]
    assert table[1].split()[:6] == ["columns", "2026.03.01", "2026.02.18", "False", "40%", "Fetching"]


def _patched(api: ApiServer, name: str, status: dict[str, Any]) -> tuple[int, Any]:
    words = {"Content_Type": "application/merge-patch+json"}
    return api.request("PATCH", f"{PATH}/{name}/status", {"status": status}, **words)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
