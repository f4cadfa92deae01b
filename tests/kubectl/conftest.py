"""A real API server with the resource definition, and the plugin as kubectl finds it on PATH."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import kube_states as states
from api_server import ApiServer
from cluster.node import binaries
from facedb_kubectl.__main__ import app
from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
DATABASES = "/apis/facedb.dev/v1alpha1/namespaces/media/facedatabases"
MERGE = "application/merge-patch+json"


def _hears() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Plugin:
    """`kubectl facedb` against an API server.

    Attributes:
        path: a folder with kubectl and the plugin.
    """

    api: ApiServer
    path: Path

    @property
    def env(self) -> dict[str, str]:
        """Of a person's shell: the kubeconfig, and PATH."""
        home = {"HOME": str(self.api.folder), "KUBECONFIG": str(self.api.kubeconfig)}
        return {**os.environ, **home, "PATH": f"{self.path}:{os.environ['PATH']}", "TERM": "xterm"}

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Start `kubectl facedb …`, which hears Ctrl-C as in a terminal; its stdin is closed."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = ["kubectl", "facedb", *words]
        settings = {"env": self.env, "stdin": subprocess.DEVNULL, "preexec_fn": _hears, **pipes, **more}
        return subprocess.Popen(command, **settings)

    def kubectl(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `kubectl facedb …` to its end."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the same command line in this process: in one of its own it takes seconds to import."""
        done = CliRunner().invoke(app, [*words, "--kubeconfig", str(self.api.kubeconfig)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def json(self, *words: str, code: int = 0) -> Any:
        """What it says with `-o json`."""
        done = self(*words, "-o", "json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make the database anew, with its status, as an operator has left it."""
        name = body["metadata"]["name"]
        self.api.request("DELETE", f"{DATABASES}/{name}")
        meta = {k: v for k, v in body["metadata"].items() if k in ("name", "annotations")}
        code, made = self.api.request("POST", DATABASES, {**body, "metadata": meta})
        assert code == 201, made
        return self.write_status(name, body["status"])

    def write_status(self, name: str, status: dict[str, Any]) -> dict[str, Any]:
        """Change the status as the operator does."""
        change = {"status": {"observedGeneration": 1, **status}}
        code, found = self.api.request("PATCH", f"{DATABASES}/{name}/status", change, Content_Type=MERGE)
        assert code == 200, found
        return dict(found)

    def read(self, name: str = "faces") -> dict[str, Any]:
        """The database as it stands."""
        code, found = self.api.request("GET", f"{DATABASES}/{name}")
        assert code == 200, found
        return dict(found)


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("api")) as server:
        crd = yaml.safe_load((ROOT / "crds" / "facedatabases.yaml").read_text())
        server.kubectl("apply", "--server-side", "-f", "-", stdin=crd)
        server.kubectl("wait", "--for=condition=Established", "crd/facedatabases.facedb.dev", "--timeout=99s")
        server.kubectl("create", "namespace", "media")
        server.kubectl("config", "set-context", "own", "--namespace=media")
        yield server


@pytest.fixture(scope="session")
def plugin(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    path = tmp_path_factory.mktemp("bin")
    (path / "kubectl").symlink_to(binaries.bin_dir() / "kubectl")
    # As the distribution's entry points do; those stand on nobody's PATH before it is installed.
    for name, module in (("kubectl-facedb", "__main__"), ("kubectl_complete-facedb", "completing")):
        (path / name).write_text(f"#!{sys.executable}\nfrom facedb_kubectl.{module} import main\nmain()\n")
        (path / name).chmod(0o755)
    return Plugin(api, path)


@pytest.fixture
def serving(plugin: Plugin) -> dict[str, Any]:
    return plugin.put(states.serving())
