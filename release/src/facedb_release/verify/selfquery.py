"""The child process that opens one index and asks it for its own vectors. Run by index.check_opens only.

Reads one JSON question on stdin and writes one JSON answer on stdout. It may be killed by what it reads:
that is why it is a process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

EXACT = 1e-3
EF = 500


def main() -> None:
    """Answer the question on stdin."""
    question = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (question["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (question["cpu_seconds"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Threads of the linear algebra take address space by the gigabyte, and none is needed.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    json.dump(answer(question["path"], question["labels"]), sys.stdout)


def answer(path: str, labels: list[int]) -> dict[str, Any]:
    """Open the index and count how many of the labels find themselves.

    A vector finds itself when its own label is among the nearest 10, or another lies at distance 0 (the same
    photo twice in the database).
    """
    import numpy as np
    import voyager

    try:
        index = voyager.Index.load(path)
        if not labels:
            return {"asked": 0, "found": 0}
        vectors = index.get_vectors(labels)
        if not np.isfinite(vectors).all():
            return {"error": "a vector holds something that is no number", "asked": len(labels), "found": 0}
        near, far = index.query(vectors, k=min(10, len(index)), query_ef=EF, num_threads=1)
    except (RuntimeError, ValueError, KeyError, IndexError) as e:
        return {"error": f"voyager refuses it ({e})", "asked": len(labels), "found": 0}
    if not np.isfinite(far).all():
        return {"error": "a distance is no number", "asked": len(labels), "found": 0}
    own = (near == np.asarray(labels)[:, None]).any(axis=1) | (far[:, 0] < EXACT)
    return {"asked": len(labels), "found": int(own.sum())}


if __name__ == "__main__":
    main()
