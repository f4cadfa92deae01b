"""The options of `facedb` and of `kubectl facedb` → the tables in docs; run as a program, it writes them.

Called by test_docs, which compares the page with what the program has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typer.main import get_command

from facedb_kubectl.__main__ import app as kubectl_app
from facedb_release.__main__ import app

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "facedb-command.md"
KUBECTL_PAGE = DOCS / "kubectl.md"
_TABLE = re.compile(r"(<!-- options of (?P<command>[a-z-]+) -->\n)[^<]*(<!-- end -->)")
# What stands for the value, by the type of the option.
_VALUES: Mapping[str, str] = MappingProxyType({"str": "TEXT", "Path": "PATH", "int": "N", "float": "N"})


def commands() -> Mapping[str, Any]:
    """Return the program's commands by name."""
    found: Mapping[str, Any] = vars(get_command(app))["commands"]
    return found


def kubectl_verbs() -> Mapping[str, Any]:
    """Return the verbs of the kubectl plugin by name."""
    found: Mapping[str, Any] = vars(get_command(kubectl_app))["commands"]
    return found


def options(command: Any) -> list[str]:
    """Return a command's long options, and what it takes without one."""
    return [name for param in command.params for name in _names(param)]


def table(command: Any) -> str:
    """Return a command's table, as Markdown."""
    rows = [f"| {_first(param)} | {_second(param)} |" for param in command.params]
    return "\n".join(["| option | meaning |", "|---|---|", *rows])


def with_tables(page: str, known: Mapping[str, Any]) -> str:
    """Return the page with its tables made anew, of these commands."""
    return _TABLE.sub(lambda m: f"{m[1]}\n{table(known[m['command']])}\n\n{m[3]}", page)


def _names(param: Any) -> list[str]:
    return [param.metavar or param.name.upper()] if param.param_type_name == "argument" else list(param.opts)


def _first(param: Any) -> str:
    names = ", ".join(_names(param))
    if param.param_type_name == "option" and not param.is_flag:
        names += f" {param.metavar or _value(param)}"
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
    for page, known in ((PAGE, commands()), (KUBECTL_PAGE, kubectl_verbs())):
        page.write_text(with_tables(page.read_text("utf-8"), known), "utf-8")
