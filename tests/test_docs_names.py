"""Every name that a page uses is one that there is: fields, annotations, reasons, verbs, modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cli_tables
from crd_schema import nodes, part
from facedb_operator import names
from facedb_operator.names import Condition, Event
from facedb_operator.names import Reason as OperatorReason
from facedb_operator.spec import verbs
from facedb_release.errors import Reason as ReleaseReason

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = {
    where: "".join(p.read_text() for p in sorted((ROOT / where).rglob("*.py")))
    for where in ("operator/src", "sidecar/src")
}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def unknown(named: set[str]) -> set[str]:
    """Paths of spec and status that the definition does not have. Below a map every name is one."""
    paths = {path.replace("[]", "") for name in ("spec", "status") for path, _ in nodes(part(name), name)}
    maps = tuple(path.removesuffix("{}") + "." for path in paths if path.endswith("{}"))
    return {path for path in named - paths if not path.startswith(maps)}


@each_page
def test_every_field_exists(page: Path) -> None:
    text = re.sub(r"\[\]", "", page.read_text())
    named = set(re.findall(r"(?<![\w./-])((?:spec|status)\.[a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)*)", text))
    # A file of the code, and a field of a pod.
    named = {name for name in named if not name.endswith((".py", "status.hostIP"))}
    assert unknown(named) == set()


@each_page
def test_every_annotation_and_label_exists(page: Path) -> None:
    own = {
        str(value)
        for value in vars(names).values()
        if isinstance(value, str) and value.startswith("facedb.dev/")
    }
    known = own | {f"facedb.dev/{verb}" for verb in verbs.VERBS} | {"facedb.dev/v1alpha1"}
    named = set(re.findall(r"(?<![\w.])facedb\.dev/[a-z0-9][a-z0-9-]*[a-z0-9]", page.read_text()))
    assert named - known == set()


@each_page
def test_every_verb_of_kubectl_exists(page: Path) -> None:
    named = set(re.findall(r"kubectl facedb ([a-z]+)", page.read_text()))
    assert named - set(cli_tables.kubectl_verbs()) == set()


def test_every_reason_that_is_explained_exists() -> None:
    text = (ROOT / "docs" / "reasons.md").read_text()
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    explained = {word for cell in cells for word in re.findall(r"`([A-Z]\w+)`", cell)}
    words = {*map(str, Condition), *map(str, OperatorReason), *map(str, ReleaseReason), *map(str, Event)}
    assert "Serving" in explained
    # Others are those of the sidecar's engine, and the plan's own judgement of a release.
    others = explained - words
    assert [word for word in sorted(others) if not any(f'"{word}"' in code for code in CODE.values())] == []


def test_every_module_of_the_operator_has_its_place_in_the_page() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text()
    package = ROOT / "operator" / "src" / "facedb_operator"
    tops = {p.name for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    rules = {f"plan/{p.name}" for p in (package / "plan").glob("*.py")}
    wanted = {name for name in tops | rules if not name.endswith("__init__.py")}
    assert [name for name in sorted(wanted) if f"`{name}`" not in page] == []
    named = set(re.findall(r"`((?:plan|observe|status|objects|spec)/\w+\.py)`", page))
    assert [name for name in sorted(named) if not (package / name).exists()] == []
