"""MkDocs' hook: links that lead out of docs/ lead to copies of those files in the site.

A page links to tests, examples and the resource definition beside docs/, as people see them in the
repository. The site holds what they link to, of the same revision, under source/: Markdown as a page,
anything else as a page that shows it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The language of the listing, by suffix.
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".lua": "lua", ".sh": "sh", ".json": "json"}
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^ *(```|~~~)")
HIDDEN = "---\nsearch:\n  exclude: true\n---\n\n"


def links(text: str) -> Iterator[str]:
    """Yield the paths of a page's relative links, those in listings left out."""
    for line in _outside_listings(text):
        yield from (found[1] for found in _LINK.finditer(line))


def _outside_listings(text: str) -> Iterator[str]:
    yield from (line for line, listed in _lines(text) if not listed)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it stands in a listing or begins or ends one."""
    inside = False
    for line in text.split("\n"):
        fence = _FENCE.match(line) is not None
        yield line, inside or fence
        inside ^= fence


def target(page: str, link: str) -> str | None:
    """Return the repository's path that a link of a page leads to, if that is there and outside docs/.

    Args:
        page: the page's path in the repository.
        link: as it stands in the page.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    found = ROOT / path
    if path.startswith("docs/") or not found.exists():
        # MkDocs looks for it, and warns of what is nowhere.
        return None
    inside = [name for name in ("README.md", "facedatabase.yaml") if (found / name).is_file()]
    return f"{path}/{inside[0]}" if inside else path


def place(path: str) -> str:
    """Return where in the site's pages a file of the repository stands."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.endswith(".md"):
        return f"source/{path.replace('README.md', 'index.md')}"
    return f"source/{path}.md"


def shown(path: str) -> str:
    """Return the page that shows a file of the repository."""
    found = ROOT / path
    if found.is_dir():
        names = "\n".join(f"- `{each.name}`" for each in sorted(found.iterdir()))
        return f"{HIDDEN}# {path}\n\n{names}\n"
    text = found.read_text("utf-8")
    if path.endswith(".md"):
        return text if text.startswith("# ") else f"# {path}\n\n{text}"
    language = LANGUAGES.get(found.suffix, "text")
    return f"{HIDDEN}# {path}\n\n````{language}\n{text.rstrip()}\n````\n"


def rewritten(page: str, text: str) -> str:
    """Return the page's text with links that fit where it stands in the site."""
    here = posixpath.dirname(place(page))

    def other(match: re.Match[str]) -> str:
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[1]))
        outside = target(page, match[1])
        goal = place(outside or leads)
        return posixpath.relpath(goal, here or ".") + (match[2] or "")

    return "\n".join(line if listed else _LINK.sub(other, line) for line, listed in _lines(text))


def outside(pages: dict[str, str]) -> dict[str, str]:
    """Return every file beyond docs/ that these pages lead to, also over others, and the page of each.

    Args:
        pages: the text of each page in docs/, by its path in the repository.
    """
    found: dict[str, str] = {}
    waiting = dict(pages)
    while waiting:
        page, text = waiting.popitem()
        for path in filter(None, (target(page, link) for link in links(text))):
            if path not in found:
                found[path] = shown(path)
                if path.endswith(".md"):
                    waiting[path] = found[path]
    return found


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of what docs/ links to."""
    from mkdocs.structure.files import File  # only MkDocs calls this

    pages = {f"docs/{f.src_uri}": f.content_string for f in files.documentation_pages()}
    for path, text in sorted(outside(pages).items()):
        files.append(File.generated(config, place(path), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make a page's links fit."""
    uri: str = page.file.src_uri
    if not uri.startswith("source/"):
        return rewritten(f"docs/{uri}", markdown)
    path = uri.removeprefix("source/")
    if path.endswith("index.md") and not (ROOT / path).exists():
        path = path.removesuffix("index.md") + "README.md"
    return rewritten(path, markdown) if (ROOT / path).exists() else markdown
