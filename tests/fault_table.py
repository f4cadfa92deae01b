"""docs/failure-modes.md and the tests side by side: rows, test functions, and the faults of their marks.

``python tests/fault_table.py [TESTS]`` prints what is out of step, also for the tests of another checkout.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "failure-modes.md"
HEAD = "| fault | # | what the user sees | proven by |"

_LINK = re.compile(r"\[`(\w+)`\]\(\.\./tests/([\w/.-]+)\)")

Functions = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Proof:
    """A test function: its file below tests/, and its name."""

    file: str
    name: str


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        fault: its name; the marker of a test has the same words.
        numbers: of the list of faults that the project began with.
        seen: what the user sees.
        proofs: the tests that prove it.
    """

    fault: str
    numbers: tuple[int, ...]
    seen: str
    proofs: tuple[Proof, ...]


def rows(page: str) -> list[Row]:
    """The rows of all tables that have the head of this page's.

    Raises:
        ValueError: a row has not four cells, or its numbers are none.
    """
    found = []
    for table in page.split(f"\n{HEAD}\n")[1:]:
        for line in table.splitlines()[1:]:
            if not line.startswith("|"):
                break
            found.append(_row(line))
    return found


def _row(line: str) -> Row:
    cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    if len(cells) != HEAD.count("|") - 1:
        raise ValueError(f"not four cells: {line}")
    fault, numbers, seen, proofs = cells
    listed = tuple(int(number) for number in numbers.split(",") if number.strip())
    return Row(fault, listed, seen, tuple(Proof(file, name) for name, file in _LINK.findall(proofs)))


def defined(tests: Path) -> set[Proof]:
    """All test functions below this folder."""
    found = set()
    for path, tree in _trees(tests):
        found |= {Proof(path, f.name) for f in _functions(tree) if f.name.startswith("test_")}
    return found


def marked(tests: Path) -> dict[str, set[Proof]]:
    """Fault → the tests that bear its mark; also by a parameter, a list or a function of the module.

    Raises:
        ValueError: a mark does not name its fault by one plain string.
    """
    found: dict[str, set[Proof]] = {}
    for path, tree in _trees(tests):
        lists, makers = _module_lists(tree), _makers(tree)
        for function in (f for f in _functions(tree) if f.name not in makers):
            named = [n.id for d in function.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)]
            nodes = [*function.decorator_list, *(lists[name] for name in named if name in lists)]
            for fault in (fault for node in nodes for fault in _faults(path, node, makers)):
                found.setdefault(fault, set()).add(Proof(path, function.name))
    return found


def _trees(tests: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(tests.rglob("*.py")):
        yield path.relative_to(tests).as_posix(), ast.parse(path.read_text())


def _functions(tree: ast.Module) -> Iterator[Functions]:
    return (node for node in ast.walk(tree) if isinstance(node, Functions))


def _module_lists(tree: ast.Module) -> dict[str, ast.AST]:
    plain = {t.id: n for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if _is_name(t)}
    typed = {n.target.id: n for n in tree.body if isinstance(n, ast.AnnAssign) and _is_name(n.target)}
    return {**plain, **typed}


def _makers(tree: ast.Module) -> dict[str, int]:
    """Functions that make a mark of a parameter, and which one: `def bad(fault): … mark.fault(fault)`."""
    found = {}
    for function in _functions(tree):
        names = [argument.arg for argument in function.args.args]
        for call in _marks(function):
            word = call.args[0] if call.args else None
            if isinstance(word, ast.Name) and word.id in names:
                found[function.name] = names.index(word.id)
    return found


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Call))


def _marks(node: ast.AST) -> Iterator[ast.Call]:
    return (c for c in _calls(node) if isinstance(c.func, ast.Attribute) and c.func.attr == "fault")


def _faults(path: str, node: ast.AST, makers: dict[str, int]) -> Iterator[str]:
    made = [
        (c, makers[c.func.id]) for c in _calls(node) if isinstance(c.func, ast.Name) and c.func.id in makers
    ]
    for call, at in (*((mark, 0) for mark in _marks(node)), *made):
        word = call.args[at] if len(call.args) > at else None
        if not isinstance(word, ast.Constant):
            raise ValueError(f"{path}:{call.lineno}: a mark names its fault by one plain string")
        yield str(word.value)


def out_of_step(page: str, tests: Path) -> list[str]:
    """What the page and the tests do not agree on, in words."""
    table = {row.fault: row for row in rows(page)}
    known, marks = defined(tests), marked(tests)
    strangers = [
        f"{row.fault}: there is no {p.file}::{p.name}"
        for row in table.values()
        for p in row.proofs
        if p not in known
    ]
    missing = [
        f"{fault}: no row names {p.file}::{p.name}"
        for fault, proofs in sorted(marks.items())
        for p in sorted(proofs)
        if fault not in table or p not in table[fault].proofs
    ]
    return [*strangers, *missing]


if __name__ == "__main__":
    differences = out_of_step(PAGE.read_text(), Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    sys.stdout.writelines(f"{line}\n" for line in differences)
