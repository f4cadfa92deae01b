"""The site: built with warnings as errors, every page in its navigation, every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from docs import site_hook

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# With the README and what others link to, as people see them in the repository.
ALL = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s:#]*)(?:#([^)\s]+))?\)")

each_page = pytest.mark.parametrize("page", ALL, ids=lambda p: str(p.relative_to(ROOT)))


def config() -> str:
    return (ROOT / "mkdocs.yml").read_text("utf-8")


def plain(page: Path) -> list[str]:
    """The page's lines outside of listings."""
    return list(site_hook._outside_listings(page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them; for these pages the site's are the same."""
    headings = [line.lstrip("#").strip() for line in plain(page) if re.match(r"#{1,6} ", line)]
    words = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings]
    return {re.sub(r"[^\w\- ]", "", each).strip().replace(" ", "-") for each in words}


@each_page
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    bad = []
    for path, anchor in (found for line in plain(page) for found in _LINK.findall(line)):
        goal = page.parent / path if path else page
        if not goal.exists() or (anchor and goal.suffix == ".md" and anchor not in anchors(goal)):
            bad.append(f"{path}#{anchor}" if anchor else path)
    assert bad == []


def test_every_page_is_in_the_navigation_once() -> None:
    text = config().partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/-]+\.md)", text)
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def test_nothing_is_loaded_from_elsewhere_when_a_page_is_read() -> None:
    theme = yaml.safe_load(config())["theme"]
    assert theme["font"] is False
    assert [page.name for page in PAGES if "```mermaid" in page.read_text("utf-8")] == []
    remote = [page.name for page in PAGES if re.search(r"!\[[^]]*\]\(https?:", page.read_text("utf-8"))]
    assert remote == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    front = (tmp_path / "site" / "index.html").read_text("utf-8")
    # Addresses to click on are no downloads.
    assert re.findall(r'(?:src|<link[^>]*href)="(https?://[^"]+)"', front) == []
    assert (tmp_path / "site" / "source" / "examples" / "04-channel" / "facedatabase.yaml.html").exists()


def test_a_link_out_of_the_pages_leads_to_a_copy_in_the_site() -> None:
    text = "See [a](../examples/04-channel), [b](fields.md#spec), [c](https://x.example/y), `[d](../no)`."
    made = site_hook.rewritten("docs/how-it-works.md", text.replace(", `[d](../no)`", ""))
    assert made == (
        "See [a](source/examples/04-channel/facedatabase.yaml.md), [b](fields.md#spec), [c](https://x.example/y)."
    )


def test_a_link_from_a_copy_leads_back_into_the_pages() -> None:
    made = site_hook.rewritten("examples/02-docker/README.md", "[s](../../docs/sidecar.md#settings)")
    assert made == "[s](../../../sidecar.md#settings)"


def test_links_in_listings_are_left_alone() -> None:
    text = "```\n[a](../examples/04-channel)\n```"
    assert site_hook.rewritten("docs/fields.md", text) == text
    assert site_hook.outside({"docs/fields.md": text}) == {}


def test_what_a_copy_links_to_is_copied_too() -> None:
    found = site_hook.outside({"docs/x.md": "[c](../CONTRIBUTING.md)"})
    assert "CONTRIBUTING.md" in found
    assert site_hook.place("CONTRIBUTING.md") == "source/CONTRIBUTING.md"
    assert site_hook.place("examples/02-docker/README.md") == "source/examples/02-docker/index.md"
