"""The child process that checks an index, opens it and asks it for its own vectors. Run by index.check_opens.

Reads one JSON question on stdin and writes one line of JSON on stdout. It may be killed by what it reads:
that is why it is a process. It limits itself before it looks at the file, and never writes one.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facedb_release.errors import WrongRelease

NEAR = 10
EXACT = 1e-3
EF = 200
OPEN_FILES = 32
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer the question on stdin."""
    question = json.load(sys.stdin)
    confine(question)
    answer = check(Path(question["path"]))
    if question["query"] and not answer:
        answer = ask(question["path"], question["labels"])
    sys.stdout.write("\n" + json.dumps(answer or {"found": 0}) + "\n")


def confine(question: dict[str, Any]) -> None:
    """Limit this process: memory, time, files; and let it die with its parent."""
    limits = {
        resource.RLIMIT_AS: question["memory_bytes"],
        resource.RLIMIT_CPU: question["cpu_seconds"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # It may have died before the line above.
    if os.getppid() != question["parent"]:
        raise SystemExit("the parent is gone")


def check(path: Path) -> dict[str, Any]:
    """Check the whole file without voyager → nothing, or why it is refused."""
    from facedb_release.verify.graph import check_graph
    from facedb_release.verify.index import read_header

    try:
        check_graph(path, read_header(path))
    except WrongRelease as e:
        return {"message": e.message, "expected": e.expected, "found": e.found}
    return {}


def ask(path: str, labels: Sequence[int]) -> dict[str, Any]:
    """Open the index and count how many of the labels find themselves.

    A vector finds itself when its own label is among the nearest 10, or another lies at distance 0 (the same
    photo twice in the database). One that is marked as deleted, or that no search reaches, does not.
    """
    import numpy as np
    import voyager

    try:
        index = voyager.Index.load(path)
        k, found = min(NEAR, len(index)), 0
        for label in labels:
            try:
                near, far = index.query(index.get_vector(label), k=k, query_ef=EF)
            except (voyager.RecallError, RuntimeError):
                continue
            if not (np.isfinite(far).all() and (near < len(index)).all()):
                return {"error": "a distance or a label is no number of it", "found": found}
            found += bool((near == label).any() or far[0] < EXACT)
    except (RuntimeError, ValueError, OSError, MemoryError) as e:
        return {"error": f"voyager refuses it ({str(e)[:200]})", "found": 0}
    return {"found": found}


if __name__ == "__main__":
    main()
