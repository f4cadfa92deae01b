"""Good indices of every kind pass; of thousands of damaged ones, none that passes brings voyager down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import voyager

import index_damage as damage
import index_queries
from facedb_release.errors import Reason, WrongRelease
from facedb_release.verify import graph, index
from facedb_release.verify.graph import check_graph
from facedb_release.verify.index import Storage, check_opens, parse_header, read_header
from index_damage import Target, damaged, make_index

KINDS = (Storage.FLOAT8, Storage.FLOAT32, Storage.E4M3)
SPACE = 3 << 30


def accepted(path: Path) -> bool:
    """Check the header and the graph; any other error than a refusal fails the test."""
    try:
        check_graph(path, read_header(path))
    except WrongRelease:
        return False
    return True


def random_vectors(count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((count, dimensions), dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
@pytest.mark.parametrize("dimensions", [512, 1280])
@pytest.mark.parametrize(("count", "links"), [(1, 12), (2, 12), (13, 12), (400, 12), (150, 5), (120, 48)])
def test_a_good_index_passes(tmp_path: Path, kind: Storage, dimensions: int, count: int, links: int) -> None:
    path = make_index(tmp_path / "i.voy", count, dimensions, kind, links=links)

    check_graph(path, read_header(path))
    assert index_queries.query(path) == ""


@pytest.mark.parametrize("links", [2, 3, 7, 12])
def test_good_indices_of_every_small_size_pass(tmp_path: Path, links: int) -> None:
    for count in (*range(1, 30), 50, 80):
        path = make_index(tmp_path / "i.voy", count, 16, links=links, seed=count)
        assert accepted(path), count


VECTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "huge": lambda v: v * np.float32(1e12),
    "tiny": lambda v: v * np.float32(1e-12),
    "one number": lambda v: np.ones_like(v) * np.abs(v[:, :1]),
    "one axis": lambda v: np.eye(v.shape[1], dtype=np.float32)[: len(v)] + v * np.float32(1e-4),
    "heavy tails": lambda v: v**5,
    "in pairs": lambda v: np.repeat(v[::2], 2, axis=0),
    "clustered": lambda v: v * np.float32(0.1) + np.repeat(v[::10], 10, axis=0),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
@pytest.mark.parametrize("dimensions", [512, 1280])
@pytest.mark.parametrize("change", VECTORS.values(), ids=VECTORS.keys())
def test_good_vectors_of_every_shape_pass(
    tmp_path: Path, kind: Storage, dimensions: int, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    vectors = change(random_vectors(200, dimensions))
    path = make_index(tmp_path / "i.voy", 200, dimensions, kind, vectors=vectors, ef_construction=20)

    check_graph(path, read_header(path))


def test_an_index_that_grew_was_updated_and_has_deletions_passes(tmp_path: Path) -> None:
    made = voyager.Index(voyager.Space.Cosine, num_dimensions=64, ef_construction=30, max_elements=10_000)
    vectors = random_vectors(3000, 64)
    made.add_items(vectors, ids=np.random.default_rng(1).permutation(3000).tolist(), num_threads=4)
    made.add_items(random_vectors(1000, 64), ids=list(range(1000)), num_threads=4)
    for label in range(7, 3000, 10):
        made.mark_deleted(label)
    made.save(str(tmp_path / "i.voy"))

    assert accepted(tmp_path / "i.voy")
    assert not list(ask(tmp_path / "i.voy", 3000))


def test_twenty_thousand_faces_pass_and_are_checked_in_blocks(tmp_path: Path) -> None:
    count = 20_000
    vectors = random_vectors(count, 512)
    vectors[5000:5010] = vectors[5000]
    path = make_index(tmp_path / "i.voy", count, vectors=vectors, ef_construction=12, max_elements=count)
    check_graph(path, read_header(path))

    header = read_header(path)
    assert header.record * count > 10 * graph.BLOCK_BYTES
    data = bytearray(path.read_bytes())
    last = index.HEADER_BYTES + (count - 1) * header.record
    # The exponent of the last number.
    data[last + header.record - 9] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(WrongRelease, match="vector 19999 is not of unit length"):
        check_graph(path, header)
    check_graph(path, header, norms=False)


def test_an_empty_index_is_refused_because_voyager_opens_none(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 0)

    with pytest.raises(WrongRelease, match="holds no vector"):
        check_graph(path, read_header(path))
    assert "Entry point" in index_queries.query(path)


SOURCES = [
    pytest.param(kind, count, dimensions, links, deleted, id=f"{kind.name}-{count}x{dimensions}-M{links}")
    for kind, count, dimensions, links, deleted in (
        (Storage.FLOAT32, 120, 512, 12, ()),
        (Storage.FLOAT8, 120, 512, 12, (5,)),
        (Storage.E4M3, 120, 512, 12, ()),
        (Storage.FLOAT32, 60, 1280, 16, (3, 7)),
        (Storage.E4M3, 90, 1280, 12, ()),
        (Storage.FLOAT32, 500, 24, 4, ()),
        (Storage.FLOAT8, 9, 512, 12, ()),
    )
]


@pytest.mark.parametrize(("kind", "count", "dimensions", "links", "deleted"), SOURCES)
def test_no_damaged_index_that_passes_fails_in_voyager(
    tmp_path: Path, kind: Storage, count: int, dimensions: int, links: int, deleted: tuple[int, ...]
) -> None:
    good = make_index(tmp_path / "good.voy", count, dimensions, kind, links=links, deleted=deleted)
    content, folder = good.read_bytes(), tmp_path / "passed"
    folder.mkdir()
    for name, data in damaged(content, seed=count, files=330):
        (folder / name).write_bytes(data)
        if not accepted(folder / name):
            (folder / name).unlink()

    passed = len(list(folder.iterdir()))
    child = [sys.executable, "tests/index_queries.py", str(folder)]
    said = subprocess.run(child, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)

    lines = said.stdout.splitlines()
    assert said.returncode == 0, f"killed by {lines[-1:]}: {said.stderr[-500:]}"
    assert [line for line in lines if not line.endswith("\t")] == []
    # Not all is refused: else the check would prove nothing.
    assert 10 < passed == len(lines) < 150


ROOT = Path(__file__).resolve().parents[2]
LIES = [
    (damage.island, "stays there"),
    (damage.delete_many, "marked as deleted|a search that comes by"),
    (damage.truncate, "length|too short"),
    (damage.vector_noise, "unit length"),
    (damage.copy_record, "one label"),
    (damage.move_level, "not on the level|not on the top level"),
]


@pytest.mark.parametrize(("rule", "why"), LIES, ids=lambda x: getattr(x, "__name__", ""))
def test_a_refusal_says_what_is_wrong(tmp_path: Path, rule: damage.Rule, why: str) -> None:
    good = make_index(tmp_path / "good.voy", 300, 64).read_bytes()
    path = tmp_path / "bad.voy"
    for seed in range(20):
        target = Target(bytearray(good), parse_header(good, len(good), file=""), np.random.default_rng(seed))
        rule(target)
        path.write_bytes(target.data)
        if not accepted(path):
            break
    with pytest.raises(WrongRelease, match=f"bad.voy cannot serve: .*({why})") as caught:
        check_graph(path, read_header(path))
    assert caught.value.reason is Reason.CORRUPT_INDEX


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 100)
    header = read_header(path)
    os.truncate(path, 5000)

    with pytest.raises(WrongRelease):
        check_graph(path, header)


def ask(path: Path, count: int, **changes: int) -> list[str]:
    facts = {"labels": range(count), "sample": 50, "seconds": 60, "extra_bytes": SPACE}
    return list(check_opens(path, **(facts | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_a_good_index_opens_and_finds_its_own(tmp_path: Path, kind: Storage) -> None:
    assert ask(make_index(tmp_path / "i.voy", 300, 1280, kind), 300) == []


def test_what_the_graph_refuses_is_refused_in_the_child_with_the_same_words(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 60)
    data = bytearray(path.read_bytes())
    data[index.HEADER_BYTES + 4 : index.HEADER_BYTES + 8] = b"\xff" * 4
    path.write_bytes(data)

    with pytest.raises(WrongRelease, match="a neighbour is no vector of it") as caught:
        ask(path, 60)
    assert (caught.value.expected, caught.value.found, caught.value.file) == (
        "below 60",
        "4294967295",
        "i.voy",
    )


def test_an_index_whose_vectors_do_not_find_themselves_is_refused(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 900, 64)
    header, data = read_header(path), bytearray(path.read_bytes())
    records = [index.HEADER_BYTES + i * header.record + 100 for i in range(900)]
    # Vectors change places and the links do not: a sound graph that leads nowhere.
    vectors = [bytes(data[at : at + 256]) for at in records]
    for at, i in zip(records, np.random.default_rng(0).permutation(900), strict=True):
        data[at : at + 256] = vectors[i]
    for one, _ in pairwise(records):
        data[one - 100 : one - 98] = (3).to_bytes(2, "little")
    path.write_bytes(data)

    assert accepted(path)
    with pytest.raises(WrongRelease, match="do not find themselves"):
        ask(path, 900)


def test_without_voyager_the_graph_is_checked_and_the_rest_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_index(tmp_path / "i.voy", 60)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "voyager" else name)

    assert ask(path, 60) == [
        "the indices were checked and not queried, because voyager is not installed here"
    ]
    path.write_bytes(path.read_bytes()[:-4] + b"\xff" * 4)
    with pytest.raises(WrongRelease):
        ask(path, 60)


def python_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let another program play the child."""
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -SEGV $$", "kills the process"),
        ("exec sleep 60", "did not end"),
        ("exec yes", "no end"),
        ("exec >&- 2>&-; exec sleep 60", "did not end"),
        ("echo no good >&2; exit 3", "cannot be read"),
        ("echo '[]'", "cannot be read"),
        ("echo '{}'", "do not find themselves"),
        ('echo \'{"error": "odd", "found": 3}\'', "odd"),
    ],
)
def test_whatever_the_child_does_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    path = make_index(tmp_path / "i.voy", 30)
    python_that(tmp_path, monkeypatch, script)

    with pytest.raises(WrongRelease, match=why) as caught:
        ask(path, 30, seconds=1 if "sleep" in script else 60)
    assert caught.value.reason is Reason.CORRUPT_INDEX


def test_the_child_keeps_to_its_memory(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 30)

    with pytest.raises(WrongRelease, match=r"memory|cannot be read"):
        ask(path, 30, extra_bytes=1 << 20)


DIES = """
import os, sys
from facedb_release.verify.reader import die_with
die_with(int(sys.argv[1]))
print("listening", flush=True)
os.kill(os.getppid(), 9)
while True:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_child_dies_with_its_parent() -> None:
    parent = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())])\n"
        "child.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent, DIES], stdout=subprocess.PIPE, text=True) as running:
        # Reads to the end: the pipe closes only once the child is dead too.
        said = running.communicate(timeout=60)[0]

    assert (running.returncode, said) == (-signal.SIGKILL, "listening\n")


def test_a_graph_that_was_built_hastily_is_poor_and_not_damaged(tmp_path: Path) -> None:
    path = make_index(tmp_path / "i.voy", 6000, links=4, ef_construction=4)

    assert ask(path, 6000) == []
