"""A Stash, or a proxy before it, that says the same for ever, or nothing: whoever asks comes to an end."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from facedb_sidecar.ffmpeg import SILENCE_US, Stream, argv, script
from facedb_sidecar.queue import Job, fingerprinting
from facedb_sidecar.queue.control import JobControl
from facedb_sidecar.queue.fingerprinting import Fingerprinting, Library
from facedb_sidecar.queue.jobs import Status
from facedb_sidecar.queue.kinds import FINGERPRINT_GENERATION
from facedb_sidecar.queue.tally import Tally
from facedb_sidecar.queue.worker import Queue
from facedb_sidecar.settings import StashSettings
from facedb_sidecar.stash.answers import IdPage
from facedb_sidecar.stash.client import StashClient
from facedb_sidecar.state import SceneFingerprint, StateStore
from stash_server import StashServer

PAGE = b"""{"data": {"findImages": {"count": 1000000000,
 "images": [{"id": "7", "paths": {}}, {"id": "8", "paths": {}}, {"id": "7", "paths": {}}]}}}"""


def test_a_page_of_a_gallery_that_is_repeated_for_ever_is_read_once() -> None:
    async def read(url: str) -> list[str]:
        async with httpx.AsyncClient() as http:
            client = StashClient(StashSettings(url), lambda: 0.0, http=http)
            async with asyncio.timeout(120):
                return [image.id async for page in client.gallery_images("1") for image in page]

    with StashServer() as stash:
        stash.faults.body = PAGE
        assert asyncio.run(read(stash.url)) == ["7", "8"]
        assert len(stash.operations) == 2


def test_a_page_of_scenes_that_is_repeated_for_ever_ends_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprinting, "PAGE", 2)
    state = StateStore.open(tmp_path / "stash_sense.db")
    looked_at: list[str] = []

    async def page(number: int, size: int) -> IdPage:
        # As a real one would: other tasks have their turn.
        await asyncio.sleep(0)
        return IdPage(("1", "2"), 1_000_000)

    async def scene(scene_id: str, tally: Tally) -> None:
        looked_at.append(scene_id)
        state.fingerprints.save_scene(SceneFingerprint(scene_id, "new", 60, ()))

    async def image(_: str) -> None:
        return

    async def run() -> Job:
        queue = Queue(state)
        library = Library(page, scene, image, lambda: "new")
        job_id = queue.jobs.submit(FINGERPRINT_GENERATION.type, "user", 1, None)
        assert job_id is not None
        assert queue.jobs.start(job_id, queue.owner)
        job = queue.jobs.active()[0]
        async with asyncio.timeout(120):
            await Fingerprinting(library, state.fingerprints)(job, JobControl(job, queue.jobs, queue.owner))
        return job

    assert asyncio.run(run()).status is Status.RUNNING
    assert looked_at == ["1", "2"]
    state.close()


def test_ffmpeg_ends_by_itself_when_the_server_goes_silent() -> None:
    """Whoever started it may have been killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = script(Stream(f"http://127.0.0.1:{server.getsockname()[1]}/stream", {"ApiKey": "k"}), 0.0)
        assert f"rw_timeout {SILENCE_US}" in told
        sooner = told.replace(str(SILENCE_US), "500000")
        ended = subprocess.run(argv(), input=sooner.encode(), capture_output=True, timeout=120, check=False)
    assert ended.returncode != 0
