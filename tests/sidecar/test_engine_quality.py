"""How well and how fast a release's indices answer: measured at load, as requests ask them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb_sidecar.engine.index import CHECK_WIDTHS, SAMPLES, TIMED, WIDTHS, open_index
from facedb_sidecar.engine.stored import load_stored
from index_damage import make_index
from served import Served


@pytest.mark.parametrize("search", ["parity", "wide", "exact"])
def test_in_a_good_index_every_face_finds_itself_and_each_query_has_its_time(
    tmp_path: Path, search: str
) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300), search)

    assert index.recall() == (SAMPLES, SAMPLES)
    times = index.query_times()
    assert len(times) == TIMED
    assert all(0 < ms < 10_000 for ms in times)


def test_faces_that_do_not_find_themselves_count_although_the_self_check_lets_them_pass(
    tmp_path: Path,
) -> None:
    index = open_index(make_index(tmp_path / "i.voy", SAMPLES, deleted=range(5)))

    assert index.self_check() == SAMPLES
    assert index.recall() == (SAMPLES, SAMPLES - 5)


@pytest.mark.parametrize("search", ["parity", "wide", "exact"])
def test_it_is_searched_as_wide_as_for_requests_and_one_face_at_a_time(tmp_path: Path, search: str) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300), search)
    asked: list[tuple[int, int | None]] = []

    class Watched:
        def __len__(self) -> int:
            return len(index.store)

        def near(self, vectors: Any, k: int, ef: int | None) -> Any:
            asked.append((len(vectors), ef))
            return index.store.near(vectors, k, ef)

        def vector(self, label: int) -> Any:
            return index.store.vector(label)

        def settle(self) -> None:
            """Nothing."""

    watched = replace(index, store=Watched())
    watched.recall()
    watched.query_times()
    # Who is found by a narrow search need not be looked for in a wider one.
    recall = {"parity": WIDTHS["parity"], "wide": CHECK_WIDTHS[0], "exact": None}[search]
    assert asked == [(SAMPLES, recall)] + [(1, WIDTHS[search])] * TIMED


def test_faces_that_a_narrow_search_loses_are_looked_for_as_wide_as_requests_do(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300))
    narrow = index.store.near

    class Losing:
        def __len__(self) -> int:
            return len(index.store)

        def near(self, vectors: Any, k: int, ef: int | None) -> Any:
            labels, distances = narrow(vectors, k, ef)
            if ef == CHECK_WIDTHS[0]:
                labels[:2], distances[:2] = -1, 2
            return labels, distances

        def vector(self, label: int) -> Any:
            return index.store.vector(label)

        def settle(self) -> None:
            """Nothing."""

    assert replace(index, store=Losing()).recall() == (SAMPLES, SAMPLES)


def test_slow_queries_are_not_all_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedb_sidecar.engine.index.MEASURE_SECONDS", -1.0)
    index = open_index(make_index(tmp_path / "i.voy", 300))

    assert len(index.query_times()) == 1


def test_an_index_of_one_face_is_timed_too(tmp_path: Path) -> None:
    assert len(open_index(make_index(tmp_path / "i.voy", 1)).query_times()) == 1


def test_a_release_is_as_good_as_both_of_its_indices_together(served: Served) -> None:
    stored = load_stored(served.release)

    sides = [stored.facenet.recall(), stored.arcface.recall()]
    assert stored.quality.recall == sum(found for _, found in sides) / sum(asked for asked, _ in sides)
    assert stored.quality.recall == 1
    assert np.isfinite(stored.quality.query_ms)
    assert stored.quality.query_ms > 0
