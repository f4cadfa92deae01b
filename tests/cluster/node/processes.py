"""Processes of the node: started with a log, remembered by pid and start time, ended by that pid only."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster.node.layout import state_dir
from cluster.node.say import NodeError

STOP_TIMEOUT_S = 15.0
POLL_S = 0.1
# Processes that this very interpreter started: it must reap them when they end, and they outlive it.
_children: dict[str, subprocess.Popen[bytes]] = {}
# Of Go's programs: with its own 100, half of the API server's processor time was collection (measured).
FEWER_COLLECTIONS = {"GOGC": "400"}


def _pid_file(name: str) -> Path:
    return state_dir() / "pids" / name


def log_file(name: str) -> Path:
    """Where a process's output goes."""
    return state_dir() / "logs" / f"{name}.log"


def start(name: str, command: Sequence[str], *, env: dict[str, str] | None = None) -> None:
    """Start a process of its own session, unless it runs already."""
    if is_running(name):
        return
    for folder in (_pid_file(name).parent, log_file(name).parent):
        folder.mkdir(parents=True, exist_ok=True)
    with log_file(name).open("ab") as log:
        process = subprocess.Popen(
            list(command),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**FEWER_COLLECTIONS, **os.environ, **(env or {})},
        )
    _children[name] = process
    _pid_file(name).write_text(f"{process.pid} {start_time(process.pid)}")


def start_time(pid: int) -> str | None:
    """A process's start in clock ticks since boot: with the pid it names a process for ever.

    Field 22 of /proc/PID/stat, counted after the command in parentheses (proc_pid_stat(5)); None for a
    process that is gone or only waits to be reaped.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def is_running(name: str) -> bool:
    """Whether the process that we started under this name is still the same and alive."""
    try:
        pid, began = _pid_file(name).read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    return start_time(int(pid)) == began


def stop(name: str) -> None:
    """End our process of this name: SIGTERM, and SIGKILL if it does not listen."""
    if is_running(name):
        end(int(_pid_file(name).read_text().split()[0]))
    if name in _children:
        _children.pop(name).wait()
    _pid_file(name).unlink(missing_ok=True)


def end(*pids: int) -> None:
    """End processes by pid and wait until they are gone: SIGTERM, and SIGKILL to who does not listen."""
    began = {pid: start_time(pid) for pid in pids}

    def alive() -> list[int]:
        return [pid for pid, start in began.items() if start is not None and start_time(pid) == start]

    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in alive():
            os.kill(pid, number)
        if wait_until(lambda: not alive(), timeout_s=STOP_TIMEOUT_S):
            return


def wait_until(check: Callable[[], bool], *, timeout_s: float) -> bool:
    """Wait until ``check`` is true; whether it became true in time."""
    until = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


def wait_for(name: str, check: Callable[[], bool], what: str, *, timeout_s: float) -> None:
    """Wait until ``check`` is true while process ``name`` lives.

    Raises:
        NodeError: the process ended, or time ran out; the message ends with its last log lines.
    """
    until = time.monotonic() + timeout_s
    while not check():
        if not is_running(name):
            raise NodeError(f"{name} ended at its start. {tail(name)}")
        if time.monotonic() > until:
            raise NodeError(f"{what} did not happen within {timeout_s:.0f} s. {tail(name)}")
        time.sleep(POLL_S)


def tail(name: str, lines: int = 15) -> str:
    """The end of a process's log, for messages."""
    path = log_file(name)
    text = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return f"The end of {path}:\n" + "\n".join(text)
