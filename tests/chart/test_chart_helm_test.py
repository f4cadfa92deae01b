"""What `helm test` runs, out of the chart's pod: with an account without a right, before a true operator."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api_server import ApiServer
from chart.renders import CRD, Manifest, rendered
from operator_process import OperatorProcess, free_port

pytestmark = pytest.mark.cluster


class Checking:
    """An API server, an operator, and the pod's container as a process."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api = api
        self.health, self.metrics = free_port(), free_port()
        self.folder = folder
        api.kubectl("create", "serviceaccount", "test")
        token = api.kubectl("create", "token", "test").stdout.strip()
        (folder / "token").write_text(token)
        (folder / "ca.crt").write_bytes(api.ca.read_bytes())

    def operator(self) -> OperatorProcess:
        ports = {"FACEDB_HEALTH_PORT": str(self.health), "FACEDB_METRICS_PORT": str(self.metrics)}
        return OperatorProcess(self.api, self.folder, **ports)

    def run(self, patience_s: float = 60) -> subprocess.CompletedProcess[str]:
        container = pod()["spec"]["containers"][0]
        assert container["command"] == ["python", "-c"]
        given = {e["name"]: urlsplit(e["value"]) for e in container["env"]}
        at = urlsplit(self.api.url)
        env = {
            "KUBERNETES_SERVICE_HOST": at.hostname or "",
            "KUBERNETES_SERVICE_PORT": str(at.port),
            "ACCOUNT": str(self.folder),
            "PATIENCE_S": str(patience_s),
            "HEALTH": f"http://127.0.0.1:{self.health}{given['HEALTH'].path}",
            "METRICS": f"http://127.0.0.1:{self.metrics}{given['METRICS'].path}",
        }
        command = [sys.executable, "-c", *container["args"]]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def pod() -> Manifest:
    return next(f for f in rendered("default") if f["kind"] == "Pod")


@pytest.fixture(scope="module")
def checking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checking]:
    with ApiServer(tmp_path_factory.mktemp("api")) as api:
        yield Checking(api, tmp_path_factory.mktemp("pod"))


def test_without_the_definition_it_fails_and_says_so(checking: Checking) -> None:
    done = checking.run(patience_s=0)
    assert done.returncode == 1
    assert "FAILED: definition" in done.stdout


def test_without_an_operator_it_fails_and_says_so(checking: Checking) -> None:
    checking.api.kubectl("apply", "--server-side", "-f", str(CRD))
    checking.api.wait_for_definition("facedatabases.facedb.dev")
    done = checking.run(patience_s=0)
    assert done.returncode == 1
    assert "ok: the API server serves FaceDatabases" in done.stdout
    assert "FAILED: health" in done.stdout


def test_with_an_operator_all_is_well(checking: Checking) -> None:
    with checking.operator():
        done = checking.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == 3
    assert "values of its own" in done.stdout


def test_its_addresses_are_those_of_the_charts_service() -> None:
    service = next(f for f in rendered("default") if f["kind"] == "Service")
    ports = {p["port"] for p in service["spec"]["ports"]}
    for variable in pod()["spec"]["containers"][0]["env"]:
        url = urlsplit(variable["value"])
        assert (url.hostname, url.port in ports) == (service["metadata"]["name"], True)
