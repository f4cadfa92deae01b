"""An operator that looks after many namespaces: its watches never take the last connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from bench.operator.scale import database
from facedb_operator import names
from facedb_operator.observe.watching import watch_count
from operator_process import OperatorProcess, install, until

pytestmark = pytest.mark.cluster

# What the client library has of connections unless told otherwise.
POOL = 100


def test_its_watches_leave_room_for_requests_however_many_namespaces_there_are(tmp_path: Path) -> None:
    places = [f"home-{number}" for number in range(12)]
    assert watch_count(places) > POOL
    with ApiServer(tmp_path / "api") as api:
        install(api)
        for place in places:
            api.kubectl("create", "namespace", place)
        body = database(1, "2026.01.01")
        body["metadata"]["namespace"] = places[-1]
        with OperatorProcess(api, tmp_path, FACEDB_NAMESPACES=",".join(places)) as operator:
            until(operator.leads, "it leads")
            api.kubectl("create", "-f", "-", stdin=body)
            name = body["metadata"]["name"]
            path = f"/apis/{names.API_VERSION}/namespaces/{places[-1]}/{names.PLURAL}/{name}"

            def fetches() -> bool:
                found: Any = api.request("GET", path)[1]
                return "Fetching" in json.dumps(found.get("status") or {})

            until(fetches, "it fetches")
