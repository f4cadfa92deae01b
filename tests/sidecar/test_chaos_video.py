"""Files that pose as videos: they must not make ffmpeg ask, or tell, anybody but Stash."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facedb_sidecar.ffmpeg import FrameFailed, Stream, frame_at, start_of
from videos import make_video

KEY = "key-of-the-stash"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT6S"
 minBufferTime="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000"
 width="320" height="240"><BaseURL>{url}</BaseURL><SegmentBase indexRange="0-100"/></Representation>
 </AdaptationSet></Period></MPD>"""
CONCAT = "ffconcat version 1.0\nfile '{url}'\n"


class Host:
    """A web server, and what it was asked for: path and ApiKey."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.path, self.headers.get("ApiKey")))
                kind, data = host.files[self.path]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *said: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    running.close()


@pytest.fixture
def stranger() -> Iterator[Host]:
    running = Host()
    yield running
    running.close()


@pytest.mark.parametrize(
    ("kind", "playlist"),
    [
        pytest.param("application/vnd.apple.mpegurl", HLS, id="HLS"),
        pytest.param("video/mp4", DASH, id="DASH"),
        pytest.param("video/mp4", CONCAT, id="concat"),
    ],
)
def test_a_playlist_that_poses_as_a_video_leads_nowhere_and_gets_no_key(
    host: Host, stranger: Host, kind: str, playlist: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    video = make_video(tmp_path_factory.mktemp("video"), seconds=2.0, width=160, height=120)
    stranger.files["/v.mp4"] = ("video/mp4", video)
    host.files["/stream"] = (kind, playlist.format(url=f"{stranger.url}/v.mp4").encode())
    stream = Stream(f"{host.url}/stream", {"ApiKey": KEY})

    async def look() -> None:
        assert await start_of(stream, timeout_s=60) == 0.0
        with pytest.raises(FrameFailed):
            await frame_at(stream, 1.0, timeout_s=60)

    asyncio.run(look())
    assert stranger.asked == []
    assert {key for _, key in host.asked} == {KEY}
