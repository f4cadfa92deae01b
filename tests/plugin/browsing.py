"""Fixtures of browser tests: Debian's Chromium, a user of it, and that user's pages."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from plugin.pictures import SIZE
from plugin.watching import Watch

UNMOVED = Path(__file__).with_name("unmoved.py")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none")
# `make test` runs these at low priority: a plugin's process may wait long for its turn.
PATIENCE_MS = 240_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium, without what belongs to a desktop; pods that come and go are no news to it."""
    program = shutil.which("chromium-headless-shell")
    assert program, "chromium-headless-shell was not found; `make browser` installs it"
    start = tmp_path_factory.mktemp("browser") / "start"
    start.write_text(f'#!/bin/sh\nexec {sys.executable} {UNMOVED} {program} "$@"\n')
    start.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=start, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A user's browser, of one test; in UTC and English."""
    context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Iterator[Watch]:
    """What the test's pages did wrong; it fails the test unless it was allowed."""
    watch = Watch(context)
    yield watch
    wrong = watch.wrong()
    assert not wrong, wrong


@pytest.fixture
def open_page(context: BrowserContext, watched: Watch) -> Callable[[], Page]:
    """Another page of the same browser."""
    return context.new_page


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    """The test's page."""
    return open_page()
