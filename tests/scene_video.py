"""A real video that moves, made by ffmpeg from real photos, and a server that speaks Range and ApiKey."""

from __future__ import annotations

import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from PIL import Image

from enrolment import astronaut_photo, group_photo

API_KEY = "key-of-the-test"
WIDTH, HEIGHT = 640, 480
# Seconds: first the astronaut, drifting down, then the group, drifting to the left.
ASTRONAUT_S = 4.0
GROUP_S = 4.0
DURATION_S = ASTRONAUT_S + GROUP_S


def make_scene(folder: Path, name: str = "scene.mp4", *options: str) -> Path:
    """Make the video; ``options`` are more of ffmpeg's, for its output."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, photo in (("one.png", astronaut_photo()), ("six.png", group_photo())):
        Image.fromarray(photo).save(folder / file)
    drift = (
        f"[0]scale=640:640,crop={WIDTH}:{HEIGHT}:0:'60*(1-t/{ASTRONAUT_S})',setsar=1[a];"
        f"[1]scale=960:664,crop={WIDTH}:{HEIGHT}:'320*t/{GROUP_S}':100,setsar=1[b];[a][b]concat=n=2:v=1:a=0"
    )
    made = folder / name
    command = [
        *("ffmpeg", "-v", "error", "-y", "-threads", "1"),
        *("-loop", "1", "-framerate", "10", "-t", str(ASTRONAUT_S), "-i", str(folder / "one.png")),
        *("-loop", "1", "-framerate", "10", "-t", str(GROUP_S), "-i", str(folder / "six.png")),
        *("-filter_complex", drift, "-c:v", "libx264", "-preset", "ultrafast", "-g", "25"),
        *("-pix_fmt", "yuv420p", *options, str(made)),
    ]
    subprocess.run(command, check=True)
    return made


class VideoServer:
    """Serves files by name on 127.0.0.1, with Range, to those who send the key.

    Attributes:
        asked: ``(path, Range)`` of every good request.
        refused: how many came without the key.
        hold: while it is set, nobody gets an answer, until ``close``.
    """

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.refused = 0
        self.hold = threading.Event()
        self.asked_once = threading.Event()
        self._closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self, folder)

            def log_message(self, *said: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, folder: Path) -> None:
        self.asked_once.set()
        if self.hold.is_set():
            self._closing.wait(60)
            return
        if request.headers.get("ApiKey") != API_KEY:
            self.refused += 1
            return _send(request, 401, b"no key", {})
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        path = folder / request.path.lstrip("/")
        if not path.is_file():
            return _send(request, 404, b"not here", {})
        data, headers, status = path.read_bytes(), {"Accept-Ranges": "bytes"}, 200
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
        if span is not None:
            first, last = int(span[1]), int(span[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        return _send(request, status, data, headers)


def _send(request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(data))}.items():
        request.send_header(name, value)
    request.end_headers()
    try:
        request.wfile.write(data)
    except OSError:
        # The client has what it wanted.
        request.close_connection = True
