"""Pictures of pages for the documentation: kept only where they are asked for, by ``make screenshots``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "screenshots"
WANTED = "FACEDB_SCREENSHOTS"
SIZE = {"width": 1280, "height": 800}
# Where every run looks the same, and no caret blinks.
STILL = """*, *::before, *::after {
  transition: none !important; animation: none !important; caret-color: transparent !important;
}"""


class Camera:
    """Takes pictures into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = KEPT if os.environ.get(WANTED) else folder

    def __call__(self, page: Page, name: str, part: Locator | None = None, *, margin: int = 16) -> Path:
        """A picture of the page, or of the part and a margin around it.

        Args:
            page: to show.
            name: of the file, without its ending: lower-case words with ``-`` between them.
            part: only this of it.
            margin: around the part, in pixels.
        """
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        if part is not None:
            part.scroll_into_view_if_needed()
        page.screenshot(path=path, style=STILL, clip=_clip(page, part, margin))  # type: ignore[arg-type]
        return path


def _clip(page: Page, part: Locator | None, margin: int) -> dict[str, float] | None:
    box = part.bounding_box() if part is not None else None
    size = page.viewport_size
    if box is None or size is None:
        return None
    left, top = max(0.0, box["x"] - margin), max(0.0, box["y"] - margin)
    right = min(size["width"], box["x"] + box["width"] + margin)
    bottom = min(size["height"], box["y"] + box["height"] + margin)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


@pytest.fixture
def shoot(tmp_path: Path) -> Camera:
    """``shoot(page, "database-update", part)``."""
    return Camera(tmp_path / "screenshots")
