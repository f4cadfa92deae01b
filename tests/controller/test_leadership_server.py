"""Two operators before a real API server: one acts, the other takes over, and a late one writes no more."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from bench.operator.scale import database
from facedb_operator import names
from facedb_operator.leadership import LEASE_NAME, SURE_S
from operator_process import OperatorProcess, install, until

pytestmark = pytest.mark.cluster

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/default/leases/{LEASE_NAME}"
# A process that starts, or ends, on a busy machine.
SLACK_S = 60.0


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("api")) as running:
        install(running)
        yield running


@pytest.fixture
def namespace(api: ApiServer, request: pytest.FixtureRequest) -> str:
    name = f"n{abs(hash(request.node.name)) % 10**8}"
    api.kubectl("create", "namespace", name)
    api.request("DELETE", LEASE)
    return name


def create(api: ApiServer, namespace: str, number: int) -> str:
    body = database(number, "2026.01.01")
    body["metadata"]["namespace"] = namespace
    api.kubectl("create", "-f", "-", stdin=body)
    return str(body["metadata"]["name"])


def reason(api: ApiServer, namespace: str, name: str) -> str:
    found: Any = api.request(
        "GET", f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}/{name}"
    )[1]
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")


def steps(operator: OperatorProcess, namespace: str, database: str) -> list[str]:
    """What it has done for this database; others' by its name, of tests before, may still be looked after."""
    return [line["message"] for line in operator.log() if line.get("database") == f"{namespace}/{database}"]


def test_one_that_ends_gives_its_lease_back_and_the_other_acts_at_once(
    api: ApiServer, namespace: str, tmp_path: Path
) -> None:
    with OperatorProcess(api, tmp_path, "first") as first:
        until(first.leads, "the first leads")
        with OperatorProcess(api, tmp_path, "second") as second:
            name = create(api, namespace, 1)
            until(lambda: reason(api, namespace, name) == "Fetching", "the first acts")
            assert not second.leads()
            assert steps(second, namespace, name) == []
            first.process.terminate()
            assert first.process.wait(SLACK_S) == 0
            assert api.request("GET", LEASE)[1]["spec"]["holderIdentity"] in ("", "second")
            until(second.leads, "the second leads")
            other = create(api, namespace, 2)
            until(lambda: reason(api, namespace, other) == "Fetching", "the second acts")
            # It found what the first had done, and did none of it again.
            assert steps(second, namespace, name) == []
    assert api.request("GET", LEASE)[1]["spec"]["holderIdentity"] == ""


def test_one_that_was_stopped_finds_another_leading_writes_nothing_and_ends(
    api: ApiServer, namespace: str, tmp_path: Path
) -> None:
    with OperatorProcess(api, tmp_path, "first") as first:
        until(first.leads, "the first leads")
        with OperatorProcess(api, tmp_path, "second") as second:
            first.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            until(second.leads, "the second leads")
            assert time.monotonic() - stopped > SURE_S
            name = create(api, namespace, 1)
            until(lambda: reason(api, namespace, name) == "Fetching", "the second acts")
            # What the first has missed is news to it, and its own: it must not act on it.
            api.kubectl("-n", namespace, "delete", "service", name)
            first.process.send_signal(signal.SIGCONT)
            first.process.wait(SLACK_S)
            assert any("Lease was lost" in line["message"] for line in first.log())
            # It may have tried, and was not let.
            assert [
                line for line in steps(first, namespace, name) if "not sure of its Lease" not in line
            ] == []
            assert api.request("GET", LEASE)[1]["spec"]["holderIdentity"] == "second"
