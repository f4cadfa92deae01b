"""The child process that reads a file of unknown origin. Run by child.ask only.

Reads one JSON question on stdin and writes one JSON answer as its last line. It may be killed by what it
reads: that is why it is a process. Imports little, because it is started for every release.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from facedb_release.errors import WrongRelease
from facedb_release.verify import maps, tables

Job = Callable[[Mapping[str, Any]], Mapping[str, Any]]
MOST_FILES = 32
PR_SET_PDEATHSIG = 1


def _index(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Only this job pays for numpy and voyager."""
    from facedb_release.verify.selfquery import answer

    return answer(question)


JOBS: Mapping[str, Job] = {"maps": maps.answer, "database": tables.answer, "index": _index}


def main() -> None:
    """Answer the question on stdin; started early, it has its libraries loaded when the question comes."""
    if sys.argv[1:] == ["index"]:
        importlib.import_module("facedb_release.verify.selfquery")
    asked = json.load(sys.stdin)
    die_with(asked["parent"])
    limit(**asked["limits"])
    try:
        answer = JOBS[asked["job"]](asked["question"])
    except WrongRelease as e:
        answer = {"wrong": _facts(e)}
    except MemoryError:
        needs = "reading it needs too much memory"
        answer = {
            "wrong": {
                "reason": asked["reason"],
                "message": f"{asked['file']} cannot serve: {needs}. Publish it again.",
                "file": asked["file"],
                "expected": f"at most {asked['limits']['memory_bytes']} bytes",
                "found": None,
            }
        }
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def die_with(parent: int) -> None:
    """Let this process end when its parent does; outside of Linux its time limits do that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # It may have died before the line above.
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")


def limit(*, cpu_seconds: int, memory_bytes: int) -> None:
    """Limit this process for good. What it has open stays open; it may not write a file."""
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        # The first of the two ends it with a name, SIGXCPU.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 2),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, MOST_FILES, MOST_FILES),
    ):
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(what, (soft, hard))


def _facts(error: WrongRelease) -> dict[str, Any]:
    """Return the refusal's fields; they may quote the file, so nothing in them drives a terminal."""
    facts = {
        "reason": error.reason,
        "message": error.message,
        "file": error.file,
        "expected": error.expected,
        "found": error.found,
    }
    return {
        key: value and "".join(c if c.isprintable() else "?" for c in value) for key, value in facts.items()
    }


if __name__ == "__main__":
    main()
