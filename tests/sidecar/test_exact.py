"""Comparing all with all finds what a sort of everything finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine import exact
from facedb_sidecar.engine.exact import most_alike


@given(
    st.integers(1, 90), st.integers(1, 5), st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32 - 1)
)
def test_the_most_alike_are_those_that_a_sort_of_everything_finds(
    count: int, queries: int, k: int, rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-9, 9, (count, 3)).astype(np.float32)
    asked = rng.integers(-9, 9, (queries, 3)).astype(np.float32)
    k = min(k, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK_ROWS", rows)
        alike, places = most_alike(vectors, asked, k)

    everything = asked @ vectors.T
    assert (alike == -np.sort(-everything, axis=1)[:, :k]).all()
    assert (np.take_along_axis(everything, places, 1) == alike).all()
    assert all(len(set(row)) == k for row in places.tolist())


def test_a_query_that_is_no_number_finds_nothing_and_leaves_the_others_alone() -> None:
    vectors = np.eye(4, dtype=np.float32)
    alike, places = most_alike(vectors, np.array([[np.nan] * 4, [1, 2, 3, 4]], np.float32), 2)
    assert places.tolist() == [[-1, -1], [3, 2]]
    assert alike[1].tolist() == [4, 3]
