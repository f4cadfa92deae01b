"""docs/tutorial.md does what it says: its commands are run, in order, in one shell, as a newcomer would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import tutorial
from cluster.places import Place
from docs.blocks import blocks, missing, outputs, script

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
MARK = "== block "
# "In fifteen minutes", once the node and the images are there.
WITHIN_S = 15 * 60


@pytest.fixture
def clean(place: Place) -> Iterator[Place]:
    """Nothing of an earlier reader is left, nor of this one afterwards."""

    def sweep() -> None:
        place.kubernetes.kubectl(
            "delete", "namespace", tutorial.NAMESPACE, "--ignore-not-found", "--timeout=600s"
        )
        tutorial.end(ROOT / tutorial.FOLDER)

    sweep()
    yield place
    sweep()


def test_a_newcomer_follows_the_tutorial_in_fifteen_minutes(clean: Place) -> None:
    every = blocks(PAGE.read_text("utf-8"))
    env = {
        **os.environ,
        "OPERATOR_IMAGE": clean.images.operator,
        "SIDECAR_IMAGE": clean.images.sidecar,
    }
    ran = subprocess.run(
        ["bash", "-c", script(every, MARK) + "\n"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    shown = outputs(ran.stdout, MARK)
    last = every[len(shown) - 1] if shown else every[0]
    assert ran.returncode == 0, f"the block at line {last.line} failed:\n{ran.stdout[-4000:]}"
    for block, printed in zip(every, shown, strict=True):
        lacking = missing(block.expected, printed)
        assert lacking is None, f"the block at line {block.line} does not print {lacking!r}:\n{printed}"
