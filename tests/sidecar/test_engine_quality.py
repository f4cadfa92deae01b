"""How well and how fast a release's indices answer: measured at load, as requests ask them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb_sidecar.engine.index import SAMPLES, WIDTHS, open_index
from facedb_sidecar.engine.stored import load_stored
from index_damage import make_index
from served import Served


@pytest.mark.parametrize("search", ["parity", "wide", "exact"])
def test_in_a_good_index_every_face_finds_itself_and_each_query_has_its_time(
    tmp_path: Path, search: str
) -> None:
    measured = open_index(make_index(tmp_path / "i.voy", 300), search).measure()

    assert (measured.asked, measured.found) == (SAMPLES, SAMPLES)
    assert len(measured.milliseconds) == SAMPLES
    assert all(0 < ms < 10_000 for ms in measured.milliseconds)


def test_faces_that_do_not_find_themselves_count_although_the_self_check_lets_them_pass(
    tmp_path: Path,
) -> None:
    index = open_index(make_index(tmp_path / "i.voy", SAMPLES, deleted=range(5)))

    assert index.self_check() == SAMPLES
    assert (index.measure().asked, index.measure().found) == (SAMPLES, SAMPLES - 5)


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

    replace(index, store=Watched()).measure()
    assert asked == [(SAMPLES, WIDTHS[search])] + [(1, WIDTHS[search])] * SAMPLES


def test_slow_queries_are_not_all_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedb_sidecar.engine.index.MEASURE_SECONDS", -1.0)
    measured = open_index(make_index(tmp_path / "i.voy", 300)).measure()

    assert (measured.found, len(measured.milliseconds)) == (SAMPLES, 1)


def test_a_release_is_as_good_as_both_of_its_indices_together(served: Served) -> None:
    stored = load_stored(served.release)

    sides = [stored.facenet.measure(), stored.arcface.measure()]
    assert stored.quality.recall == sum(s.found for s in sides) / sum(s.asked for s in sides)
    assert stored.quality.recall == 1
    assert np.isfinite(stored.quality.query_ms)
    assert stored.quality.query_ms > 0
