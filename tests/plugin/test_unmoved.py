"""Interfaces of this machine come and go, as with a cluster's pods: browser tests do not notice."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from plugin.host_page import HostPage
from plugin.identify_pages import until
from plugin.played_sidecar import Answer, PlayedSidecar, image_answer, match
from plugin.watching import ready
from stash_server import StashServer

# A kernel takes fifteen characters; each process has its own.
FIRST, SECOND = (f"fdb{os.getpid()}{end}" for end in "ab")


@contextmanager
def another_interface() -> Iterator[None]:
    """One with an address of TEST-NET-1 (RFC 5737)."""
    ip("link", "add", FIRST, "type", "veth", "peer", "name", SECOND)
    try:
        ip("address", "add", "192.0.2.77/32", "dev", FIRST)
        ip("link", "set", FIRST, "up")
        ip("link", "set", SECOND, "up")
        yield
    finally:
        ip("link", "delete", FIRST)


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)


# A browser has six connections to one host; a change is told to the requests that wait for one.
MANY = 9
ASK = f"""() => {{
  const ask = () => facedb.call("identify_image", {{ image_id: "1" }});
  window.all = Promise.all(Array.from({{ length: {MANY} }}, ask));
}}"""


def test_questions_under_way_are_answered_though_an_interface_comes_and_goes(
    page: Page, stash: StashServer
) -> None:
    held = Answer(image_answer([match()]), hold=threading.Event())
    with PlayedSidecar(image=held) as played, HostPage(stash.library, sidecar=played.url) as host:
        page.goto(f"{host.url}/scenes")
        ready(page)
        page.evaluate(ASK)
        until(page, lambda: played.count("/identify/image") >= 1)
        with another_interface():
            # The browser's word on it would be there by then.
            page.wait_for_timeout(1000)
        assert held.hold is not None
        held.hold.set()
        assert page.evaluate("window.all.then((said) => said.length)") == MANY
