"""Sidecars that update themselves and die at a given step: a process for test_update_kill.

It reads a JSON line for each sidecar (data, url, at), forks it, so that nothing is imported twice, and says
how it ended. A sidecar loads what there is, goes on with or begins an update, and waits for its end. At its
death it leaves what SIGKILL leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from facedb_sidecar.updater import UpToDate
from facedb_sidecar.updater.machine import ACTIVE
from updating import running, update_settings


class Death:
    """Tells of every step, and kills the process at one of them: by number, from 1, or by name."""

    def __init__(self, at: int | str | None, tell: int) -> None:
        self._at = at
        self._tell = tell
        self._count = 0

    def __call__(self, what: str) -> None:
        """Come by."""
        self._count += 1
        os.write(self._tell, f"step {what}\n".encode())
        if self._at in (self._count, what):
            os.kill(os.getpid(), signal.SIGKILL)


async def update(data: Path, url: str, death: Death, tell: int) -> None:
    """Bring the folder up to date."""
    async with running(update_settings(url, data, memory="two"), step=death) as run:
        served = run.version
        if (await run.local.status()).status not in ACTIVE:
            with contextlib.suppress(UpToDate):
                await run.local.start()
        said = await run.until_over()
        os.write(tell, f"said {served} {run.version} {said.status.value}\n".encode())


def one(wanted: dict[str, Any]) -> dict[str, Any]:
    """Run one sidecar to its end."""
    listen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listen)
        asyncio.run(update(Path(wanted["data"]), wanted["url"], Death(wanted["at"], tell), tell))
        os._exit(0)
    os.close(tell)
    with os.fdopen(listen) as lines:
        told = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "told": told}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(one(json.loads(line))) + "\n")
        sys.stdout.flush()
