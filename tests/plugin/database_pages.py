"""What browser tests of the database panel do again and again, and the fixtures that they start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater.kube import Kube
from kube_server import TOKEN, KubeServer
from plugin.host_page import HostPage
from plugin.sidecars import AtHome, serving
from served import Served
from updating import NEW, Published

PAGE = "/plugins/facedb"
SETTINGS = "/settings?tab=plugins"
# Bytes a second; of the large archive's 6.5 MB: a minute, in which tests at low priority look a few times.
SLOW = 100_000


def panel(page: Page) -> Locator:
    """The panel; of those in a dialog and on the page, the one that is seen."""
    return page.get_by_role("region", name="Face database")


def badge(page: Page) -> Locator:
    """The badge in the bar at the top."""
    return page.locator(".navbar-buttons .facedb-badge")


def opened(page: Page, host: HostPage, query: str = "") -> Locator:
    """Go to the plugin's page; the panel, once it knows something."""
    page.goto(f"{host.url}{PAGE}{query}")
    expect(fact(panel(page), "Version")).not_to_be_empty()
    return panel(page)


def fact(shown: Locator, name: str) -> Locator:
    """One of the values at the top of the panel."""
    return shown.locator("dl > div").filter(has=shown.page.get_by_text(name, exact=True)).locator("dd")


def button(shown: Locator, text: str) -> Locator:
    """A button of the panel by the beginning of its text."""
    return shown.get_by_role("button", name=text)


def dialog(page: Page) -> Locator:
    """The dialog that is open."""
    return page.get_by_role("dialog")


def confirmed(page: Page, word: str) -> None:
    """Say yes in the dialog."""
    dialog(page).get_by_role("button", name=word, exact=True).click()
    expect(dialog(page)).to_have_count(0)


def change_to(shown: Locator, version: str, word: str) -> None:
    """Ask for another version by its button, and say yes in the dialog."""
    button(shown, f"{word} to {version} …").click()
    confirmed(shown.page, word)


def serves(shown: Locator, version: str) -> None:
    """Wait until the panel says that this version serves and nothing moves."""
    expect(fact(shown, "Version")).to_have_text(version, timeout=60_000)
    expect(progress(shown)).to_have_count(0, timeout=60_000)


def progress(shown: Locator) -> Locator:
    """The bar of an update under way."""
    return shown.get_by_role("progressbar")


def look_again(page: Page) -> None:
    """Ask now; the panel does by itself every 30 s."""
    page.evaluate("() => void facedb.database.refresh()")


def said(page: Page) -> Locator:
    """What screen readers are told."""
    return page.locator(".facedb-live")


@pytest.fixture
def home(installed: Settings, source: Published, served: Served) -> Iterator[AtHome]:
    """OLD serves at home; nothing newer is offered yet, and the sidecar is not started."""
    source.withdraw(NEW)
    with AtHome(installed, source, served.models) as home:
        yield home


@pytest.fixture
def at_home(home: AtHome) -> Iterator[HostPage]:
    """The host page, and the sidecar at home behind it."""
    home.start()
    with HostPage(sidecar=home.url) as host:
        yield host


@pytest.fixture
def kube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeServer]:
    """A played API server; the sidecar's pod has an account there."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text(TOKEN)
    with KubeServer() as server:
        kube = Kube(server.url, "media", "faces", account)
        monkeypatch.setattr(Kube, "of_pod", lambda *_: kube)
        yield server


@pytest.fixture
def in_cluster(kube: KubeServer, served: Served, engine: Engine) -> Iterator[HostPage]:
    """The host page, and behind it a sidecar that belongs to the played FaceDatabase media/faces."""
    settings = served.settings()
    updates = replace(settings.updates, backend="cluster", database="media/faces")
    with (
        serving(replace(settings, updates=updates), lambda: engine) as url,
        HostPage(sidecar=url) as host,
    ):
        yield host
