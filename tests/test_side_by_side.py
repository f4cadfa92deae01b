"""`make test` fails when either suite fails, and shows the words of the one that ran behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from side_by_side import small_group

PROGRAM = Path(__file__).parent / "side_by_side.py"
MAKEFILE = """
good:
\t@echo all is well
bad:
\t@echo a test has failed; exit 3
"""


def both(folder: Path, behind: str, front: str) -> tuple[int, str]:
    (folder / "Makefile").write_text(MAKEFILE)
    command = [sys.executable, str(PROGRAM), behind, front]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("behind", "front", "passes"),
    [("good", "good", True), ("bad", "good", False), ("good", "bad", False), ("bad", "bad", False)],
)
def test_both_must_pass(tmp_path: Path, behind: str, front: str, passes: bool) -> None:
    status, _ = both(tmp_path, behind, front)
    assert (status == 0) == passes


def test_the_words_of_the_one_behind_are_shown_and_which_has_failed(tmp_path: Path) -> None:
    _, said = both(tmp_path, "bad", "good")
    assert "a test has failed" in said
    assert "== `make bad`: FAILED (2)" in said
    assert "== `make good`: passed" in said


@pytest.mark.parametrize(
    ("mark", "file", "share"),
    [
        ("cgroup.controllers", "facedb-behind/cpu.weight", "50"),
        ("cpu", "cpu/facedb-behind/cpu.shares", "512"),
    ],
)
def test_the_one_behind_has_a_small_share_of_the_processors(
    tmp_path: Path, mark: str, file: str, share: str
) -> None:
    (tmp_path / mark).mkdir()
    group = small_group(tmp_path)
    assert (tmp_path / file).read_text() == share
    assert group == (tmp_path / file).parent


def test_without_control_groups_both_run_all_the_same(tmp_path: Path) -> None:
    assert not small_group(tmp_path / "nowhere").exists()
