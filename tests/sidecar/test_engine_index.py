"""An index that serves well enough is served, one that would answer rubbish is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import voyager

from facedb_release.verify.index import HEADER_BYTES
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.index import SAMPLES, open_index
from index_damage import make_index

RECORD, VECTOR = 4 + 8 * 12 + 4 * 512 + 8, 4 + 8 * 12


def random_vectors(count: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, 512), dtype=np.float32)


def test_every_vector_of_a_good_index_finds_itself(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300))

    assert index.self_check() == SAMPLES


def test_an_index_with_one_vector_is_served(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 1))

    assert index.self_check() == 1
    assert index.query(random_vectors(1)[0], 100).labels.tolist() == [0]


def test_a_few_vectors_may_stay_unfound_and_more_may_not(tmp_path: Path) -> None:
    few = open_index(make_index(tmp_path / "few.voy", SAMPLES, deleted=range(5)))
    many = open_index(make_index(tmp_path / "many.voy", SAMPLES, deleted=range(6)))

    assert few.self_check() == SAMPLES
    with pytest.raises(LoadError, match="6 of 50 faces do not find themselves") as caught:
        many.self_check()
    assert caught.value.reason == "CorruptIndex"


def test_the_same_photo_many_times_finds_its_like(tmp_path: Path) -> None:
    vectors = random_vectors(60)
    vectors[10:50] = vectors[10]

    assert open_index(make_index(tmp_path / "i.voy", 60, vectors=vectors)).self_check() == SAMPLES


def test_a_query_that_cannot_find_as_many_as_asked_for_answers_with_fewer(tmp_path: Path) -> None:
    vectors = random_vectors(400)
    vectors[:200] = vectors[0]
    index = open_index(make_index(tmp_path / "i.voy", 400, vectors=vectors, deleted=range(210, 400)))
    with pytest.raises(voyager.RecallError):
        index.index.query(vectors[0], k=300, query_ef=300)

    found = index.query(vectors[0], 300)

    assert 0 < len(found.labels) == len(found.distances) < 300
    assert found.distances[0] < 1e-3


def test_an_index_whose_vectors_are_no_numbers_is_refused(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 100)
    data = bytearray(path.read_bytes())
    nan = np.float32(np.nan).tobytes()
    for i in range(100):
        at = HEADER_BYTES + i * RECORD + VECTOR
        data[at : at + 4] = nan
    path.write_bytes(data)

    with pytest.raises(LoadError, match="no number") as caught:
        open_index(path).self_check()
    assert caught.value.reason == "CorruptIndex"


def test_an_index_of_other_vectors_than_it_was_built_for_is_refused(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 600)
    data = bytearray(path.read_bytes())
    for i, vector in enumerate(random_vectors(600)):
        at = HEADER_BYTES + i * RECORD
        data[at + VECTOR : at + VECTOR + 2048] = (vector / np.linalg.norm(vector)).tobytes()
        # One neighbour each, so that a search ends where it comes down.
        data[at : at + 2] = (1).to_bytes(2, "little")
    path.write_bytes(data)

    with pytest.raises(LoadError, match="do not find themselves"):
        open_index(path).self_check()


def test_a_graph_that_was_built_hastily_is_poor_and_not_damaged(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 6000, links=4, ef_construction=4))

    assert index.self_check() == SAMPLES
