"""`make test` fails when either suite fails, and shows the words of the one that ran behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
