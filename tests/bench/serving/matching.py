"""The same faces, matched plainly and by the engine in turns: milliseconds, and whether answers agree."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from facedb_sidecar.engine.index import WIDTHS
from facedb_sidecar.engine.stored import Stored, load_stored

from .plain_matching import Plain
from .queries import pictures, scene, strangers

BATCH = 64
SINGLES, BATCHES, EXACT_SINGLES, ROUNDS = 256, 8, 6, 3
MAX_DISTANCE, TOP_K = 0.8, 5
# Much of each list, so that the comparison of answers looks further than users do.
COMPARED = 50
Faces = tuple[Any, Any]


@dataclass(frozen=True)
class Timed:
    """Milliseconds for a face or a batch: of wall time, of CPU, and the median of wall time.

    The first two are the best tenth: what others do on the machine only ever adds, and adds more to who uses
    all cores.
    """

    wall: float
    cpu: float
    median: float


@dataclass(frozen=True)
class Answers:
    """How the answers compare.

    Attributes:
        faces: asked.
        matches: compared.
        differing: faces whose first matches are others, or in another order.
        far_back: faces of which that is true further back only: two distances are there the same but for
            rounding, which voyager and faiss do in another order.
        farthest: the largest difference of a distance.
    """

    faces: int
    matches: int
    differing: int
    far_back: int
    farthest: float


def compare(folder: Path) -> dict[str, Any]:
    """Measure one face and batches; compare the answers."""
    stored, plain = load_stored(folder, "parity"), Plain.load(folder)
    for thread in threading.enumerate():
        if thread.name == "settle":
            thread.join()
    rng = np.random.default_rng(11)
    batches = {
        name: [_faces(stored, rng, kind) for _ in range(BATCHES)]
        for name, kind in (("strangers", strangers), ("scene", scene))
    }
    singles = [
        (faces[0][i : i + 1], faces[1][i : i + 1]) for faces in batches["strangers"] for i in range(BATCH)
    ][:SINGLES]
    ways = {"plain": _plainly(plain), **{name: _engine(stored, name) for name in ("parity", "wide")}}
    exact = {"exact": _engine(stored, "exact")}
    busy, own, began = _busy(), time.process_time(), time.perf_counter()
    measured = {
        "one": _race(ways, singles) | _race(exact, singles[:EXACT_SINGLES]),
        "batch of strangers": _race(ways, batches["strangers"]) | _race(exact, batches["strangers"][:2]),
        "batch of a scene": _race(ways, batches["scene"]),
    }
    idle = (os.cpu_count() or 1) * (time.perf_counter() - began)
    others = (_busy() - busy - (time.process_time() - own)) / idle
    answers = asdict(_same(plain, stored, batches["strangers"] + batches["scene"]))
    return measured | {"answers": answers, "others": others}


def _busy() -> float:
    """Seconds that the machine's cores have worked, for whomever."""
    user, nice, system, _, _, *interrupts = Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")


def _faces(stored: Stored, rng: np.random.Generator, kind: Callable[..., Any]) -> Faces:
    labels = kind(rng, len(stored.facenet), BATCH).tolist()
    sides = (stored.facenet, stored.arcface)
    return tuple(pictures(rng, np.stack([side.store.vector(n) for n in labels])) for side in sides)  # type: ignore[return-value]


def _plainly(plain: Plain) -> Callable[[Faces], Any]:
    def match(faces: Faces) -> Any:
        return [
            plain.match(f, a, max_distance=MAX_DISTANCE, top_k=TOP_K) for f, a in zip(*faces, strict=True)
        ]

    return match


def _engine(stored: Stored, search: str) -> Callable[[Faces], Any]:
    sides = (replace(side, width=WIDTHS[search]) for side in (stored.facenet, stored.arcface))
    asked = Stored(*sides, stored.catalog, 0, stored.quality)

    def match(faces: Faces) -> Any:
        return asked.match(*faces, max_distance=MAX_DISTANCE, top_k=TOP_K)

    return match


def _race(ways: dict[str, Callable[[Faces], Any]], asked: list[Faces]) -> dict[str, Any]:
    """Each way in turn, so that a disturbance meets all of them."""
    readings: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for faces in [asked[0], *asked * ROUNDS]:
        for name, match in ways.items():
            began, cpu = time.perf_counter(), time.process_time()
            match(faces)
            readings[name].append((time.perf_counter() - began, time.process_time() - cpu))
    # The first round only warms up.
    return {name: asdict(_timed(taken[1:])) for name, taken in readings.items()}


def _timed(taken: list[tuple[float, float]]) -> Timed:
    wall, cpu = (sorted(1000 * reading[i] for reading in taken) for i in range(2))
    return Timed(wall[len(wall) // 10], cpu[len(cpu) // 10], median(wall))


def _same(plain: Plain, stored: Stored, batches: list[Faces]) -> Answers:
    matches = differing = far_back = 0
    farthest = 0.0
    for faces in batches:
        ours = stored.match(*faces, max_distance=2.0, top_k=COMPARED)
        for i, found in enumerate(ours):
            theirs = plain.match(faces[0][i], faces[1][i], max_distance=2.0, top_k=COMPARED)
            matches += len(theirs)
            if [m.label for m in found] != [m.label for m in theirs]:
                first = [m.label for m in found[:TOP_K]] != [m.label for m in theirs[:TOP_K]]
                differing, far_back = differing + first, far_back + (not first)
                continue
            apart = (abs(a.distance - b.distance) for a, b in zip(found, theirs, strict=True))
            farthest = max([farthest, *apart])
    return Answers(len(batches) * BATCH, matches, differing, far_back, farthest)
