"""An index built as carefully as a real release's: with voyager's own defaults. Made once, into the cache.

The benchmark's releases are built in haste, because no fetch depends on it; what a search finds does.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import voyager

from builders import DIMENSIONS, Shape, owners_of, people_of, vectors

from ..data import BASE, Say
from ..scales import Scale

# At full scale it would take half an hour.
MOST_FACES = 90_000
EF_CONSTRUCTION = 200


def well_built(scale: Scale, cache: Path, say: Say) -> Path:
    """Return a folder with a FaceNet index of the scale's faces, or of as many as are built in minutes."""
    faces = min(scale.faces, MOST_FACES)
    folder = cache / f"well-built-{faces}-1"
    path = folder / "face_facenet.voy"
    if path.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    say(f"building an index of {faces:,} faces with ef_construction={EF_CONSTRUCTION} (once; then cached)")
    shape = Shape(BASE, max(1, round(faces * scale.performers / scale.faces)), faces, gaps=3, seed=1)
    owners = owners_of(shape, people_of(shape), np.random.default_rng(shape.seed))
    index = voyager.Index(
        voyager.Space.Cosine,
        num_dimensions=DIMENSIONS,
        M=12,
        ef_construction=EF_CONSTRUCTION,
        max_elements=len(owners),
    )
    for block in vectors("facenet", shape, owners):
        index.add_items(block, num_threads=os.cpu_count() or 1)
    unfinished = path.with_suffix(".part")
    index.save(str(unfinished))
    unfinished.rename(path)
    return folder
