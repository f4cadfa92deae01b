"""The host page before a played sidecar, for modules that have a fixture `played` of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugin.host_page import HostPage
from plugin.identify_pages import emptied
from plugin.played_sidecar import PlayedSidecar
from stash_server import StashServer


@pytest.fixture
def host(stash: StashServer, played: PlayedSidecar) -> Iterator[HostPage]:
    """Of one test; nobody is in the library."""
    emptied(stash)
    with HostPage(stash.library, sidecar=played.url) as page:
        yield page
