"""The operator in a process of its own, as its image starts it, before an API server that stands alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api_server import ApiServer
from facedb_operator import names
from patience import PATIENCE_S, rest_s

CRDS = Path(__file__).resolve().parents[1] / "crds"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
POLL_S = 0.1

Body = dict[str, Any]


class OperatorProcess:
    """Use it as `with OperatorProcess(api, folder) as operator`. `env`: more of its settings."""

    def __init__(self, api: ApiServer, folder: Path, name: str = "one", **env: str) -> None:
        self._log = folder / f"operator-{name}.log"
        self._env = {
            **os.environ,
            "KUBECONFIG": str(api.kubeconfig),
            "FACEDB_HEALTH_PORT": str(free_port()),
            "FACEDB_METRICS_PORT": "0",
            "FACEDB_IDENTITY": name,
            **env,
        }
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> OperatorProcess:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "facedb_operator"], env=self._env, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            # It may have been stopped by a test.
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(60)

    def leads(self) -> bool:
        """Whether it has said that it acts."""
        return any("this operator leads" in line.get("message", "") for line in self.log())

    def log(self) -> list[Body]:
        """All lines of its log; one that is no JSON would be part of a traceback of the interpreter."""
        return [json.loads(line) for line in _whole_lines(self._log)]


def free_port() -> int:
    """A port for the operator's health; 0 would be port 80 to it."""
    with socket.socket() as held:
        held.bind(("0.0.0.0", 0))  # where the operator listens, too
        return int(held.getsockname()[1])


def audited(folder: Path) -> tuple[tuple[str, ...], Path]:
    """Flags for an API server that notes every request, and where it does."""
    folder.mkdir(parents=True, exist_ok=True)
    policy, log = folder / "audit.json", folder / "audit.log"
    policy.write_text(json.dumps(AUDIT))
    return (f"--audit-policy-file={policy}", f"--audit-log-path={log}"), log


def requests(audit: Path) -> list[Body]:
    """What the operator has asked, but for its Lease."""
    found = (json.loads(line) for line in _whole_lines(audit))
    ours = (e for e in found if e.get("userAgent") == names.FIELD_MANAGER)
    return [e for e in ours if (e.get("objectRef") or {}).get("resource") != "leases"]


def _whole_lines(log: Path) -> list[str]:
    """Without the one that is just being written."""
    return log.read_text().rpartition("\n")[0].splitlines()


def counted(events: list[Body]) -> Counter[str]:
    """Verb and resource → how often."""
    return Counter(f"{e['verb']} {(e.get('objectRef') or {}).get('resource')}" for e in events)


def install(api: ApiServer) -> None:
    """Define the resource."""
    api.kubectl("apply", "--server-side", "-f", str(CRDS))
    wait = ("wait", "--for=condition=Established", "crd", f"{names.PLURAL}.{names.GROUP}")
    # It fails where there are no conditions yet.
    until(lambda: api.kubectl(*wait, check=False).returncode == 0, "the resource is defined")


def until(is_so: Callable[[], object], what: str = "it", patience_s: float = PATIENCE_S) -> None:
    """Wait until it is so.

    Raises:
        AssertionError: it is not, for too long.
    """
    deadline = time.monotonic() + patience_s
    while True:
        began = time.monotonic()
        if is_so():
            return
        now = time.monotonic()
        assert now < deadline, f"not so after {patience_s:.0f} s: {what}"
        time.sleep(rest_s(now - began, POLL_S))
