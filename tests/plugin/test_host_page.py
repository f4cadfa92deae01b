"""The host page is to a plugin what Stash is; here a small plugin uses all of it, and misbehaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from plugin.host_page import HostPage
from plugin.plugin_process import Plugin
from plugin.watching import Watch
from stash_library import Library

MANIFEST = """
name: Sample
version: 1.0.0
exec: [python, "{pluginDir}/sample.py"]
interface: raw
ui:
  javascript: [first.js, second.js]
  css: [sample.css]
settings:
  greeting: {displayName: Greeting, description: What it says., type: STRING}
  times: {displayName: Times, type: NUMBER}
"""
BACKEND = """
import json, os, sys
given = json.load(sys.stdin)
sys.stderr.write("\\x01i\\x02hello\\n")
if given["args"]["mode"] == "fail":
    sys.exit(3)
if given["args"]["mode"] == "text":
    print("no JSON")
elif given["args"]["mode"] == "error":
    print(json.dumps({"error": "refused"}))
else:
    output = {"args": given["args"], "server": given["server_connection"], "in": os.getcwd()}
    print(json.dumps({"output": output}))
"""
FIRST = """
window.seen = [];
const api = window.PluginApi;
if (api) {
  const h = api.React.createElement;
  api.Event.addEventListener("stash:location", (e) => seen.push(e.detail.data.location.pathname));
  api.register.route("/plugins/sample", () => h("h1", null, "Sample's page"));
  const { Fragment } = api.React;
  const { NavLink } = api.libraries.ReactRouterDOM;
  api.patch.before("MainNavBar.UtilityItems", (props) => [
    { children: h(Fragment, null, props.children, h(NavLink, { to: "/plugins/sample" }, "Sample")) },
  ]);
  api.patch.after("PluginSettings", (props, _, result) =>
    h(Fragment, null, result, h("p", null, `After ${props.pluginID}`)));
  api.patch.instead("ScenePage", (props, _, Original) => h("section", null, h(Original, props)));
}
"""
SECOND = """
window.ask = async (mode) => {
  const query = "mutation M($args: Map) { runPluginOperation(plugin_id: \\"sample\\", args: $args) }";
  const body = JSON.stringify({ query, variables: { args: { mode, deep: { list: [1, null, "x"] } } } });
  const answer = await fetch(new URL("graphql", document.baseURI), { method: "POST", body });
  return await answer.json();
};
"""


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[HostPage]:
    folder = tmp_path / "sample"
    folder.mkdir()
    files = {"sample.yml": MANIFEST, "sample.py": BACKEND, "first.js": FIRST, "second.js": SECOND}
    for name, text in {**files, "sample.css": ".nav-utility { text-decoration: underline }"}.items():
        (folder / name).write_text(text)
    library = Library()
    library.add_scene("1", None)
    library.add_scene("2", None)
    library.add_image("1", None)
    library.add_gallery("1", ["1"])
    with HostPage(library, plugin=Plugin(folder)) as host:
        yield host


def test_a_plugin_patches_components_and_has_a_page_of_its_own(page: Page, sample: HostPage) -> None:
    page.goto(f"{sample.url}/scenes/1")
    expect(page.locator("section .scene-toolbar")).to_be_visible()

    page.locator(".navbar-buttons").get_by_role("link", name="Sample").click()
    expect(page.get_by_role("heading", name="Sample's page")).to_be_visible()
    page.goto(f"{sample.url}/plugins/sample")
    expect(page.get_by_role("heading", name="Sample's page")).to_be_visible()


def test_a_plugin_hears_of_navigation_without_a_load(page: Page, sample: HostPage) -> None:
    page.goto(f"{sample.url}/scenes")
    page.get_by_role("link", name="Scene 2").click()
    expect(page.get_by_role("heading", name="Scene 2")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Scene 1")).to_be_visible()
    assert page.evaluate("seen") == ["/scenes", "/scenes/2", "/scenes"]


@pytest.mark.parametrize("path", ["images/1", "galleries/1", "scenes/1", "", "settings?tab=tools", "stats"])
def test_each_path_of_stash_shows_a_page(page: Page, sample: HostPage, path: str) -> None:
    page.goto(f"{sample.url}/{path}")
    expect(page.locator("nav.top-nav")).to_be_visible()
    kind = {"images/1": "image", "galleries/1": "gallery", "scenes/1": "scene"}.get(path)
    if kind:
        expect(page.locator(f".{kind}-toolbar")).to_be_visible()


def test_the_settings_of_a_plugin_are_shown_and_kept(page: Page, sample: HostPage) -> None:
    page.goto(f"{sample.url}/settings?tab=plugins")
    expect(page.get_by_text("After sample")).to_be_visible()
    page.locator("#plugin-sample-times").get_by_role("button", name="Edit").click()
    page.get_by_label("Times").get_by_role("textbox").fill("7")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#plugin-sample-times .value")).to_have_text("7")
    assert sample.settings == {"times": 7}


def test_an_operation_is_a_process_as_stash_runs_it(page: Page, sample: HostPage) -> None:
    page.goto(f"{sample.url}/")
    page.wait_for_selector("nav.top-nav")
    said = page.evaluate("ask('hello')")["data"]["runPluginOperation"]
    assert said["args"] == {"mode": "hello", "deep": {"list": [1, None, "x"]}}
    assert said["server"]["PluginDir"] == str(sample.plugin.folder)
    assert said["in"] == "/"
    assert page.evaluate("ask('text')")["data"] == {"runPluginOperation": "no JSON\n"}
    assert page.evaluate("ask('error')")["errors"][0]["message"] == "refused"
    assert page.evaluate("ask('fail')")["errors"][0]["message"] == "exit status 3"
    assert sample.modes() == ["hello", "text", "error", "fail"]
    assert "hello" in sample.plugin.runs[0].stderr


def test_an_old_stash_has_no_api_and_draws_its_page_first(page: Page, sample: HostPage) -> None:
    page.goto(f"{sample.url}/scenes/1?api=none")
    expect(page.locator(".scene-toolbar")).to_be_visible()
    page.wait_for_function("() => window.seen !== undefined")
    assert page.evaluate("window.PluginApi === undefined")


def test_a_stash_behind_a_prefix_has_all_its_paths_below_it(page: Page, sample: HostPage) -> None:
    with HostPage(sample.library, plugin=sample.plugin, prefix="/stash") as host:
        page.goto(f"{host.url}/scenes")
        page.get_by_role("link", name="Scene 2").click()
        expect(page).to_have_url(f"{host.url}/scenes/2")
        assert page.evaluate("ask('hello')")["data"]


MISDEEDS: dict[str, Callable[[Page], object]] = {
    "console error": lambda page: page.evaluate("console.error('oh')"),
    "page error": lambda page: page.evaluate("setTimeout(() => { throw new Error('oh') })"),
    "another host": lambda page: page.evaluate("new Image().src = 'http://elsewhere.example/x.png'"),
    "Trusted": lambda page: page.evaluate("try { document.body.innerHTML = '<b>x</b>' } catch { }"),
    "Content Security Policy": lambda page: page.evaluate(
        "fetch('https://elsewhere.example').catch(() => {})"
    ),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_what_a_page_must_not_do_is_seen(page: Page, sample: HostPage, watched: Watch, misdeed: str) -> None:
    page.goto(f"{sample.url}/")
    page.wait_for_selector("nav.top-nav")
    assert watched.wrong() == []
    MISDEEDS[misdeed](page)
    page.wait_for_timeout(1)
    seen = json.dumps(watched.complaints)
    while misdeed not in seen:
        page.wait_for_timeout(20)
        seen = json.dumps(watched.complaints)
    watched.allow(".")


def test_pictures_of_other_hosts_come_where_a_test_expects_them(
    page: Page, sample: HostPage, watched: Watch
) -> None:
    watched.pictures_of("https://images.example/")
    page.goto(f"{sample.url}/")
    show = """(src) => new Promise((done) => {
      const image = Object.assign(new Image(), { src, onload: () => done(image.width) });
    })"""
    assert page.evaluate(show, "https://images.example/a.jpg") == 96
    assert [request.url for request in watched.outside] == ["https://images.example/a.jpg"]
