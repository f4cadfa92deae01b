"""A release server that does anything a network may do, at random but by a seed; and a fetch to be killed.

Used by release_story.py, which tells whole stories with it.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facedb_release.fetching import member
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.fetching.windows import Windows
from facedb_release.transport import Patience
from facedb_release.verify.limits import Limits
from release_server import ReleaseServer, _Handler

# What changes no byte of a body: never a reason to call a release bad.
NETWORK = (
    "cut", "reset", "stall", "drip", "whole", "shifted", "longer", "endless", "shorter", "gzip", "etag",
    "weak etag", "no etag", "odd header", "odd etag", "circle", "nowhere", "garbage", "nothing",
    "half a head", "401", "403", "404", "416", "429", "500", "503", "206 without a range",
)  # fmt: skip
ROTTEN = "rotten"
STALL_SECONDS = 0.6
# Of an answer that nobody hangs up on.
ENDLESS_SECONDS = 120.0


@dataclass
class Chaos:
    """Draws the next trouble.

    Attributes:
        seed: of everything.
        rate: part of the requests that meet one.
        kinds: to draw from.
        left: troubles to come; after them all is well.
    """

    seed: int
    rate: float = 0.3
    kinds: tuple[str, ...] = NETWORK
    left: int = 1000
    met: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def next(self) -> str | None:
        with self._lock:
            if self.left <= 0 or self._random.random() >= self.rate:
                return None
            self.left -= 1
            self.met.append(self._random.choice(self.kinds))
            return self.met[-1]

    def part(self, length: int) -> int:
        """A place in a body."""
        with self._lock:
            return self._random.randrange(length + 1)


class ChaosServer(ReleaseServer):
    """A release server with troubles; `chaos` None is none."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.chaos: Chaos | None = None
        self.http.RequestHandlerClass = _Chaotic


class _Chaotic(_Handler):
    def _file(self, path: Path) -> None:
        chaos = getattr(self.owner, "chaos", None)
        kind = chaos.next() if chaos else None
        if kind is None or not path.is_file():
            return super()._file(path)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self._trouble(kind, path, chaos)
        return None

    def _trouble(self, kind: str, path: Path, chaos: Any) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        data = path.read_bytes()
        start, end = (int(asked[1]), int(asked[2]) + 1) if asked else (0, len(data))
        facts = path.stat()
        body = data[start:end]
        head = {
            "ETag": f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"',
            "Content-Length": str(len(body)),
            "Content-Range": f"bytes {start}-{end - 1}/{len(data)}",
        }
        if kind.isdigit():
            retry = {"Retry-After": "1"} if chaos.part(1) else {}
            return self._json(int(kind), {"message": "chaos"}, retry)
        HEADS.get(kind, lambda h: None)(head)
        self._log(206)
        make = getattr(self, "_" + kind.replace(" ", "_"), None)
        if make is not None:
            return make(head, body, chaos)
        return self._send(206, head, data if kind == "whole" else body)

    def _send(self, status: int, head: dict[str, str], body: bytes) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in head.items()), "Connection: close", "", ""]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + body)

    def _cut(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(206, head, body[: chaos.part(len(body))])

    def _reset(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._send(206, head, body[: chaos.part(len(body))])
        self.connection.close()

    def _stall(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(206, head, body[: chaos.part(len(body))])
        time.sleep(STALL_SECONDS)

    def _drip(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(206, head, b"")
        for at in range(min(len(body), 40)):
            self.wfile.write(body[at : at + 1])
            time.sleep(STALL_SECONDS / 20)

    def _whole(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        whole = head["Content-Range"].rpartition("/")[2]
        self._send(200, {"ETag": head["ETag"], "Content-Length": whole}, body)

    def _longer(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(206, head | {"Content-Length": str(len(body) + 1000)}, body + bytes(1000))

    def _endless(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        del head["Content-Length"]
        self._send(206, head, body)
        until = time.monotonic() + ENDLESS_SECONDS
        while time.monotonic() < until:
            self.wfile.write(bytes(1 << 16))

    def _rotten(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        bad = bytearray(body)
        bad[chaos.part(len(bad) - 1)] ^= 1 << chaos.part(7)
        self._send(206, head, bytes(bad))

    def _circle(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(302, {"Location": self.path, "Content-Length": "0"}, b"")

    def _nowhere(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self._send(302, {"Location": "http://[::bad\xe4/%zz", "Content-Length": "0"}, b"")

    def _garbage(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self.wfile.write(b"\x00\xffno HTTP at all\r\n\r\n" + body[:100])

    def _nothing(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        """Hang up."""

    def _half_a_head(self, head: dict[str, str], body: bytes, chaos: Any) -> None:
        self.wfile.write(b"HTTP/1.1 206 Partial\r\nContent-Le")


def _shift(head: dict[str, str]) -> None:
    head["Content-Range"] = re.sub(r"\d+", lambda m: str(int(m[0]) + 1), head["Content-Range"], count=1)


HEADS: dict[str, Callable[[dict[str, str]], object]] = {
    "shifted": _shift,
    "shorter": lambda h: h.update({"Content-Length": str(int(h["Content-Length"]) // 2)}),
    "gzip": lambda h: h.update({"Content-Encoding": "gzip"}),
    "etag": lambda h: h.update({"ETag": '"another"'}),
    "weak etag": lambda h: h.update({"ETag": "W/" + h["ETag"]}),
    "no etag": lambda h: h.pop("ETag"),
    "odd header": lambda h: h.update({"Content-Disposition": "attachment; filename=f\xfcr.zip"}),
    "odd etag": lambda h: h.update({"ETag": '"\xe4\xff"'}),
    "206 without a range": lambda h: h.pop("Content-Range"),
}


def small_steps(window_bytes: int = 64 << 10, mark_bytes: int = 64 << 10) -> None:
    """Let a small release have as many windows and marks as a large one."""
    member.MARK_BYTES = mark_bytes
    (Windows.__init__.__kwdefaults__ or {})["window_bytes"] = window_bytes


def fetch_in_small_steps(steps: tuple[int, int], facts: dict[str, Any]) -> None:
    """What a process does that will be killed; its errors are its own matter."""
    small_steps(*steps)
    patience = Patience(stall_seconds=0.3, attempts=3, wait=lambda _: None)
    with contextlib.suppress(Exception):
        fetch(FetchRequest(**facts, patience=patience, limits=Limits(sample=0)))
