"""Variables of the environment → values, or an error that names the variable and what it should be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Values:
    """The environment; an empty variable counts as one that is not set. Every method may raise ValueError."""

    env: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """The text, without space around it."""
        return self.env.get(name, "").strip() or None

    def path(self, name: str) -> Path | None:
        """A path."""
        text = self.text(name)
        return Path(text) if text else None

    def words(self, name: str) -> tuple[str, ...]:
        """Words as a shell divides them; commas divide too."""
        try:
            return tuple(shlex.split((self.text(name) or "").replace(",", " ")))
        except ValueError as error:
            raise ValueError(f"{name} cannot be divided into words: {error}") from error

    def one_of(self, name: str, choices: Sequence[str], usual: str | None = None) -> str:
        """One of the choices, in any case of letters; by default the first."""
        text = self.text(name)
        for choice in choices:
            if text is not None and text.lower() == choice.lower():
                return choice
        if text is not None:
            raise ValueError(f"{name} is {text!r}; expected one of {', '.join(choices)}")
        return usual or choices[0]

    def count(self, name: str, usual: int) -> int:
        """A whole number of at least 1."""
        text = self.text(name)
        if text is None:
            return usual
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise ValueError(f"{name} is {text!r}; expected a whole number of at least 1")
        return int(text)

    def number(self, name: str, usual: float, *, least: float) -> float:
        """A number of at least ``least``."""
        text = self.text(name)
        try:
            number = usual if text is None else float(text)
        except ValueError:
            number = least - 1
        # Not a number is not less than anything either.
        if not least <= number < float("inf"):
            raise ValueError(f"{name} is {text!r}; expected a number of at least {least}")
        return number

    def url(self, name: str) -> str | None:
        """An http or https URL, without the slash at its end."""
        text = self.text(name)
        if text is None:
            return None
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{name} is {text!r}; expected an http or https URL, such as http://stash:9999")
        return text.rstrip("/")
