"""An index that serves well enough is served, one that would answer rubbish is not."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import voyager

from facedb_release.verify.index import HEADER_BYTES, Storage
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.graph import Graph
from facedb_sidecar.engine.index import SAMPLES, FaceIndex, VoyagerStore, open_index
from index_damage import damaged, make_index

RECORD, VECTOR = 4 + 8 * 12 + 4 * 512 + 8, 4 + 8 * 12


def random_vectors(count: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 512), dtype=np.float32)


def graph_of(index: FaceIndex) -> Graph:
    assert isinstance(index.store, Graph)
    return index.store


def permuted(path: Path, count: int) -> Path:
    """An index with its labels in another order than its vectors, as several threads build it."""
    index = voyager.Index(voyager.Space.Cosine, num_dimensions=512, M=12, ef_construction=40)
    order = np.random.default_rng(1).permutation(count)
    index.add_items(random_vectors(count)[order], ids=order.tolist(), num_threads=1)
    index.save(str(path))
    return path


def unlinked(path: Path) -> Path:
    """An index with other vectors, and one neighbour each, so that a search ends where it comes down."""
    data = bytearray(make_index(path, 600).read_bytes())
    for i, vector in enumerate(random_vectors(600)):
        at = HEADER_BYTES + i * RECORD
        data[at + VECTOR : at + VECTOR + 2048] = (vector / np.linalg.norm(vector)).tobytes()
        data[at : at + 2] = (1).to_bytes(2, "little")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("make", [make_index, permuted], ids=["in order", "in another order"])
@pytest.mark.parametrize("settled", [False, True], ids=["mapped", "settled"])
def test_parity_gives_voyagers_own_answers(tmp_path: Path, make: Any, settled: bool) -> None:
    path = make(tmp_path / "i.voy", 3000)
    index, queries = open_index(path, "parity"), random_vectors(200, seed=6) * 7
    if settled:
        index.store.settle()

    found = index.search(queries, 100)

    labels, distances = voyager.Index.load(str(path)).query(queries, k=100)
    assert graph_of(index)
    assert (np.sort(found.labels) == np.sort(labels.astype(np.int64))).all()
    assert np.abs(found.distances - distances).max() < 1e-6
    assert (found.labels == labels.astype(np.int64)).mean() > 0.999


@pytest.mark.parametrize("search", ["wide", "exact"])
def test_other_settings_find_what_is_nearest(tmp_path: Path, search: str) -> None:
    path = permuted(tmp_path / "i.voy", 2000)
    index, queries = open_index(path, search), random_vectors(20, seed=6)
    vectors = random_vectors(2000)
    alike = queries @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T

    found = index.search(queries, 5)

    share = (found.labels == np.argsort(-alike, axis=1)[:, :5]).mean()
    assert share == 1 if search == "exact" else share > 0.9


@pytest.mark.parametrize("storage", [Storage.FLOAT8, Storage.E4M3])
@pytest.mark.parametrize("search", ["parity", "wide", "exact"])
def test_indices_of_small_numbers_are_voyagers(tmp_path: Path, storage: Storage, search: str) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300, storage=storage), search)

    assert isinstance(index.store, VoyagerStore)
    assert index.self_check() == SAMPLES
    vector = np.stack([index.store.vector(7)])
    assert index.search(vector, 3).labels[0, 0] == 7
    index.store.settle()


def test_pages_are_let_go_of_in_small_pieces_as_python_holds_its_lock_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(mmap.mmap):
        pieces: ClassVar[list[tuple[int, int]]] = []

        def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
            self.pieces.append((start, len(self) - start if length is None else length))
            super().madvise(option, *self.pieces[-1])

    monkeypatch.setattr("facedb_sidecar.engine.graph.BLOCK_BYTES", 64 << 10)
    monkeypatch.setattr(mmap, "mmap", Watched)
    index = open_index(make_index(tmp_path / "i.voy", 300), "wide")

    graph_of(index).settle()

    starts, lengths = zip(*Watched.pieces, strict=True)
    assert max(lengths) == 64 << 10
    assert starts == tuple(range(0, sum(lengths), 64 << 10))
    assert sum(lengths) == (tmp_path / "i.voy").stat().st_size


def test_every_vector_of_a_good_index_finds_itself(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 300))

    assert index.self_check() == SAMPLES


def test_an_index_with_one_vector_is_served(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 1))

    assert index.self_check() == 1
    assert index.search(random_vectors(1), 100).labels.tolist() == [[0]]


def test_a_few_vectors_may_stay_unfound_and_more_may_not(tmp_path: Path) -> None:
    few = open_index(make_index(tmp_path / "few.voy", SAMPLES, deleted=range(5)))

    assert few.self_check() == SAMPLES
    with pytest.raises(LoadError, match="too many of its vectors are marked as deleted") as caught:
        open_index(make_index(tmp_path / "many.voy", SAMPLES, deleted=range(6)))
    assert caught.value.reason == "CorruptIndex"


def test_the_same_photo_many_times_finds_its_like(tmp_path: Path) -> None:
    vectors = random_vectors(60)
    vectors[10:50] = vectors[10]

    assert open_index(make_index(tmp_path / "i.voy", 60, vectors=vectors)).self_check() == SAMPLES


def test_voyager_answers_with_fewer_where_it_cannot_find_as_many_as_asked_for(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 400, deleted=range(370, 400))
    with pytest.raises(voyager.RecallError):
        voyager.Index.load(str(path)).query(random_vectors(1)[0], k=380, query_ef=380)

    labels = open_index(path, "parity").search(random_vectors(3), 380).labels

    assert (labels[:, 0] >= 0).all()
    assert (labels[:, -1] == -1).all()


def test_faiss_answers_with_fewer_where_the_graph_ends(tmp_path: Path) -> None:
    found = open_index(unlinked(tmp_path / "i.voy"), "parity").search(random_vectors(3), 300)

    there = found.labels >= 0
    assert (there.sum(axis=1) < 300).all()
    assert (np.diff(there.astype(int)) <= 0).all()
    assert (np.diff(np.where(there, found.distances, 9)) >= 0).all()


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
    with pytest.raises(LoadError, match="do not find themselves"):
        open_index(unlinked(tmp_path / "i.voy")).self_check()


def test_a_graph_that_was_built_hastily_is_poor_and_not_damaged(tmp_path: Path) -> None:
    index = open_index(make_index(tmp_path / "i.voy", 6000, links=4, ef_construction=4))

    assert index.self_check() == SAMPLES


def test_another_dimension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="128 dimensions; expected 512") as caught:
        open_index(make_index(tmp_path / "i.voy", 40, dimensions=128))
    assert caught.value.reason == "CorruptIndex"


def test_no_damage_ends_the_process(tmp_path: Path) -> None:
    good = make_index(tmp_path / "good.voy", 120).read_bytes()
    outcomes = set()
    for name, data in damaged(good, seed=3, files=120):
        path = tmp_path / name
        path.write_bytes(data)
        try:
            index = open_index(path, "parity")
            index.search(random_vectors(5), 100)
            index.store.settle()
            index.self_check()
            outcomes.add("served")
        except LoadError as error:
            outcomes.add(error.reason)
        path.unlink()
    assert outcomes == {"served", "CorruptIndex"}
