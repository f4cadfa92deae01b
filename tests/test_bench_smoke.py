"""The benchmark itself runs, on a release of a few hundred faces. No time is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.bars import bars
from bench.pacing import DEPTH_SECONDS, Bucket
from bench.results import Results

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the benchmark printed, and the folder with its numbers."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "bench.main", "--scale", "toy", "--rounds", "1", "--kills", "1"]
    done = subprocess.run(
        [*command, "--out", str(folder / "out")],
        env={**os.environ, "PYTHONPATH": str(TESTS), "FACEDB_CACHE": str(folder), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "out"


def test_the_table_and_the_numbers_hold_every_row(ran: tuple[str, Path]) -> None:
    printed, out = ran
    rows = [bar.name for bar in bars(Results("toy", 1, 1, 1, 1))]
    written = json.loads((out / "fetch-toy.json").read_text())

    text = (out / "fetch-toy.md").read_text()
    assert set(rows) <= {bar["name"] for bar in written["bars"]}
    assert [name for name in rows if name not in printed or f"| {name} |" not in text] == []


def test_every_part_was_measured_or_says_why_not(ran: tuple[str, Path]) -> None:
    found = json.loads((ran[1] / "fetch-toy.json").read_text())["bars"]
    silent = [b["name"] for b in found if b["measured"] is None and "not asked for" in b["note"]]
    assert silent == []


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
