"""The options of `facedb` → the tables in docs/facedb-command.md; `python tests/cli_tables.py` writes them.

Called by test_docs, which compares the page with what the program has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typer.main import get_command

from facedb_release.__main__ import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "facedb-command.md"
_TABLE = re.compile(r"(<!-- options of (?P<command>[a-z-]+) -->\n)[^<]*(<!-- end -->)")
# What stands for the value, by the type of the option.
_VALUES: Mapping[str, str] = MappingProxyType({"str": "TEXT", "Path": "PATH", "int": "N", "float": "N"})


def commands() -> Mapping[str, Any]:
    """Return the program's commands by name."""
    found: Mapping[str, Any] = vars(get_command(app))["commands"]
    return found


def options(command: Any) -> list[str]:
    """Return a command's long options, and what it takes without one."""
    return [name for param in command.params for name in _names(param)]


def table(command: Any) -> str:
    """Return a command's table, as Markdown."""
    rows = [f"| {_first(param)} | {_second(param)} |" for param in command.params]
    return "\n".join(["| option | meaning |", "|---|---|", *rows])


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    known = commands()
    return _TABLE.sub(lambda m: f"{m[1]}\n{table(known[m['command']])}\n\n{m[3]}", page)


def _names(param: Any) -> list[str]:
    return [param.metavar or param.name.upper()] if param.param_type_name == "argument" else list(param.opts)


def _first(param: Any) -> str:
    names = ", ".join(_names(param))
    if param.param_type_name == "option" and not param.is_flag:
        names += f" {_value(param)}"
    return "`" + names.replace("|", "\\|") + "`"


def _value(param: Any) -> str:
    kind = str(getattr(param.type_descriptor, "annotation", ""))
    return next((shown for name, shown in _VALUES.items() if name in kind), "TEXT")


def _second(param: Any) -> str:
    default = param.default
    facts = [
        "required" if param.required and param.param_type_name == "option" else "",
        "may be repeated" if getattr(param, "multiple", False) else "",
        f"default `{default}`" if default not in (None, False, "") else "",
        f"or the variable `{param.envvar}`" if param.envvar else "",
    ]
    more = "; ".join(fact for fact in facts if fact)
    return (param.help or "").replace("|", "\\|").replace("<", "&lt;") + (f" ({more})" if more else "")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
