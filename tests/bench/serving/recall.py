"""How often a search finds what is really nearest, by its width and by how hard the pictures are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from facedb_sidecar.engine.graph import Graph
from facedb_sidecar.engine.index import open_index

from .queries import NOISES, nearest, pictures, strangers

WIDTHS = (10, 100, 200, 400, 800, 2000)
QUERIES = 1000
NEAR = 10


def recall(folder: Path) -> list[dict[str, Any]]:
    """Ask one index, the FaceNet one: top-1 found, and milliseconds a query with all cores."""
    graph = open_index(folder / "face_facenet.voy").store
    assert isinstance(graph, Graph)
    graph.settle()
    rng = np.random.default_rng(5)
    rows = []
    for name, noise in NOISES.items():
        at = strangers(rng, len(graph), QUERIES)
        queries = pictures(rng, graph.vectors[at], noise)
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        places, _ = nearest(graph.vectors, queries)
        truth = places if graph.labels is None else graph.labels[places]
        own = at if graph.labels is None else graph.labels[at]
        for width in WIDTHS:
            began = time.perf_counter()
            # As many as the contract asks for, where the search is as wide as that.
            found, _ = graph.near(queries, min(100, max(NEAR, width)), width)
            rows.append(
                {
                    "pictures": name,
                    "width": width,
                    "top1": float((found[:, 0] == truth).mean()),
                    "milliseconds": 1000 * (time.perf_counter() - began) / QUERIES,
                    "exact_is_the_face": float((truth == own).mean()),
                }
            )
    return rows
