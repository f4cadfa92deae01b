"""The shape of the repository: what would break the interpreter, and files that grew beyond one idea."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("release/src", "operator/src", "sidecar/src")
MOST_LINES = 350
MOST_FUNCTION_LINES = 40


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def modules() -> list[Path]:
    """Python files of the packages and of the tests' support."""
    return tracked(*(f"{s}/**.py" for s in SOURCES), "tests/**.py")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


def test_the_standard_librarys_operator_is_not_shadowed() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "tests" / "operator").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES
    long = {name: lines for name, lines in functions(path) if lines > MOST_FUNCTION_LINES}
    # Tables that cannot be cut: one case a step.
    assert set(long) <= {"act", "carry_out"}


@pytest.mark.parametrize("name", ["facedb_release", "facedb_operator", "facedb_kubectl", "facedb_sidecar"])
def test_every_package_says_that_it_is_typed(name: str) -> None:
    assert list(ROOT.glob(f"*/src/{name}/py.typed"))


def test_no_weights_and_no_binaries_are_kept() -> None:
    binaries = {".onnx", ".voy", ".db", ".zip", ".tar", ".whl", ".tgz", ".png", ".jpg", ".so", ".bin"}
    found = [p for p in tracked(".") if p.suffix in binaries]
    # What the plugin's browser tests have seen; `make screenshots` makes them.
    shots = [p for p in found if p.parent == ROOT / "docs/screenshots" and p.suffix == ".png"]
    assert [p for p in found if p not in shots] == []
    assert all(p.stat().st_size < 300_000 for p in shots)


def test_test_files_have_unique_names() -> None:
    names = [p.name for p in tracked("tests/**.py") if p.name != "conftest.py"]
    assert sorted(n for n in set(names) if names.count(n) > 1) == []
