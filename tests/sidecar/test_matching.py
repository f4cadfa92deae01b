"""The rules by which two lists of neighbours become names; numbers are the reference's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.catalog import Catalog
from facedb_sidecar.engine.index import Neighbours
from facedb_sidecar.engine.matching import Health, health, rank, weights

CATALOG = Catalog(
    faces=("stashdb.org:a", "stashdb.org:b", None, "theporndb.net:c:d", "bare"),
    performers={"stashdb.org:a": {"name": "Ann", "country": "NL", "image_url": None, "face_count": 1}},
)


def near(*pairs: tuple[int, float]) -> Neighbours:
    labels = np.array([p[0] for p in pairs], np.uint64)
    return Neighbours(labels, np.array([p[1] for p in pairs], np.float32))


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([], Health.EMPTY),
        ([0.2, 0.2, 0.2], Health.HEALTHY),
        ([0.05, 0.06, 0.07], Health.DEGENERATE),
        ([0.05, 0.5, 0.9], Health.HEALTHY),
        ([0.15, 0.16, 0.17], Health.DEGENERATE),
        ([0.15, 0.25, 0.35], Health.HEALTHY),
    ],
)
def test_a_list_is_trusted_when_its_distances_tell_faces_apart(
    distances: list[float], expected: Health
) -> None:
    assert health(np.array(distances, np.float32)) is expected


@pytest.mark.parametrize(
    ("facenet", "arcface", "expected"),
    [
        (Health.HEALTHY, Health.HEALTHY, (0.5, 0.5)),
        (Health.HEALTHY, Health.DEGENERATE, (1.0, 0.0)),
        (Health.EMPTY, Health.HEALTHY, (0.0, 1.0)),
        (Health.DEGENERATE, Health.EMPTY, (1.0, 0.0)),
    ],
)
def test_the_healthy_sides_count(facenet: Health, arcface: Health, expected: tuple[float, float]) -> None:
    assert weights(facenet, arcface) == expected


def test_a_side_that_does_not_know_a_face_counts_as_half() -> None:
    found = rank(near((0, 0.2), (1, 0.9)), near((1, 0.3), (3, 0.9)), CATALOG, max_distance=2, top_k=9)
    assert {m.label: round(m.distance, 3) for m in found} == {0: 0.35, 1: 0.6, 3: 0.7}
    assert next(m for m in found if m.label == 0).arcface_distance == 0.0


def test_gaps_and_labels_beyond_the_end_are_left_out() -> None:
    found = rank(near((2, 0.2), (99, 0.3), (0, 0.4)), near((2, 0.2)), CATALOG, max_distance=2, top_k=9)
    assert [m.label for m in found] == [0]


def test_only_the_first_colon_divides_an_id() -> None:
    performer = CATALOG.of_face(3)
    assert performer is not None
    assert (performer.endpoint, performer.stashbox_id, performer.name) == ("theporndb.net", "c:d", "Unknown")
    bare = CATALOG.of_face(4)
    assert bare is not None
    assert (bare.endpoint, bare.stashbox_id) == (None, "bare")


sides = st.lists(
    st.tuples(st.integers(0, 6), st.floats(0, 2, width=32)), max_size=8, unique_by=lambda p: p[0]
).map(lambda pairs: near(*sorted(pairs, key=lambda p: p[1])))


@given(sides, sides, st.floats(0, 2), st.integers(1, 20))
def test_matches_are_sorted_within_limits_and_known(
    facenet: Neighbours, arcface: Neighbours, max_distance: float, top_k: int
) -> None:
    found = rank(facenet, arcface, CATALOG, max_distance=max_distance, top_k=top_k)
    assert len(found) <= top_k
    assert [m.distance for m in found] == sorted(m.distance for m in found)
    assert all(m.distance <= max_distance and 0 <= m.confidence <= 1 for m in found)
    assert all(CATALOG.of_face(m.label) is not None for m in found)
