"""One index → checked, opened, and asked for its own vectors. A job of reader.py, which may die of it.

Imports numpy and voyager, so only the child that needs it imports this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facedb_release.verify.graph import check_graph
from facedb_release.verify.index import read_header

NEAR = 10
EXACT = 1e-3
# How wide a search goes: as readers search, and, for what that misses, far wider. At full scale a graph that
# was built hastily loses 26 in 100 at 200, and 1 in 100 at 2000 (measured): poor is not damaged.
EFFORTS = (200, 2000)


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Check the whole file without voyager; only then open it and ask.

    Args:
        question: `path`; `query`: whether to open it with voyager; `labels` to ask for.

    Returns:
        `found`: how many of the labels found themselves; `error`: what voyager says against it.

    Raises:
        WrongRelease: CorruptIndex.
    """
    path = Path(question["path"])
    check_graph(path, read_header(path))
    return ask(str(path), question["labels"]) if question["query"] else {"found": 0}


def ask(path: str, labels: Sequence[int]) -> dict[str, Any]:
    """Open the index and count how many of the labels find themselves.

    A vector finds itself when its own label is among the nearest 10, or another lies at distance 0 (the same
    photo twice in the database). One that is marked as deleted, or that no search reaches, does not.
    """
    import numpy as np
    import voyager

    try:
        index = voyager.Index.load(path)
        k = min(NEAR, len(index))
        there: set[int] = set()
        for label, ef in ((label, ef) for label in labels for ef in EFFORTS):
            if label in there:
                continue
            try:
                near, far = index.query(index.get_vector(label), k=k, query_ef=ef)
            except (voyager.RecallError, RuntimeError):
                continue
            if not (np.isfinite(far).all() and (near < len(index)).all()):
                return {"error": "a distance or a label is no number of it", "found": len(there)}
            if (near == label).any() or far[0] < EXACT:
                there.add(label)
    except (RuntimeError, ValueError, OSError, MemoryError) as e:
        return {"error": f"voyager refuses it ({str(e)[:200]})", "found": 0}
    return {"found": len(there)}
