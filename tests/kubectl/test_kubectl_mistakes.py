"""What people type by mistake, or into a pipe, with the real kubectl: words, a code, never a traceback."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("status", "fces"), 1, "fces"),
        (("status", "faces", "-n", "nowhere"), 1, "nowhere"),
        (("history", "fces"), 1, "fces"),
        (("pause", "fces"), 1, "fces"),
        (("logs", "fces"), 1, "fces"),
        (("verify", "fces"), 1, "fces"),
        (("retry", "faces"), 1, "nothing to try again"),
        (("rollback", "faces", "1999.01.01"), 1, "1999.01.01 is not kept"),
        (("approve", "faces"), 1, "no channel"),
        (("statsu", "faces"), 2, "statsu"),
        (("status", "faces", "-o", "xml"), 2, "xml"),
        (("status", "faces", "--context", "other"), 3, "other"),
        (("status", "faces", "--kubeconfig", "/nowhere"), 3, "/nowhere"),
        (("pause", "faces", "--wait", "--timeout", "soon"), 2, "soon"),
        (("pause",), 2, "NAME"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
@pytest.mark.usefixtures("serving")
def test_a_mistake_is_told_in_words(plugin: Any, words: tuple[str, ...], code: int, told: str) -> None:
    done = plugin.kubectl(*words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("serving")
def test_json_goes_through_a_pipe_and_has_nothing_else_in_it(plugin: Any) -> None:
    for words in (("status", "faces"), ("status",), ("history", "faces")):
        done = plugin.kubectl(*words, "-o", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)
        assert "\x1b" not in done.stdout


@pytest.mark.usefixtures("serving")
def test_a_pipe_whose_reader_goes_away_is_no_accident(plugin: Any) -> None:
    with plugin.start("status", "faces", "--watch", "-o", "json") as writer:
        assert writer.stdout.readline()
        writer.stdout.close()
        # What it says next has no reader.
        plugin.write_status("faces", {"readyReplicas": 0})
        try:
            assert writer.wait(120) == 0
        finally:
            writer.kill()
        said = writer.stderr.read()
    assert "Traceback" not in said
    assert "Exception ignored" not in said


@pytest.mark.usefixtures("serving")
def test_without_a_terminal_nothing_is_coloured_and_nothing_moves(plugin: Any) -> None:
    for words in (("status",), ("status", "faces"), ("history", "faces"), ("--help",)):
        done = plugin.kubectl(*words, stderr=subprocess.STDOUT)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
