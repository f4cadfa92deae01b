"""The benchmark itself runs, on a release of a few hundred faces. No time is judged here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.bars import bars
from bench.pacing import DEPTH_SECONDS, Bucket
from bench.results import Results
from bench.shaping_server import Asked, answer_for
from bench.stages import STAGES, Material
from builders import make_release

TESTS = Path(__file__).resolve().parent
# Enough to pass through all of its code once; the others only take longer.
PARTS = ("unlimited", "update", "kill")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the benchmark printed, and the folder with its numbers."""
    folder = tmp_path_factory.mktemp("bench")
    few = ["--scale", "toy", "--rounds", "1", "--kills", "1", "--parts", *PARTS]
    done = subprocess.run(
        [sys.executable, "-m", "bench.main", *few, "--out", str(folder / "out")],
        env={**os.environ, "PYTHONPATH": str(TESTS), "FACEDB_CACHE": str(folder), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "out"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A small release, packed and unpacked."""
    folder = tmp_path_factory.mktemp("stored")
    archive = make_release(folder, "2026.02.18")
    shutil.unpack_archive(archive, folder / "files")
    return Material(archive, tuple((folder / "files").iterdir()))


def test_the_table_and_the_numbers_hold_every_row(ran: tuple[str, Path]) -> None:
    printed, out = ran
    rows = [bar.name for bar in bars(Results("toy", 1, 1, 1, 1))]
    written = json.loads((out / "fetch-toy.json").read_text())

    text = (out / "fetch-toy.md").read_text()
    assert set(rows) <= {bar["name"] for bar in written["bars"]}
    assert [name for name in rows if name not in printed or f"| {name} |" not in text] == []


def test_what_was_asked_for_was_measured(ran: tuple[str, Path]) -> None:
    found = json.loads((ran[1] / "fetch-toy.json").read_text())["bars"]
    measured = [b["name"] for b in found if b["measured"] is not None]
    for begin in (
        "unlimited: seconds, ours / plain",
        "ours: bytes written",
        "ours: peak",
        "update, 1 of 6",
        "kill",
    ):
        assert any(name.startswith(begin) for name in measured), begin


@pytest.mark.parametrize("name", STAGES)
def test_each_stage_runs_alone(name: str, stored: Material) -> None:
    STAGES[name](stored, 2)


def test_the_numbers_name_no_folder_and_no_machine(ran: tuple[str, Path]) -> None:
    text = "".join(p.read_text() for p in ran[1].iterdir())
    assert os.uname().nodename not in text.split()
    assert str(Path.home()) not in text
    assert str(ran[1]) not in text


def test_a_bucket_gives_its_rate_and_little_more_however_long_it_waited() -> None:
    bucket = Bucket(1000.0, now=0.0)
    assert bucket.take(500, now=0.0) == 0.0
    assert bucket.take(500, now=0.0) == 0.5
    idle = 100.0
    waits = [bucket.take(100, now=idle) for _ in range(10)]
    assert waits == pytest.approx([max(0.0, 0.1 * i - DEPTH_SECONDS) for i in range(10)])


@pytest.mark.parametrize(
    ("headers", "status", "span"),
    [
        ({}, 200, (0, 100)),
        ({"range": "bytes=10-19"}, 206, (10, 10)),
        ({"range": "bytes=90-"}, 206, (90, 10)),
        ({"range": "bytes=-30"}, 206, (70, 30)),
        ({"range": "bytes=95-200"}, 206, (95, 5)),
        ({"range": "bytes=100-"}, 416, (0, 0)),
        ({"range": "bytes=10-19", "if-range": '"another"'}, 200, (0, 100)),
    ],
    ids=["all", "a part", "from a place", "the end", "beyond the end", "behind the end", "another file"],
)
def test_the_shaping_server_answers_ranges_as_http_wants_it(
    tmp_path: Path, headers: dict[str, str], status: int, span: tuple[int, int]
) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    answer = answer_for(Asked("GET", "/file", headers), tmp_path.resolve())
    assert (answer.status, (answer.start, answer.length)) == (status, span)
    assert answer_for(Asked("GET", "/../etc/passwd", {}), tmp_path.resolve()).status == 404
