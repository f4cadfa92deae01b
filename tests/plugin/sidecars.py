"""Sidecars behind the plugin: the real app over a real socket, with and without updates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import requests

from edge_server import FLAGS, in_process, in_thread
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Settings, StashSettings
from release_server import ReleaseServer
from stash_server import StashServer
from updating import Published, data_of, forget_checks, with_updates

# Until a sidecar has loaded, on a machine that does other things too.
LOAD_S = 240.0


@contextmanager
def serving(
    settings: Settings, load: Callable[[], Engine] | None = None, *, stash: StashServer | None = None
) -> Iterator[str]:
    """A sidecar until the block ends; its address. It has loaded, or says why it did not.

    Args:
        settings: of the sidecar.
        load: makes the first engine; default: from the settings' folders.
        stash: beside it.
    """
    beside = StashSettings(stash.url, stash.api_key, timeout_s=60) if stash else settings.stash
    quiet = replace(settings, stash=beside, log_level="WARNING")
    with in_thread(create_app(quiet, load=load)) as server:
        url = f"http://127.0.0.1:{server.port}"
        wait_loaded(url)
        if stash is not None:
            # A test's Stash need not be spared.
            answer = requests.put(f"{url}/settings/stash_api_rate", json={"value": 50}, timeout=60)
            answer.raise_for_status()
        yield url


def wait_loaded(url: str) -> None:
    """Ask until loading ended, one way or the other."""
    deadline = time.monotonic() + LOAD_S
    while requests.get(f"{url}/ready", timeout=60).json().get("state") == "loading":
        assert time.monotonic() < deadline, "the sidecar is still loading"
        time.sleep(0.05)


class AtHome:
    """A sidecar that brings its own releases: OLD serves; what a test publishes can be had.

    Attributes:
        settings: of the sidecar; a change counts from the next start.
        published: the source.
        url: of the sidecar.
        port: it keeps it, whatever becomes of it.
    """

    def __init__(self, settings: Settings, published: Published, models: Path) -> None:
        # A small archive comes in parts one after the other, as a large one does by eight.
        how = ("--attempts", "2", "--connections", "1")
        source = ("--github", "owner/data", "--api-url", published.server.url, *how)
        updates = replace(settings.updates, source=source)
        self.settings = replace(settings, models_dir=models, updates=updates, log_level="WARNING")
        self.published = published
        self.port = 0
        self._held = ExitStack()

    @property
    def url(self) -> str:
        """Of the sidecar."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def server(self) -> ReleaseServer:
        """The source's server, with its faults."""
        return self.published.server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.faults.bytes_per_second = None
        self.server.faults.resume()
        self.stop()

    def one_at_a_time(self) -> None:
        """As on a machine whose memory holds one release."""
        self.settings = with_updates(self.settings, memory="one")

    def start(self) -> None:
        """Serve, in a thread of this process."""
        server = self._held.enter_context(in_thread(create_app(self.settings), self.port))
        self.port = server.port
        wait_loaded(self.url)

    def start_process(self) -> None:
        """Serve, in a process that ``stop`` kills."""
        flags = (*FLAGS, "--port", str(self.port))
        _, self.port = self._held.enter_context(
            in_process("facedb_sidecar.app:serve", self._environment(), flags)
        )
        wait_loaded(self.url)

    def stop(self) -> None:
        """Let nobody answer any more: an end in order, or of a process SIGKILL."""
        self._held.close()

    def publish(self, version: str, archive: Path | None = None) -> None:
        """Offer it, and let ten minutes pass for the sidecar."""
        self.published.publish(version, archive)
        forget_checks(data_of(self.settings))

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            "DATA_DIR": str(data_of(settings)),
            "FACEDB_MODELS_DIR": str(settings.models_dir),
            "FACEDB_DEVICE": "cpu",
            "FACEDB_SOURCE": " ".join(settings.updates.source),
            "LOG_LEVEL": "INFO",
            "FACEDB_SWAP_MEMORY": settings.updates.memory,
        }
