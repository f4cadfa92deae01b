"""What users read is compared with what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facedb_operator.names import Condition
from facedb_operator.names import Reason as OperatorReason
from facedb_release.errors import Reason as ReleaseReason

ROOT = Path(__file__).resolve().parents[1]
REASONS = (ROOT / "docs" / "reasons.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("word", [*Condition, *OperatorReason, *ReleaseReason])
def test_every_condition_and_reason_is_explained(word: str) -> None:
    assert f"`{word}`" in REASONS


def test_every_reason_that_the_engine_raises_is_explained() -> None:
    engine = ROOT / "sidecar" / "src" / "facedb_sidecar"
    raised = {
        word
        for file in engine.rglob("*.py")
        for word in re.findall(r'(?:LoadError|_fail)\(\s*"([A-Z]\w+)"', file.read_text())
    }
    assert raised
    assert [word for word in sorted(raised) if f"`{word}`" not in REASONS] == []


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
def test_commands_of_the_readme_exist(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_links_lead_somewhere(path: Path) -> None:
    local = [link for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()) if "//" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []
