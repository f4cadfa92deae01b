"""Writes every generated page and drawing of docs/: ``PYTHONPATH=tests python -m docs.pages``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import cli_tables
import field_tables
from docs import api_page, diagrams, plots, plugin_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RULES = ROOT / "charts" / "facedb" / "templates" / "_rules.tpl"
_BLOCK = "<!-- {name} -->\n"
_END = "<!-- end -->"


def missed() -> str:
    """Return the table of bars that were not reached."""
    rows = ["| what | wanted at most | measured | behind it |", "|---|---:|---:|---|"]
    for name, row in plots.missed():
        bar = plots.measured(name)[row]
        digits = bar["digits"]
        numbers = f"{bar['at_most']:.{digits}f} | {bar['measured']:.{digits}f}"
        rows.append(f"| [{row}](benchmarks/{name}.md) | {numbers} | {bar['note']} |")
    return "\n".join(rows)


def rules() -> Iterator[Mapping[str, Any]]:
    """Yield the operator's rules, as the chart grants them with everything switched on."""
    for define in re.split(r'\{\{- define "', RULES.read_text("utf-8"))[1:]:
        yield from yaml.safe_load(re.sub(r"\{\{.*?\}\}", "", define.partition("-}}")[2]))


def rules_table() -> str:
    """Return what the operator may do, as a table."""
    rows = ["| group | objects | may |", "|---|---|---|"]
    for rule in rules():
        group = ", ".join(each or "core" for each in rule["apiGroups"])
        objects = ", ".join(f"`{each}`" for each in rule["resources"])
        rows.append(f"| {group} | {objects} | {', '.join(rule['verbs'])} |")
    return "\n".join(rows)


def with_block(page: str, name: str, table: str) -> str:
    """Return the page with the table between its marks.

    Raises:
        ValueError: the page has no such marks.
    """
    begin = _BLOCK.format(name=name)
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(_END)
    if not (found and ended):
        raise ValueError(f"no {begin.strip()} … {_END} in the page")
    return f"{before}{begin}\n{table}\n\n{_END}{after}"


def generated() -> Mapping[Path, str]:
    """Return what each generated file of docs/ should hold."""
    command, kubectl = cli_tables.PAGE, cli_tables.KUBECTL_PAGE
    performance, security = DOCS / "performance.md", DOCS / "security.md"
    return {
        field_tables.PAGE: field_tables.page(),
        command: cli_tables.with_tables(command.read_text("utf-8"), cli_tables.commands()),
        kubectl: cli_tables.with_tables(kubectl.read_text("utf-8"), cli_tables.kubectl_verbs()),
        api_page.PAGE: api_page.page(),
        performance: with_block(performance.read_text("utf-8"), "missed", missed()),
        security: with_block(security.read_text("utf-8"), "rules", rules_table()),
        plugin_page.PAGE: with_block(plugin_page.PAGE.read_text("utf-8"), "modes", plugin_page.table()),
        **diagrams.drawings(),
        **plots.drawings(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
