"""What pages tell people to write is understood: fields, values of the chart, options, reasons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import cli_tables
from crd_schema import part, strangers
from facedb_operator.names import Condition, Event, Reason
from facedb_release.errors import Reason as ReleaseReason

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TASKS = sorted((DOCS / "how-to").glob("*.md"))
PAGES = [*sorted(DOCS.glob("*.md")), *TASKS]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "charts" / "facedb" / "values.yaml").read_text("utf-8"))
REASONS = (DOCS / "reasons.md").read_text("utf-8")
# What stands for something else in a listing, made readable for a parser.
STANDINS = {"[…]": "[]", "…": "x"}
COMMANDS = {**cli_tables.commands(), **{f"kubectl {k}": v for k, v in cli_tables.kubectl_verbs().items()}}


def listings(page: Path) -> list[Any]:
    """Every YAML listing of a page, parsed."""
    found = []
    for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for word, other in STANDINS.items():
            text = text.replace(word, other)
        # A part of a spec may stand alone, indented as it is in it.
        found.append(yaml.safe_load(f"spec:\n{text}" if text.startswith("  ") else text))
    return found


def specs(page: Path) -> list[dict[str, Any]]:
    return [each["spec"] for each in listings(page) if isinstance(each, dict) and "spec" in each]


def values(page: Path) -> list[dict[str, Any]]:
    return [each for each in listings(page) if isinstance(each, dict) and "spec" not in each]


@pytest.mark.parametrize("page", [p for p in PAGES if specs(p)], ids=lambda p: p.name)
def test_every_field_of_a_listing_exists(page: Path) -> None:
    assert [strangers(spec, part("spec"), "spec") for spec in specs(page)] == [[]] * len(specs(page))


@pytest.mark.parametrize("page", [p for p in TASKS if values(p)], ids=lambda p: p.name)
def test_every_value_of_the_chart_in_a_listing_exists(page: Path) -> None:
    for each in values(page):
        for name, below in each.items():
            assert name in VALUES
            assert not isinstance(below, dict) or set(below) <= set(VALUES[name])


def test_the_tasks_show_fields_and_values() -> None:
    assert len([p for p in TASKS if specs(p)]) >= 6
    assert [p.name for p in TASKS if values(p)] == ["several-databases.md"]


def commands(page: Path) -> list[str]:
    """Every command that a page has people type."""
    shown = re.findall(r"^ *\$ (.*(?:\\\n.*)*)", page.read_text("utf-8"), re.MULTILINE)
    inline = re.findall(r"`((?:kubectl )?facedb [a-z][^`]*)`", page.read_text("utf-8"))
    return [re.sub(r"\\\n", " ", each) for each in (*shown, *inline)]


@pytest.mark.parametrize("page", [*TASKS, DOCS / "migrate.md", DOCS / "tutorial.md"], ids=lambda p: p.name)
def test_every_command_and_option_that_a_task_types_exists(page: Path) -> None:
    for line in commands(page):
        match = re.match(r"(?:\w+=\S+ )*(kubectl )?facedb ([a-z-]+)(.*)", line)
        if match:
            command = COMMANDS[f"{match[1] or ''}{match[2]}"]
            known = cli_tables.options(command)
            assert set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", match[3])) <= set(known), line


@pytest.mark.parametrize("page", [*TASKS, DOCS / "security.md", DOCS / "rollout.md"], ids=lambda p: p.name)
def test_every_reason_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", page.read_text("utf-8")))
    known = {str(word) for word in (*Condition, *Reason, *ReleaseReason, *Event)}
    known |= {
        kind for page in (DOCS / "fields.md",) for kind in re.findall(r"`(\w+)`", page.read_text("utf-8"))
    }
    # The sidecar's engine has words of its own; and kinds of Kubernetes, and this project's.
    known |= set(re.findall(r"`(\w+)`", REASONS)) | {"FaceDatabase", "ClusterRole", "ServiceMonitor"}
    assert named - known == set()


@pytest.mark.parametrize("event", Event)
def test_every_event_is_explained(event: Event) -> None:
    assert f"`{event}`" in REASONS


def test_every_example_is_linked_from_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    folders = [each.name for each in sorted((ROOT / "examples").iterdir()) if each.is_dir()]
    assert folders
    assert [name for name in folders if f"examples/{name}" not in text] == []
