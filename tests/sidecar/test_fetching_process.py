"""The fetching process gets what is written to its stdin, whichever event loop the server runs on."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from facedb_release.progress import Phase
from facedb_sidecar.updater.command import run_facedb


async def nobody(phase: Phase, done: int, total: int | None, file: str | None) -> None:
    """Listen to no progress."""


@pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop, as in the image"]
)
def test_a_list_over_stdin_reaches_the_fetching_process(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    content = b"weights"
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "arcface.onnx").write_bytes(content)
    entry = {"file": "arcface.onnx", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    words = ["fetch-models", "--into", str(tmp_path / "models"), "--manifest", "/dev/stdin"]
    source = ["--folder", str(tmp_path / "mounted")]
    listed = json.dumps({"models": {"arcface": entry}}).encode()
    with asyncio.Runner(loop_factory=loop) as runner:
        outcome = runner.run(run_facedb([*words, *source], nobody, token=None, stdin=listed))
    assert outcome.ok, outcome
    assert (tmp_path / "models" / "arcface.onnx").read_bytes() == content
