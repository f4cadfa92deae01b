"""What axe-core finds in a part of a page that keeps people from using it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from npm_files import AXE

# WCAG 2.2 at the level that is usually asked for, and what axe's authors advise beyond.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def axe(page: Page, selector: str) -> list[str]:
    """A sentence for each thing that is wrong in what the selector matches."""
    page.evaluate(AXE.read().decode())
    found: dict[str, Any] = page.evaluate(
        "([within, rules]) => axe.run({include: [within]}, {runOnly: {type: 'tag', values: rules}})",
        [selector, list(RULES)],
    )
    return [
        f"{wrong['id']}: {wrong['help']}: {node['html'][:200]} ({node.get('failureSummary', '')[:300]})"
        for wrong in found["violations"]
        for node in wrong["nodes"]
    ]
