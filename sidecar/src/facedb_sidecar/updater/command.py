"""A run of `facedb` in a process of its own → what it tells on the way, and its outcome."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence

from facedb_release.errors import Reason
from facedb_release.outcome import Outcome
from facedb_release.progress import Phase

# Longer than any line of a run.
LINE_BYTES = 1 << 20

log = logging.getLogger("facedb")

Told = Callable[[Phase, int, int | None, str | None], Awaitable[None]]


async def run_facedb(words: Sequence[str], told: Told, *, token: str | None, stdin: bytes = b"") -> Outcome:
    """Run a command to its end; when this is cancelled, the process is ended, and the next run goes on.

    Args:
        words: of the command, without `--json`.
        told: gets the progress, at most once a second or at a new phase.
        token: for the source.
        stdin: for the command.
    """
    command = [sys.executable, "-m", "facedb_sidecar.child", str(os.getpid()), *words, "--json"]
    environment = dict(os.environ) | ({"FACEDB_TOKEN": token} if token else {})
    # A file, no pipe: uvloop's pipes are sockets, which nobody can open as /dev/stdin.
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        process = await asyncio.create_subprocess_exec(
            *command,
            "--termination-message",
            os.devnull,
            stdin=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=environment,
        )
    out, err = process.stdout, process.stderr
    if out is None or err is None:
        raise RuntimeError("a pipe was asked for, and there is none")
    logging_lines = asyncio.create_task(_log(err))
    try:
        outcome = await _listen(out, told)
        code = await process.wait()
        await logging_lines
        return outcome or _died(code)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        logging_lines.cancel()


async def _listen(lines: asyncio.StreamReader, told: Told) -> Outcome | None:
    """Pass progress on; return the outcome, which is the last line."""
    outcome = None
    async for line in lines:
        try:
            raw = json.loads(line)
        except ValueError:
            continue
        if raw.get("event") == "progress":
            await told(Phase(raw["phase"]), raw["bytes_done"], raw["bytes_total"], raw["file"])
        elif raw.get("event") == "outcome":
            outcome = Outcome.from_json(line.decode())
    return outcome


async def _log(lines: asyncio.StreamReader) -> None:
    async for line in lines:
        log.info("%s", line.decode("utf-8", "replace").rstrip())


def _died(code: int) -> Outcome:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return Outcome(
        ok=False,
        reason=Reason.INTERRUPTED,
        message=f"The fetching process {how} without an answer; too little memory is the usual reason.",
        permanent=False,
    )
