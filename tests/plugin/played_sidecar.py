"""A sidecar that answers what a test says, however wrong it is: busy, slow, hostile, or nothing at all."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WHO = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"


@dataclass
class Answer:
    """One answer. ``hold``: it is kept back until this is set."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


def match(**facts: Any) -> dict[str, Any]:
    """A match as the sidecar writes it."""
    return {
        "stashdb_id": WHO,
        "name": "Eileen Collins",
        "confidence": 0.91,
        "distance": 0.09,
        "facenet_distance": 0.1,
        "arcface_distance": 0.08,
        "country": "US",
        "image_url": None,
        "endpoint": "stashdb.org",
        "already_tagged": False,
        **facts,
    }


def image_answer(*faces: list[dict[str, Any]]) -> dict[str, Any]:
    """Faces beside each other, each with its matches."""
    shown = [
        {
            "box": {"x": 20 + 120 * at, "y": 30, "width": 90, "height": 120, "confidence": 0.9},
            "matches": matches,
        }
        for at, matches in enumerate(faces)
    ]
    return {"faces": shown, "face_count": len(shown)}


def busy(seconds: int, words: str = "Face recognition unavailable: loading") -> Answer:
    """A 503 that tells when to come back; long waits are not waited for by the plugin's backend."""
    return Answer({"detail": words}, 503, {"Retry-After": str(seconds)})


class PlayedSidecar:
    """The server in a thread.

    Attributes:
        answers: by path.
        asked: paths and bodies that came, in order.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Answer] = {"/health": Answer({"status": "healthy", "database_loaded": True})}
        self.asked: list[tuple[str, Any]] = []
        for name, body in answers.items():
            self.answers[f"/identify/{name}"] = body if isinstance(body, Answer) else Answer(body)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"sidecar": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="played sidecar"
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for answer in self.answers.values():
            if answer.hold is not None:
                answer.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, path: str) -> int:
        """How often it was asked for this."""
        return sum(asked == path for asked, _ in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sidecar: PlayedSidecar

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null"))

    def _answer(self, body: Any) -> None:
        self.sidecar.asked.append((self.path, body))
        answer = self.sidecar.answers.get(self.path, Answer({"detail": "Not Found"}, 404))
        if answer.hold is not None:
            answer.hold.wait(60)
        data = json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return
