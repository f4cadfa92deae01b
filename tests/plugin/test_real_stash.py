"""The plugin in Stash itself, which is built from the Go proxy (minutes, once; hence the mark).

Stash installs it from our source, runs its backend, shows it on its own pages; the sidecar asks that Stash.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from enrolment import ASTRONAUT, ASTRONAUT_ID, jpeg
from operator_process import until
from plugin.browsing import PATIENCE_MS
from plugin.database_pages import (
    PAGE,
    SETTINGS,
    SLOW,
    badge,
    button,
    change_to,
    fact,
    home,
    panel,
    progress,
    serves,
)
from plugin.identify_pages import PICTURES, dialog, few_frames, opener
from plugin.plugin_process import PLUGIN
from plugin.sidecars import AtHome
from plugin.test_plugin_package import packed
from plugin.watching import Watch
from release_damage import with_flipped_byte
from served import Served
from stash_real import PASSWORD, USER, RealStash
from stash_server import StashBoxServer
from update_fixtures import large
from updating import NEW, OLD
from videos import make_video, strangers

__all__ = ["home", "large"]

pytestmark = pytest.mark.cluster

VERSION = yaml.safe_load((PLUGIN / "facedb.yml").read_text("utf-8"))["version"]
RUN = "mutation ($id: ID!, $args: Map!) { runPluginOperation(plugin_id: $id, args: $args) }"
WHO = "performers { name stash_ids { endpoint stash_id } }"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def box() -> Iterator[StashBoxServer]:
    with StashBoxServer() as running:
        running.add(ASTRONAUT_ID, ASTRONAUT, gender="FEMALE")
        yield running


@pytest.fixture(scope="module")
def stash(
    served: Served, box: StashBoxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealStash]:
    """In place of the played one, also for the sidecar: two photos, a video, and a gallery of both photos."""
    with RealStash(tmp_path_factory.mktemp("stash")) as running:
        photos = running.media / "photos"
        photos.mkdir()
        (photos / "astronaut.jpg").write_bytes(served.photo)
        (photos / "strangers.jpg").write_bytes(jpeg(strangers()))
        (running.media / "scene.mp4").write_bytes(make_video(tmp_path_factory.mktemp("video")))
        boxes = [{"endpoint": box.endpoint, "api_key": "box-key", "name": "stashdb.org"}]
        running.configure(stashBoxes=boxes)
        running.scan()
        yield running


@pytest.fixture(scope="module")
def index_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The plugin source that `make plugin` builds, on a web server; its address."""
    folder = tmp_path_factory.mktemp("source")
    packed(folder)
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.yml"
        server.shutdown()


@pytest.fixture(scope="module")
def stash_with_plugin(stash: RealStash, sidecar: str, index_url: str) -> RealStash:
    """As its user makes it: the source is added, the plugin installed, the sidecar's address set."""
    few_frames(sidecar)
    stash.configure(pluginPackageSources=[{"name": "facedb", "url": index_url, "local_path": "facedb"}])
    install = "mutation ($p: [PackageSpecInput!]!) { installPackages(type: Plugin, packages: $p) }"
    stash.finished(stash.ask(install, p=[{"id": "facedb", "sourceURL": index_url}])["installPackages"])
    at_sidecar(stash, sidecar)
    return stash


def at_sidecar(stash: RealStash, url: str) -> None:
    """Set the sidecar's address, as a user does in the plugin's settings."""
    configure = 'mutation ($i: Map!) { configurePlugin(plugin_id: "facedb", input: $i) }'
    stash.ask(configure, i={"sidecarUrl": url})


@pytest.fixture
def updating(stash_with_plugin: RealStash, home: AtHome, sidecar: str) -> Iterator[AtHome]:
    """Behind the plugin, for one test: a sidecar that brings its own releases, with OLD.

    To be named before ``at_stash``: a browser remembers the first version that it sees.
    """
    home.start()
    at_sidecar(stash_with_plugin, home.url)
    yield home
    at_sidecar(stash_with_plugin, sidecar)


def operated(stash: RealStash, mode: str, **args: Any) -> Any:
    return stash.ask(RUN, id="facedb", args={"mode": mode, **args})["runPluginOperation"]


def found_id(stash: RealStash, kind: str) -> str:
    """Of the astronaut's photo, the video, or the gallery."""
    query = {
        "image": "{ findImages { found: images { id visual_files { ... on ImageFile { path } } } } }",
        "scene": "{ findScenes { found: scenes { id } } }",
        "gallery": "{ findGalleries { found: galleries { id } } }",
    }[kind]
    (answer,) = stash.ask(query).values()
    many = answer["found"]
    if kind == "image":
        many = [row for row in many if row["visual_files"][0]["path"].endswith("astronaut.jpg")]
    (one,) = many
    return str(one["id"])


@pytest.fixture
def at_stash(stash_with_plugin: RealStash, page: Page, watched: Watch) -> Callable[[str], Page]:
    """Log in and go to a path of Stash."""
    watched.pictures_of(PICTURES)
    # The pages of a scene: Stash's own player, and previews that nobody has made.
    for own in ("VIDEOJS", "cast_sender", "Failed to load resource"):
        watched.allow(own)
    page.goto(f"{stash_with_plugin.url}/login")
    page.locator("input[name=username]").fill(USER)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_selector("nav.top-nav")

    def go(path: str) -> Page:
        page.goto(f"{stash_with_plugin.url}{path}")
        page.wait_for_function("() => window.facedb !== undefined")
        return page

    return go


def test_stash_installs_and_shows_what_our_source_offers(stash_with_plugin: RealStash) -> None:
    query = (
        "{ plugins { id name version enabled paths { javascript css } settings { name } tasks { name } } }"
    )
    (plugin,) = stash_with_plugin.ask(query)["plugins"]

    assert (plugin["id"], plugin["version"], plugin["enabled"]) == ("facedb", VERSION, True)
    assert "sidecarUrl" in [setting["name"] for setting in plugin["settings"]]
    assert [task["name"] for task in plugin["tasks"]] == ["Check for a database update"]
    for path in (*plugin["paths"]["javascript"], *plugin["paths"]["css"]):
        assert "facedb" in stash_with_plugin.client.get(path).raise_for_status().text


def test_stash_runs_the_backend_which_asks_the_sidecar_that_the_user_has_set(
    stash_with_plugin: RealStash,
) -> None:
    # No page sends the address along here: it comes out of Stash's settings, with the user's own session.
    said = operated(stash_with_plugin, "database_info")

    assert said["version"]
    assert said["performer_count"] > 0
    assert operated(stash_with_plugin, "ready")["ready"] is True


def test_the_task_says_in_stashs_log_what_it_found(stash_with_plugin: RealStash) -> None:
    task = 'mutation ($name: String!) { runPluginTask(plugin_id: "facedb", task_name: $name) }'
    job = stash_with_plugin.ask(task, name="Check for a database update")["runPluginTask"]
    stash_with_plugin.finished(job)

    version = operated(stash_with_plugin, "database_info")["version"]

    def told() -> bool:
        lines = stash_with_plugin.ask("{ logs { level message } }")["logs"]
        return any(
            f"The sidecar serves {version}" in line["message"] for line in lines if line["level"] == "Info"
        )

    until(told, "the task's words")


@pytest.mark.parametrize("kind", ["image", "scene", "gallery"])
def test_the_sidecar_reads_what_stash_itself_has(stash_with_plugin: RealStash, kind: str) -> None:
    object_id = found_id(stash_with_plugin, kind)
    said = operated(stash_with_plugin, f"identify_{kind}", **{f"{kind}_id": object_id})

    assert "error" not in said, said
    assert ASTRONAUT in str(said)


@pytest.mark.parametrize("kind", ["images", "galleries", "scenes"])
def test_identify_stands_on_stashs_own_pages_and_adds_whom_it_finds(
    stash_with_plugin: RealStash, at_stash: Callable[[str], Page], kind: str
) -> None:
    one = {"images": "image", "galleries": "gallery", "scenes": "scene"}[kind]
    object_id = found_id(stash_with_plugin, one)
    page = at_stash(f"/{kind}/{object_id}")
    opener(page).click()
    shown = dialog(page)
    expect(shown.locator(".facedb-identify__summary")).to_be_visible(timeout=2 * PATIENCE_MS)
    shown.get_by_role("button", name=f"Add to {one}: {ASTRONAUT}").click()
    expect(shown.locator(".facedb-identify__there")).to_contain_text(f"to this {one}.")

    query = f"query ($id: ID!) {{ find{one.capitalize()}(id: $id) {{ {WHO} }} }}"
    (found,) = stash_with_plugin.ask(query, id=object_id)[f"find{one.capitalize()}"]["performers"]
    assert (found["name"], found["stash_ids"][0]["stash_id"]) == (ASTRONAUT, ASTRONAUT_ID)


@pytest.mark.parametrize("path", ["/plugins/facedb", SETTINGS])
def test_the_panel_stands_in_stashs_settings_and_on_a_page_of_its_own(
    stash_with_plugin: RealStash, at_stash: Callable[[str], Page], path: str
) -> None:
    shown = panel(at_stash(path))

    expect(fact(shown, "Version")).to_have_text(operated(stash_with_plugin, "database_info")["version"])


def test_without_stashs_api_for_plugins_the_badge_opens_the_panel_which_stands_in_the_settings_too(
    at_stash: Callable[[str], Page], page: Page
) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'PluginApi', { get: () => undefined, set: () => {} })"
    )
    at_stash("/")
    badge(page).click()
    expect(fact(dialog(page), "Version")).not_to_be_empty()

    expect(fact(panel(at_stash(SETTINGS)), "Version")).not_to_be_empty()


def test_in_stash_an_update_is_begun_followed_over_a_reload_and_gone_back_from(
    updating: AtHome, at_stash: Callable[[str], Page], large: Path
) -> None:
    updating.publish(NEW, large)
    updating.server.faults.bytes_per_second = SLOW
    page = at_stash("/scenes")
    expect(badge(page)).to_have_text("Faces: update")
    badge(page).click()
    shown = panel(page)
    change_to(shown, NEW, "Update")
    expect(progress(shown)).to_be_visible()
    page.reload()
    expect(progress(shown)).to_have_accessible_name(f"Update to {NEW}")
    expect(badge(page)).to_contain_text("%")
    updating.server.faults.bytes_per_second = None
    serves(shown, NEW)
    expect(badge(page)).to_have_text("Faces")

    button(shown, "OK").click()
    change_to(shown, OLD, "Go back")
    serves(shown, OLD)


def test_in_stash_a_bad_release_is_told_with_its_reason_and_the_old_one_serves(
    updating: AtHome, at_stash: Callable[[str], Page], archives: dict[str, Path], tmp_path: Path
) -> None:
    bad = with_flipped_byte(archives[NEW], "face_arcface.voy", out=tmp_path / archives[NEW].name)
    updating.publish(NEW, bad)
    page = at_stash(PAGE)
    shown = panel(page)
    change_to(shown, NEW, "Update")
    expect(shown).to_contain_text(f"update to {NEW} has failed")
    expect(shown).to_contain_text("WrongChecksum: ")
    expect(fact(shown, "Version")).to_have_text(OLD)
    expect(badge(page)).to_have_text("Faces: failed")
