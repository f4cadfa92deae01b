"""Runs of the plugin's backend as Stash has them: a process, JSON on stdin, JSON on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugin.plugin_process import PLUGIN


@dataclass(frozen=True)
class Said:
    """What one process said.

    Attributes:
        output: that of its JSON.
        log: of stderr.
        seconds: from its start to its end.
    """

    output: Any
    log: str
    seconds: float


def run(stdin: bytes, env: Mapping[str, str] | None = None) -> Said:
    """Run the backend; it ends with 0, says one line of JSON, and shows no traceback."""
    environment = {**os.environ, **(env or {})}
    started = time.monotonic()
    command = [sys.executable, str(PLUGIN / "facedb_backend.py")]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd="/", check=False, env=environment)
    seconds = time.monotonic() - started
    log = done.stderr.decode()
    assert (done.returncode, "Traceback" in log, done.stdout.count(b"\n")) == (0, False, 1), log
    (output,) = json.loads(done.stdout).values()
    return Said(output, log, seconds)


def ask(url: str, mode: str, **args: Any) -> Said:
    """Run a mode against the sidecar at ``url``."""
    return run(json.dumps({"args": {"mode": mode, "sidecar_url": url, **args}}).encode())


def failed(error: str, status: int | None = None, retry_after: float | None = None) -> dict[str, Any]:
    """The output of a call that failed."""
    return {"error": error, "status": status, "retry_after": retry_after}
