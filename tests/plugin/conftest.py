"""The Stash plugin in a real browser.

How to write a browser test (it needs no mark; name the file ``test_NAME.py`` with a name of its own):

    def test_a_button_appears(page, host):                      # Debian's Chromium, the host page
        page.goto(f"{host.url}/scenes/1")                       # any path of Stash; ?api=none, ?theme=light
        expect(page.get_by_role("button", name="Identify")).to_be_visible()

* ``page`` fails its test at the end on a console error or warning, a page error, a CSP violation, or a
  request to another host. ``watched.allow(regex)`` expects a complaint; pictures of one place may be asked
  for, and are there, after ``watched.pictures_of("https://images.example/")``. ``open_page()`` makes a second
  page.
* ``host`` is a HostPage over ``stash``'s library, with the sidecar ``sidecar``, which has no updates and the
  real engine: scene 1 (a real video), image 1 (the astronaut), image 2 (strangers), gallery 1.
  ``host.settings`` are the user's, ``host.plugin.runs`` what the backend's processes said, ``host.modes()``
  which they were.
  A HostPage of one's own: ``with HostPage(library, sidecar=url, api=False, theme="light", prefix="/stash")``.
* ``axe(page, selector)`` of accessibility.py lists what keeps people from using a part.
* ``shoot(page, "identify-scene", page.locator(...))`` takes a picture; ``make screenshots`` keeps them.
* Sidecars that update themselves, or ask a played cluster: sidecars.py.

A module has one browser: Playwright's event loop lives in the thread of the tests, and tests of other modules
have their own. Its waiting (``expect``) looks again and again; nothing sleeps. With a real cluster behind it:
cluster/test_plugin_on_the_node.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facedb_sidecar.engine import Engine
from plugin.browsing import browser, context, open_page, page, watched
from plugin.host_page import HostPage
from plugin.pictures import shoot
from plugin.sidecars import serving
from served import Served
from serving_fixtures import engine, served
from stash_server import StashServer
from stash_stock import stocked
from update_fixtures import archives, installed, settings, source, with_old

__all__ = [
    "archives",
    "browser",
    "context",
    "engine",
    "installed",
    "open_page",
    "page",
    "served",
    "settings",
    "shoot",
    "source",
    "watched",
    "with_old",
]


@pytest.fixture(scope="module")
def stash(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StashServer]:
    """Stash as the sidecar asks it: a library, and a stash-box that knows the astronaut."""
    with stocked(served.photo, tmp_path_factory.mktemp("video")) as server:
        yield server


@pytest.fixture(scope="module")
def sidecar(
    served: Served, engine: Engine, stash: StashServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a sidecar that serves; its releases are somebody else's."""
    settings = served.settings(state_dir=tmp_path_factory.mktemp("state"))
    with serving(settings, lambda: engine, stash=stash) as url:
        yield url


@pytest.fixture
def host(stash: StashServer, sidecar: str) -> Iterator[HostPage]:
    """The host page, of one test; the library is the module's."""
    with HostPage(stash.library, sidecar=sidecar) as page:
        yield page
