"""Frames out of a real video by a real ffmpeg over real HTTP; the key is seen by nobody, no process stays."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.scenes import Unreadable
from facedb_sidecar.ffmpeg import Stream, argv, frame_at, script, start_of
from facedb_sidecar.frames import Extraction, JpegFrame, extract, ffmpeg_available, timestamps
from scene_video import API_KEY, DURATION_S, HEIGHT, WIDTH, VideoServer, make_scene

KEY = {"ApiKey": API_KEY}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    make_scene(folder)
    return folder


@pytest.fixture
def server(videos: Path) -> Iterator[VideoServer]:
    with VideoServer(videos) as running:
        yield running


def taken(
    server: VideoServer, times: tuple[float, ...], *, path: str = "scene.mp4", workers: int = 2
) -> Extraction:
    return asyncio.run(extract(f"{server.url}/{path}", KEY, times, workers))


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if p.name() in {"ffmpeg", "ffprobe"}]


@given(st.floats(0.5, 20_000), st.integers(1, 120), st.floats(0, 0.5), st.floats(0.5, 1))
def test_times_lie_inside_and_in_order(duration_s: float, n: int, start: float, end: float) -> None:
    times = timestamps(duration_s, n, start, end)
    assert 1 <= len(times) <= n
    assert list(times) == sorted(times)
    assert all(0 <= t < duration_s for t in times)


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        pytest.param((100, 3, 0.05, 0.95), (5, 50, 95), id="both ends"),
        pytest.param((100, 1, 0.0, 0.5), (25,), id="one is the middle"),
        pytest.param((100, 60, 0.5, 0.5), (50,), id="no room"),
        pytest.param((100, 2, 0.5, 1.0), (50, 99.9), id="not the very end"),
        pytest.param((0.05, 5, 0.0, 1.0), (0.025,), id="shorter than a frame"),
    ],
)
def test_times_are_spread_evenly(asked: tuple[float, int, float, float], times: tuple[float, ...]) -> None:
    assert timestamps(*asked) == pytest.approx(times)


def test_frames_come_in_order_at_full_size_by_range(server: VideoServer) -> None:
    times = timestamps(DURATION_S, 6)
    found = taken(server, times)
    assert found.errors == ()
    assert [(f.index, f.at_s) for f in found.frames] == list(enumerate(times))
    pixels = [f.pixels for f in found.frames]
    assert {p.shape for p in pixels} == {(HEIGHT, WIDTH, 3)}
    # The picture moves, and changes in the middle.
    apart = [float(np.abs(a.astype(int) - b).mean()) for a, b in itertools.pairwise(pixels)]
    assert min(apart) > 1
    assert apart.index(max(apart)) == 2
    assert server.refused == 0
    assert any(wanted not in (None, "bytes=0-") for _, wanted in server.asked)
    assert children() == []


def by_plain_ffmpeg(url: str, at_s: float) -> bytes:
    """As the reference asks: the key and "-ss" before the input as arguments."""
    command = [
        *("ffmpeg", "-v", "error", "-headers", f"ApiKey: {API_KEY}\r\n", "-ss", str(at_s), "-i", url),
        *("-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "2", "-threads", "1", "-"),
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_the_frame_is_the_one_that_seeking_before_the_input_gives(server: VideoServer) -> None:
    url = f"{server.url}/scene.mp4"
    for at_s in (0.3, 3.97, 5.5):
        assert asyncio.run(frame_at(Stream(url, KEY), at_s)) == by_plain_ffmpeg(url, at_s)


def test_a_recording_whose_clock_does_not_begin_at_zero_is_sampled_as_evenly(
    videos: Path, server: VideoServer
) -> None:
    make_scene(videos, "recording.ts", "-output_ts_offset", "5000")
    url = f"{server.url}/recording.ts"
    assert asyncio.run(start_of(Stream(url, KEY))) == pytest.approx(5000, abs=3)
    # Behind the last key frame, seeking in such a file finds none, with "-ss" as well.
    times = timestamps(DURATION_S, 4)[:3]
    found = taken(server, times, path="recording.ts")
    assert [f.jpeg for f in found.frames] == [by_plain_ffmpeg(url, at_s) for at_s in times]
    assert len({f.jpeg for f in found.frames}) == 3


def test_who_knows_where_the_stream_begins_saves_a_request(server: VideoServer) -> None:
    url, times = f"{server.url}/scene.mp4", (1.0, 5.0)
    asked = asyncio.run(extract(url, KEY, times, 2))
    before = len(server.asked)
    told = asyncio.run(extract(url, KEY, times, 2, start_s=0.0))
    assert told == asked
    assert len(server.asked) - before < before


def test_the_key_is_in_no_argument_of_any_process(server: VideoServer) -> None:
    server.hold.set()

    async def arguments() -> list[str]:
        asking = asyncio.create_task(extract(f"{server.url}/scene.mp4", KEY, (1.0,), 2))
        await asyncio.to_thread(server.asked_once.wait, 30)
        seen = [word for child in children() for word in child.cmdline()]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return seen

    seen = asyncio.run(arguments())
    assert seen
    assert not [word for word in seen if API_KEY in word or server.url in word]
    assert children() == []


def test_a_wrong_key_is_told_without_the_key(server: VideoServer) -> None:
    found = asyncio.run(extract(f"{server.url}/scene.mp4", {"ApiKey": "wrong-secret"}, (1.0, 2.0), 2))
    assert found.frames == ()
    assert len(found.errors) == 2
    assert found.errors[0].startswith("Failed to extract frame at 1.0s: ")
    assert "401" in found.errors[0]
    assert not [e for e in found.errors if "wrong-secret" in e or server.url in e]


def test_frames_that_fail_are_told_and_others_come(server: VideoServer) -> None:
    found = taken(server, (1.0, 9999.0, 2.0, *(8000.0 + n for n in range(7))))
    assert [f.index for f in found.frames] == [0, 2]
    assert len(found.errors) == 8
    assert found.errors[0] == "Failed to extract frame at 9999.0s: the video has no frame there"


def test_a_server_that_is_not_there_is_an_error_for_each_frame() -> None:
    found = asyncio.run(extract("http://127.0.0.1:9/scene", KEY, (1.0, 2.0), 2))
    assert (found.frames, len(found.errors)) == ((), 2)


def test_a_file_of_this_machine_is_not_opened(videos: Path) -> None:
    for url in (str(videos / "scene.mp4"), f"file://{videos}/scene.mp4"):
        found = asyncio.run(extract(url, {}, (1.0,), 2))
        assert found.frames == ()


def test_a_stream_that_does_not_answer_is_given_up_and_no_process_stays(server: VideoServer) -> None:
    server.hold.set()
    times = tuple(float(n) for n in range(1, 20))
    found = asyncio.run(extract(f"{server.url}/scene.mp4", KEY, times, 2, timeout_s=0.3))
    assert found.frames == ()
    assert len(found.errors) == len(times)
    assert "took longer than 0.3 s" in found.errors[0]
    assert "not tried" in found.errors[-1]
    assert children() == []


def test_when_the_request_is_gone_every_process_is(server: VideoServer) -> None:
    server.hold.set()

    async def give_up() -> None:
        asking = asyncio.create_task(frame_at(Stream(f"{server.url}/scene.mp4", KEY), 1.0))
        await asyncio.to_thread(server.asked_once.wait, 30)
        assert len(children()) == 1
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert children() == []

    asyncio.run(give_up())


def test_what_ffmpeg_cannot_be_told_is_refused() -> None:
    for stream in (
        Stream("http://host/a\nfile /etc/passwd", {}),
        Stream("http://host/a", {"ApiKey": "x\r\nHost: other"}),
        Stream("http://host/a", {"ApiKey": "x", "Other": "y"}),
    ):
        with pytest.raises(ValueError, match=r"line break|one header"):
            asyncio.run(extract(stream.url, stream.headers, (1.0,), 2))


def test_a_quote_in_a_url_stays_in_the_url() -> None:
    told = script(Stream("http://host/it's", {"ApiKey": "a'b"}), 1.5)
    assert told.splitlines()[1:] == [
        r"file 'http://host/it'\''s'",
        "option rw_timeout 30000000",
        r"option headers 'ApiKey: a'\''b'",
        "inpoint 1.500",
    ]


def test_the_command_is_the_same_for_every_frame_and_reads_only_the_net() -> None:
    assert argv() == argv(1)
    allowed = argv()[argv().index("-protocol_whitelist") + 1].split(",")
    assert not {"file", "concat", "subfile", "data"} & set(allowed)


def test_a_frame_that_is_no_picture_says_so() -> None:
    with pytest.raises(Unreadable):
        _ = JpegFrame(0, 1.0, b"no picture").pixels


def test_ffmpeg_is_here_and_without_it_we_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert asyncio.run(ffmpeg_available())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not asyncio.run(ffmpeg_available())
    found = asyncio.run(extract("http://127.0.0.1:9/x", {}, (1.0,), 2))
    assert "ffmpeg cannot be started" in found.errors[0]
