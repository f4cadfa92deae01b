"""Whatever Stash writes to the backend, and whatever Python runs it: JSON comes back, and no traceback."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

import facedb_backend
import facedb_wire
from facedb_modes import MODES
from plugin.backend_runs import failed, run
from plugin.plugin_process import PLUGIN

MODULES = sorted(PLUGIN.glob("*.py"))


@pytest.mark.parametrize(
    ("stdin", "error"),
    [
        (b"", "Stash's input is not JSON"),
        (b"{", "Stash's input is not JSON"),
        (b"\xff\xff", "Stash's input is not JSON"),
        (b"[" * 100_000, "Stash's input is not JSON"),
        (b"[]", "Stash's input has no arguments"),
        (b"null", "Stash's input has no arguments"),
        (b'{"args": [1]}', "Stash's input has no arguments"),
        (b"{}", "Unknown mode: "),
        (b'{"args": null}', "Unknown mode: "),
        ('{"args": {"mode": "\u00fc\U0001f600"}}'.encode(), "Unknown mode: \u00fc\U0001f600"),
        ('\ufeff{"args": {"mode": "x"}}'.encode(), "Unknown mode: x"),
        (b'{"args": {"mode": "\\ud800"}}', "Unknown mode: \ud800"),
    ],
    ids=[
        "nothing",
        "half",
        "bytes",
        "deep",
        "list",
        "null",
        "args",
        "none",
        "no args",
        "unicode",
        "BOM",
        "half char",
    ],
)
def test_what_is_no_input_is_said(stdin: bytes, error: str) -> None:
    assert run(stdin).output == failed(error)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_the_consoles_encoding_does_not_matter(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PLUGIN / "facedb_backend.py")],
        input='{"args": {"mode": "ü\U0001f600", "x": "\\ud800"}}'.encode(),
        env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["output"] == failed("Unknown mode: ü\U0001f600")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["..", "1", "x/y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {argument.name for mode in MODES.values() for argument in (*(mode.body or ()), *mode.query)}
    | {"rec_id", "job_id", "key", "type", "model_name", "analysis_type", "max_frames", "field_configs"}
)
SITES = {"sidecar_url": JSON, "api_key": JSON}
ARGS = st.fixed_dictionaries(
    {"mode": st.sampled_from(sorted(MODES)) | JSON}, optional={**dict.fromkeys(NAMES, JSON), **SITES}
)
CONNECTION = JSON | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("Scheme", "Host", "Port", "SessionCookie"), JSON)
)
INPUTS = (
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"args": ARGS}, optional={"server_connection": CONNECTION}).map(
        lambda value: json.dumps(value).encode()
    )
)
SAID = JSON.map(lambda value: json.dumps(value).encode()) | st.binary()


@given(INPUTS, st.integers(100, 599), SAID)
def test_no_input_and_no_answer_is_a_traceback_or_no_json(raw: bytes, status: int, body: bytes) -> None:
    def send(site: facedb_wire.Site, request: Any, deadline: float) -> facedb_wire.Answer:
        json.dumps(request.body)
        return facedb_wire.Answer(status, body, 999.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facedb_wire, "send", send)
        text = facedb_backend.text_of(raw)
    assert text.isascii()
    said = json.loads(text, parse_constant=_no_number)
    assert list(said) == ["output"]
    assert "The plugin failed" not in text


def _no_number(word: str) -> NoReturn:
    raise AssertionError(word)


def test_an_error_that_nobody_foresaw_is_an_output_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def send(*_: object) -> NoReturn:
        raise KeyError("what")

    monkeypatch.setattr(facedb_wire, "send", send)
    said = facedb_backend.answer(b'{"args": {"mode": "health", "sidecar_url": "http://a"}}')
    assert said == failed("The plugin failed: KeyError")
    assert capsys.readouterr().err == "\x01e\x02[facedb] KeyError: 'what'\n"


def test_without_requests_the_user_is_told_what_to_install(tmp_path: Any) -> None:
    (tmp_path / "requests.py").write_text("raise ModuleNotFoundError('no', name='requests')")
    done = subprocess.run(
        [sys.executable, str(PLUGIN / "facedb_backend.py")],
        input=b'{"args": {"mode": "health"}}',
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    error = json.loads(done.stdout)["output"]["error"]
    assert error.startswith("Python's package requests is missing: ")
    assert error.endswith("-m pip install requests)")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_needs_nothing_but_the_standard_library_and_requests(module: Any) -> None:
    tree = ast.parse(module.read_text("utf-8"), feature_version=(3, 9))
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
        )
    }
    own = {path.stem for path in MODULES}
    assert named - own - set(sys.stdlib_module_names) <= {"requests"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_is_short(module: Any) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= 350
