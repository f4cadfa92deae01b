"""A page's shell blocks and what it says that they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A block that is run.

    Attributes:
        commands: shell.
        expected: what the page shows of its output; empty where it shows nothing.
        line: where in the page the block begins.
    """

    commands: str
    expected: str
    line: int


def blocks(page: str) -> list[Block]:
    """Return a page's ``sh`` blocks in order, each with the ``text`` block that follows it."""
    found: list[Block] = []
    after_commands = False
    for match in _FENCE.finditer(page):
        language, text = match[1], match[2]
        line = page.count("\n", 0, match.start()) + 1
        if language == "sh":
            found.append(Block(text, "", line))
        elif language == "text":
            if not after_commands:
                raise ValueError(f"line {line}: nothing was run that could print this")
            found[-1] = Block(found[-1].commands, text, found[-1].line)
        after_commands = language == "sh"
    return found


def _fragments(expected: str) -> Iterator[str]:
    for line in expected.splitlines():
        yield from filter(None, (part.strip() for part in line.split(ANYTHING)))


def missing(expected: str, printed: str) -> str | None:
    """Return the first fragment that the output does not have after those before it; None: it has all.

    Runs of blanks count as one, so that columns may be wider than in the page.
    """
    text, at = " ".join(printed.split()), 0
    for fragment in _fragments(expected):
        words = " ".join(fragment.split())
        found = text.find(words, at)
        if found < 0:
            return words
        at = found + len(words)
    return None


def script(every: list[Block], mark: str) -> str:
    """Return one shell script of all blocks, that prints ``mark`` and the block's number before each."""
    parts = [f"echo '{mark}{n}'\n{block.commands}" for n, block in enumerate(every)]
    return "set -euo pipefail\n" + "\n".join(parts)


def outputs(printed: str, mark: str) -> list[str]:
    """Return what each block of a script printed, up to the one that it ended in."""
    return [
        part.partition("\n")[2]
        for part in re.split(rf"^{re.escape(mark)}(?=\d+$)", printed, flags=re.MULTILINE)[1:]
    ]
