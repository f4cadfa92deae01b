"""The rules by which two lists of neighbours become names; numbers are the reference's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.catalog import Catalog
from facedb_sidecar.engine.index import Neighbours, open_index
from facedb_sidecar.engine.matching import Match, healthy, match_many, rank, rank_one, weights
from index_damage import make_index

FACES = (
    "stashdb.org:a",
    "stashdb.org:b",
    None,
    "theporndb.net:c:d",
    "bare",
    *(f"x.org:{i}" for i in range(40)),
)
CATALOG = Catalog.of(
    FACES, {"stashdb.org:a": {"name": "Ann", "country": "NL", "image_url": None, "face_count": 1}}
)
Pairs = list[tuple[int, float]]


def near(*rows: Pairs) -> Neighbours:
    """Lists of some faces, each filled up to one width."""
    width = max(map(len, rows), default=0)
    labels, distances = np.full((len(rows), width), -1), np.ones((len(rows), width), np.float32)
    for i, pairs in enumerate(rows):
        for j, (label, distance) in enumerate(pairs):
            labels[i, j], distances[i, j] = label, distance
    return Neighbours(labels, distances)


def one(facenet: Pairs, arcface: Pairs, *, max_distance: float = 2, top_k: int = 9) -> tuple[Match, ...]:
    width = max(len(facenet), len(arcface), 1)
    pad = [(-1, 1.0)] * width
    sides = near((facenet + pad)[:width]), near((arcface + pad)[:width])
    return rank(*sides, CATALOG, max_distance=max_distance, top_k=top_k)[0]


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([], False),
        ([0.2, 0.2, 0.2], True),
        ([0.05, 0.06, 0.07], False),
        ([0.05, 0.5, 0.9], True),
        ([0.15, 0.16, 0.17], False),
        ([0.15, 0.25, 0.35], True),
    ],
)
def test_a_list_is_trusted_when_its_distances_tell_faces_apart(
    distances: list[float], expected: bool
) -> None:
    found = near(list(enumerate(distances)), [(i, 0.5) for i in range(25)])
    assert healthy(found.labels, found.distances.astype(np.float64)).tolist() == [expected, True]


@pytest.mark.parametrize(
    ("facenet", "arcface", "expected"),
    [(True, True, (0.5, 0.5)), (True, False, (1, 0)), (False, True, (0, 1)), (False, False, (1, 0))],
)
def test_the_healthy_sides_count(facenet: bool, arcface: bool, expected: tuple[float, float]) -> None:
    assert tuple(weights(np.array([[facenet, arcface]])).ravel()) == expected


def test_a_side_that_does_not_know_a_face_counts_as_half() -> None:
    found = one([(0, 0.2), (1, 0.9)], [(1, 0.3), (3, 0.9)])
    assert {m.label: round(m.distance, 3) for m in found} == {0: 0.35, 1: 0.6, 3: 0.7}
    assert next(m for m in found if m.label == 0).arcface_distance == 0.0


def test_gaps_and_labels_beyond_the_end_are_left_out() -> None:
    found = one([(2, 0.2), (99, 0.3), (0, 0.4)], [(2, 0.2)])
    assert [m.label for m in found] == [0]


def test_nobody_is_found_among_no_faces_at_all() -> None:
    nothing = rank(near(), near(), CATALOG, max_distance=2, top_k=5)
    empty = Catalog.of([], {})
    assert nothing == ()
    assert rank(near([(0, 0.1)]), near([(0, 0.1)]), empty, max_distance=2, top_k=5) == ((),)
    assert (empty.face_count, empty.performer_count, empty.of_face(0)) == (0, 0, None)


def trusted(pairs: Pairs) -> bool:
    """Contract 3.4, step 2."""
    top = np.array([distance for _, distance in pairs[:20]], np.float64)
    if not len(top):
        return False
    nearest, spread, variance = top.min(), top.max() - top.min(), top.var()
    if nearest >= 0.20:
        return True
    if nearest < 0.10 and (variance < 0.002 or spread < 0.05):
        return False
    return not (spread < 0.03 and variance < 0.001)


def plain(facenet: Pairs, arcface: Pairs, max_distance: float, top_k: int) -> list[tuple[object, ...]]:
    """Contract 3.4, step by step."""
    good = trusted(facenet), trusted(arcface)
    on = {(True, True): (0.5, 0.5), (False, True): (0.0, 1.0)}.get(good, (1.0, 0.0))
    found = {label: (d, None) for label, d in facenet} if on[0] else {}
    for label, distance in arcface if on[1] else ():
        found[label] = (found.get(label, (None,))[0], distance)
    matches = []
    for label, sides in found.items():
        joined = sum(w * (0.5 if d is None else d) for w, d in zip(on, sides, strict=True))
        if label < len(FACES) and FACES[label] is not None and joined <= max_distance:
            matches.append((joined, label, *(d or 0.0 for d in sides), FACES[label]))
    return [(m[1], m[0], *m[2:]) for m in sorted(matches, key=lambda m: m[:2])[:top_k]]


distance = st.one_of(
    st.floats(0, 2, width=32), st.sampled_from([0.0, 0.0625, 0.125, 0.5]), st.floats(0, 0.125, width=32)
)
side = st.lists(st.tuples(st.integers(0, 50), distance), max_size=30, unique_by=lambda p: p[0]).map(
    lambda pairs: sorted(pairs, key=lambda p: p[1])
)


@given(st.lists(st.tuples(side, side), min_size=1, max_size=5), st.floats(0, 2), st.integers(1, 30))
def test_many_faces_at_once_are_matched_as_the_contract_says_step_by_step(
    faces: list[tuple[Pairs, Pairs]], max_distance: float, top_k: int
) -> None:
    width = max(len(pairs) for face in faces for pairs in face)
    fill = [(-1, 1.0)] * width
    sides = [near(*((face[i] + fill)[:width] for face in faces)) for i in range(2)]

    found = rank(*sides, CATALOG, max_distance=max_distance, top_k=top_k)

    assert [shown(matches) for matches in found] == [plain(*face, max_distance, top_k) for face in faces]
    assert all(0 <= m.confidence <= 1 for matches in found for m in matches)


@given(side, side, st.floats(0, 2), st.integers(1, 30))
def test_one_face_alone_is_matched_as_among_others(
    facenet: Pairs, arcface: Pairs, max_distance: float, top_k: int
) -> None:
    fill = [(-1, 1.0)] * max(len(facenet), len(arcface))
    sides = [near((pairs + fill)[: len(fill)]) for pairs in (facenet, arcface)]

    found = rank_one(*sides, CATALOG, max_distance=max_distance, top_k=top_k)

    assert found == rank(*sides, CATALOG, max_distance=max_distance, top_k=top_k)
    assert shown(found[0]) == plain(facenet, arcface, max_distance, top_k)


def shown(matches: Iterable[Match]) -> list[tuple[object, ...]]:
    return [
        (m.label, m.distance, m.facenet_distance, m.arcface_distance, m.performer.universal_id)
        for m in matches
    ]


def test_a_batch_is_answered_in_the_order_in_which_it_was_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((40, 512), dtype=np.float32)
    indices = [open_index(make_index(tmp_path / f"{n}.voy", 40, vectors=vectors), "parity") for n in "fa"]
    catalog = Catalog.of([f"x.org:{i}" for i in range(40)], {})
    asked = [7, 3, 7, 30, 3, 3, 21, 7, 30, 0, 39]
    faces = vectors[asked] + np.float32(0.05) * rng.standard_normal((len(asked), 512), dtype=np.float32)

    found = match_many((indices[0], indices[1]), catalog, (faces, faces), max_distance=2, top_k=3)

    assert [matches[0].label for matches in found] == asked
    alone = [
        match_many((indices[0], indices[1]), catalog, (f, f), max_distance=2, top_k=3) for f in faces[:, None]
    ]
    assert [[m.label for m in a[0]] for a in alone] == [[m.label for m in f] for f in found]
