"""What happens to a pod's processes on their node: a kill, too little memory. Done from outside, as root."""

from __future__ import annotations

import contextlib
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


def starve(pod: Json) -> None:
    """Take memory away from a pod's container, a little at a time, until the kernel has ended a process."""
    first = wait_until(lambda: processes_of(pod), f"a process of {pod['metadata']['name']}", timeout_s=30)[0]
    group = _memory_group(first)
    before = _ended_for_memory(group)

    def squeezed() -> bool:
        for usage, limit in (
            ("memory.usage_in_bytes", "memory.limit_in_bytes"),
            ("memory.current", "memory.max"),
        ):
            for percent in (97, 99, 100):
                # Refused while what is above cannot be given back; and the group may be gone.
                with contextlib.suppress(OSError):
                    (group / limit).write_text(str(int((group / usage).read_text()) * percent // 100))
        return _ended_for_memory(group) != before

    wait_until(squeezed, "the kernel to end a process for want of memory", timeout_s=60)


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


def _memory_group(pid: int) -> Path:
    """The folder of a process's memory group, in a tree of its own or in the one of all kinds."""
    for line in _groups(pid).splitlines():
        _, kinds, path = line.split(":", 2)
        root = CGROUPS / kinds if kinds else CGROUPS
        if kinds in ("", "memory") and any((root / path[1:]).glob("memory.*")):
            return root / path[1:]
    raise RuntimeError(f"process {pid} is in no memory group")


def _ended_for_memory(group: Path) -> str:
    """How many processes the kernel has ended there, in its words; something else once the group is gone."""
    for name in ("memory.oom_control", "memory.events"):
        with contextlib.suppress(OSError):
            words = (group / name).read_text().split()
            return words[words.index("oom_kill") + 1]
    return "gone"
