"""The screens, letter by letter. A wanted change: `python tests/kube_screens.py`, and read the difference."""

from __future__ import annotations

import pytest

from kube_screens import SCREENS, screens


@pytest.mark.parametrize("name", sorted(screens()))
def test_a_screen_is_as_it_was(name: str) -> None:
    assert screens()[name] == (SCREENS / name).read_text()


def test_no_screen_is_left_over() -> None:
    assert {path.name for path in SCREENS.iterdir()} == set(screens())


def test_every_line_of_a_screen_fits_its_terminal() -> None:
    pages = {name: text for name, text in screens().items() if name not in ("lines.txt",)}
    assert {name for name, text in pages.items() if any(len(row) > 100 for row in text.splitlines())} == set()
