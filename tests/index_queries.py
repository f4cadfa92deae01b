"""The child process that opens and queries indices that a check let through; it dies of one that was bad.

Run by tests as `python tests/index_queries.py FOLDER`. Prints each file's name before it opens it, and behind
it what went wrong: an error, a distance that is no number, a label that is none.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import voyager

ADDRESS_SPACE = 6 << 30
CPU_SECONDS = 300
NEAR = 10
EF = 200


def main(folder: Path) -> None:
    """Open and query every file of the folder, in the order of their names."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for path in sorted(folder.iterdir()):
        sys.stdout.write(f"{path.name}\t")
        sys.stdout.flush()
        sys.stdout.write(f"{query(path)}\n")


def query(path: Path) -> str:
    """Ask for every vector of the index, and for some others → what went wrong, or nothing."""
    try:
        index = voyager.Index.load(str(path))
        stored = []
        for i in range(len(index)):
            try:
                stored.append(index.get_vector(i))
            except RuntimeError as e:
                # It is marked as deleted.
                if "not found" not in str(e):
                    raise
        rng = np.random.default_rng(len(index))
        others = rng.standard_normal((30, index.num_dimensions), dtype=np.float32)
        asked = np.vstack([np.array(stored, np.float32).reshape(-1, index.num_dimensions), others])
        k = min(NEAR, index.M + 1, len(stored))
        labels, distances = index.query(asked, k=k, query_ef=EF, num_threads=1)
    except Exception as e:  # noqa: BLE001 - any error is a finding
        return f"{type(e).__name__}: {e}"
    if not np.isfinite(distances).all():
        return "a distance is no number"
    return "" if (labels < len(index)).all() else "a label is none of the index"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
