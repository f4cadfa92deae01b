"""A question about a hostile file → its answer, from a process that may die of it.

Called by counts, database and index; the other end is reader.py. What the file can reach is one small process
without secrets in its environment: limited in memory, time, open files and the length of its answer, and in a
session of its own, so that nothing of it is left when its time is over.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from facedb_release.errors import Reason, SourceTrouble, WrongRelease
from facedb_release.strictjson import parse_json

MAX_ANSWER = 8 << 20
# A question must fit into the pipe, because nobody reads while it is written.
MAX_QUESTION = 60_000
COMMAND = ("-I", "-m", "facedb_release.verify.reader")
# Threads of the linear algebra take address space by the gigabyte, and none is needed.
_SET = {"OPENBLAS_NUM_THREADS": "1"}
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")


Child = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Leash:
    """What the child may use.

    Attributes:
        seconds: of the clock.
        memory_bytes: of address space.
        cpu_seconds: of the processor, when not those of the clock and one more.
    """

    seconds: float
    memory_bytes: int
    cpu_seconds: int | None = None


def start(job: str) -> Child:
    """Start a child that loads what the job needs and waits for its question; see `ask`."""
    return subprocess.Popen(
        [sys.executable, *COMMAND, job],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={key: os.environ[key] for key in _KEPT if key in os.environ} | _SET,
        start_new_session=True,
    )


def end(child: Child) -> None:
    """End a child that was started and never asked."""
    with child:
        child.kill()


def ask(
    job: str,
    question: Mapping[str, Any],
    *,
    file: str,
    reason: Reason,
    leash: Leash,
    child: Child | None = None,
) -> dict[str, Any]:
    """Let a child do the job.

    Args:
        job: a name in reader.JOBS.
        question: what the job needs, as JSON values.
        file: that it is about, for messages.
        reason: the word for a file that the child dies of.
        leash: its limits.
        child: started before for this job; it is used up.

    Raises:
        WrongRelease: what the child says, or with the reason given when it dies or takes too much.
        SourceTrouble: Interrupted, when it was killed from outside.
    """
    cpu_seconds = leash.cpu_seconds or max(1, int(leash.seconds) + 1)
    limits = {"cpu_seconds": cpu_seconds, "memory_bytes": leash.memory_bytes}
    text = json.dumps(
        {
            "job": job,
            "file": file,
            "reason": reason,
            "limits": limits,
            "parent": os.getpid(),
            "question": question,
        }
    )
    if len(text) > MAX_QUESTION:
        raise ValueError(f"a question of {len(text)} characters is too long")
    if child is None or child.poll() is not None:
        # One that died before it saw the file says nothing about it.
        if child is not None:
            end(child)
        child = start(job)
    said, status = _run(child, text.encode(), leash.seconds, file, reason)
    if status == -signal.SIGKILL:
        raise _ended_from_outside(file)
    if status < 0:
        name = signal.Signals(-status).name
        _fatal(file, reason, "reading it kills the process", "an answer", name)
    answer = _last_line(said)
    if status != 0 or answer is None:
        tail = said[-300:].decode("utf-8", "replace").strip()
        _fatal(file, reason, "it cannot be read", "an answer", tail or f"exit status {status}")
    wrong = answer.get("wrong")
    if isinstance(wrong, dict):
        raise WrongRelease(
            Reason(wrong["reason"]),
            str(wrong["message"]),
            file=wrong["file"],
            expected=wrong["expected"],
            found=wrong["found"],
        )
    return answer


def _run(child: Child, question: bytes, seconds: float, file: str, reason: Reason) -> tuple[bytes, int]:
    """Run the child; return what it wrote and its exit status."""
    with child:
        try:
            said = _talk(child, question, time.monotonic() + seconds)
        except TimeoutError:
            _fatal(file, reason, "reading it did not end", f"at most {seconds:.0f} s", "no answer")
        except OverflowError:
            _fatal(file, reason, "there is no end to what it makes a reader say", MAX_ANSWER, "more")
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        return said, child.wait()


def _talk(child: subprocess.Popen[bytes], question: bytes, deadline: float) -> bytes:
    """Ask, and read until the child closes its end."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child has no pipes")
    try:
        with child.stdin:
            child.stdin.write(question)
    except BrokenPipeError:
        # It died before it listened: its status says why.
        pass
    said = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        while ready.select(max(0.0, deadline - time.monotonic())):
            block = os.read(child.stdout.fileno(), 1 << 16)
            if not block:
                return _ended(child, bytes(said), deadline)
            said += block
            if len(said) > MAX_ANSWER:
                raise OverflowError
    raise TimeoutError


def _ended(child: subprocess.Popen[bytes], said: bytes, deadline: float) -> bytes:
    """Wait for the end of a child that has closed its mouth; it may live on all the same."""
    try:
        child.wait(max(0.0, deadline - time.monotonic()) + 1.0)
    except subprocess.TimeoutExpired as e:
        raise TimeoutError from e
    return said


def _last_line(said: bytes) -> dict[str, Any] | None:
    """Return the answer; what a library may have said before it is left out."""
    try:
        answer = parse_json(said.strip().rpartition(b"\n")[2], max_bytes=MAX_ANSWER)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _ended_from_outside(file: str) -> SourceTrouble:
    """None of the limits kills so: the kernel had no memory left, or somebody did it. No word of the file."""
    return SourceTrouble(
        Reason.INTERRUPTED,
        f"Whatever read {file} was killed from outside: memory ran out, unless somebody did it. It is tried "
        "again; give it more memory if it stays so.",
        file=file,
        expected="an answer",
        found=signal.Signals.SIGKILL.name,
    )


def _fatal(file: str, reason: Reason, what: str, expected: object, found: object) -> NoReturn:
    raise WrongRelease(
        reason,
        f"{file} cannot serve: {what}. Publish it again.",
        file=file,
        expected=expected,
        found=found,
    )
