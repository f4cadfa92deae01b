"""A failure is told when it happens: a suite of an hour may be cut off before its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
def test_first():
    assert 1 == 2, "the reason"

def test_second(): ...
"""
TESTS = Path(__file__).parent


@pytest.mark.parametrize("how", [(), ("-n", "1")], ids=["in one process", "with workers"])
def test_why_a_test_failed_stands_before_the_next_ones_end(tmp_path: Path, how: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_bytes((TESTS / "conftest.py").read_bytes())
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-c", "/dev/null", *how]
    command += ["--rootdir", str(tmp_path), "-o", f"pythonpath={TESTS}", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told, passed = ran.stdout.index("test_first: its call failed"), ran.stdout.index("PASSED")
    assert told < ran.stdout.index("AssertionError: the reason") < passed
