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
EF = 200


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
