"""Every fuzz target runs, and finds nothing in its first few thousand inputs; long runs are made by hand."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = sorted((Path(__file__).resolve().parents[1] / "fuzz").glob("fuzz_*.py"))
RUNS, SEED = 3000, 20260218


def test_there_is_a_target_for_each_kind_of_hostile_bytes() -> None:
    assert {t.stem for t in TARGETS} >= {"fuzz_archive", "fuzz_manifest", "fuzz_index"}


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.stem)
def test_a_fuzz_target_finds_nothing_in_some_thousand_inputs(target: Path, tmp_path: Path) -> None:
    assert importlib.util.find_spec("atheris"), (
        "atheris is not installed on this Python: the fuzz targets cannot run"
    )

    done = subprocess.run(
        [sys.executable, str(target), f"-runs={RUNS}", f"-seed={SEED}", f"-artifact_prefix={tmp_path}/"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Done {RUNS} runs" in done.stderr
