"""The edge of the process: a command's work → what is printed, and the exit code."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import FrameType
from typing import Any, NoReturn

import typer
import yaml
from rich.console import Console, RenderableType

from facedb_kubectl.errors import ExitCode, Trouble

# Where nobody sees it: as wide as a line can get, so that nothing is folded for a file or a grep.
WIDEST = 4096


class Output(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"

    @property
    def structured(self) -> bool:
        """Whether it is for programs."""
        return self in (Output.JSON, Output.YAML)


@dataclass(frozen=True)
class Answer:
    """What a command has to say.

    Attributes:
        details: for `-o json` and `-o yaml`.
        lines: for people.
        page: instead of lines, where it is more than text.
    """

    details: Any
    lines: Sequence[str] = ()
    page: RenderableType | None = None
    exit_code: ExitCode = ExitCode.GOOD


@dataclass(frozen=True)
class Asked:
    """The verb, and of which database; every JSON answer of a verb begins with it."""

    verb: str
    namespace: str | None = None
    name: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, reason: str, message: str, **details: Any) -> dict[str, Any]:
        """The JSON object that says how it ended."""
        known = {"verb": self.verb, "namespace": self.namespace, "name": self.name, **self.more}
        return {**known, "ok": True, "reason": reason, "message": message, **details}


def run(asked: Asked, output: Output, work: Callable[[], Answer | None]) -> NoReturn:
    """Do the work, print its answer unless it has said all itself, and leave with its exit code."""
    # Who is told to end cleans up as on Ctrl-C.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        answer = work()
        if answer is not None:
            tell(answer, output)
    except Trouble as trouble:
        if output.structured:
            said = {**asked.answer(type(trouble).__name__, str(trouble)), "ok": False}
            tell(Answer(said), output)
        else:
            typer.echo(f"error: {trouble}", err=True)
        raise SystemExit(trouble.exit_code) from trouble
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read has gone, as `head` does: nothing more to say, and nothing wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(ExitCode.GOOD) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    raise SystemExit(answer.exit_code if answer else ExitCode.GOOD)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def tell(answer: Answer, output: Output) -> None:
    """Print it."""
    if output is Output.JSON:
        typer.echo(json.dumps(answer.details, indent=2, ensure_ascii=False))
    elif output is Output.YAML:
        typer.echo(yaml.safe_dump(answer.details, sort_keys=False, allow_unicode=True).rstrip())
    elif answer.page is not None and sys.stdout.isatty():
        Console(highlight=False).print(answer.page)
    elif answer.page is not None:
        typer.echo(plain(answer.page))
    else:
        typer.echo("\n".join(answer.lines))
    sys.stdout.flush()


def plain(page: RenderableType, width: int = WIDEST) -> str:
    """The page as text without colours, and without the spaces that fill its lines."""
    text = io.StringIO()
    Console(file=text, width=width, color_system=None, highlight=False, force_terminal=False).print(page)
    return "\n".join(row.rstrip() for row in text.getvalue().splitlines())
