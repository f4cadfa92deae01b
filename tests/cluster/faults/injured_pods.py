"""What happens to a pod's processes on their node: a kill, too little memory. Done from outside, as root."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.waiting import wait_until

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
Json = dict[str, Any]


def processes_of(pod: Json) -> tuple[int, ...]:
    """Ids of all processes of a pod but its sandbox's, lowest first."""
    uid: str = pod["metadata"]["uid"]
    return tuple(sorted(pid for pid in _all() if uid in _groups(pid) and _name(pid) != "pause"))


def kill(pod: Json, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the first process of the pod, which ends its container."""
    found = wait_until(lambda: processes_of(pod), f"a process of {pod['metadata']['name']}", timeout_s=30)
    os.kill(found[0], number)


def starve(pod: Json, most: int) -> None:
    """Let a pod have so many bytes of memory from now on: the kernel ends what asks for more."""
    uid: str = pod["metadata"]["uid"]
    folder = wait_until(lambda: _memory_folder(uid), f"the memory group of {uid}", timeout_s=30)
    # What is above the new limit is first written back or dropped; what cannot be is killed when it grows.
    for name in ("memory.max", "memory.limit_in_bytes"):
        if (folder / name).exists():
            (folder / name).write_text(str(most))


def _all() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _groups(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _memory_folder(uid: str) -> Path | None:
    roots = [root for root in (CGROUPS / "memory", CGROUPS) if root.is_dir()]
    return next((path for root in roots for path in root.glob(f"**/pod{uid}") if path.is_dir()), None)
