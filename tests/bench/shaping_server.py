"""A folder over HTTP with ranges, through a link of known speed: per connection and in total.

Run in a process of its own: `python -m bench.shaping_server ROOT [--each B/s] [--total B/s] [--delay S]`;
prints its URL. A bucket belongs to a TCP connection, not to a request, so small ranges gain nothing (nginx's
limit_rate counts by request, and misleads). It sends with sendfile, since client and server share the cores.
GET /stats tells what was sent since GET /reset.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .pacing import Bucket

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# Sent at once through a slow link; at 100 MB/s one takes 1.3 ms.
PIECE = 128 * 1024


@dataclass(frozen=True)
class Link:
    """How fast: bytes a second for each connection and for all, and seconds before an answer's first byte."""

    each: float | None = None
    total: float | None = None
    delay: float = 0.0

    @property
    def shaped(self) -> bool:
        """Whether anything is limited."""
        return bool(self.each or self.total)


@dataclass
class Stats:
    """What was sent since the last reset. Bytes are those of bodies of files."""

    bytes_sent: int = 0
    requests: int = 0
    transfers: int = 0
    most_transfers: int = 0
    by_file: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request: method, path, and lower-case headers."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A status, headers, and either a text or a span of a file."""

    status: int
    headers: dict[str, str]
    text: bytes = b""
    file: Path | None = None
    start: int = 0
    length: int = 0


class Server:
    """Serves one folder through one link."""

    def __init__(self, root: Path, link: Link) -> None:
        self._root = root.resolve()
        self._link = link
        self._total: Bucket | None = None
        self.stats = Stats()

    async def run(self, *, with_stdin: bool) -> None:
        """Listen on a free port of the loopback, print the URL, and serve until cancelled (or stdin ends)."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if with_stdin and task:
            loop.add_reader(sys.stdin, task.cancel)
        now = loop.time()
        self._total = Bucket(self._link.total, now) if self._link.total else None
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = Bucket(self._link.each, asyncio.get_running_loop().time()) if self._link.each else None
        # Clients hang up, and are killed in mid-body: that is measured here, not reported.
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, RuntimeError):
            while asked := _parsed(await reader.readuntil(b"\r\n\r\n")):
                await self._answer(asked, writer, own)
        writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter, own: Bucket | None) -> None:
        if asked.path == "/reset":
            self.stats = Stats(transfers=self.stats.transfers)
        if asked.path in ("/reset", "/stats"):
            answer = Answer(
                200, {"Content-Type": "application/json"}, json.dumps(asdict(self.stats)).encode()
            )
        else:
            self.stats.requests += 1
            await asyncio.sleep(self._link.delay)
            answer = answer_for(asked, self._root)
        length = answer.length if answer.file else len(answer.text)
        head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Length: {length}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + answer.text)
        await writer.drain()
        if answer.file and asked.method == "GET":
            await self._body(answer.file, answer.start, answer.length, writer.transport, own)

    async def _body(
        self, path: Path, start: int, length: int, transport: asyncio.WriteTransport, own: Bucket | None
    ) -> None:
        stats = self.stats
        stats.transfers += 1
        stats.most_transfers = max(stats.most_transfers, stats.transfers)
        try:
            with FileIO(path) as f:
                step = PIECE if self._link.shaped else length
                while length:
                    piece = min(step, length)
                    await self._wait(piece, own)
                    await self._send(f, start, piece, transport)
                    start, length = start + piece, length - piece
        finally:
            self.stats.transfers -= 1

    async def _wait(self, piece: int, own: Bucket | None) -> None:
        """Wait for the connection's own turn, then for the shared pipe's."""
        loop = asyncio.get_running_loop()
        for bucket in (own, self._total):
            if bucket and (wait := bucket.take(piece, loop.time())) > 0:
                await asyncio.sleep(wait)

    async def _send(self, f: FileIO, start: int, length: int, transport: asyncio.WriteTransport) -> None:
        """Send by sendfile; count also what left before the client did."""
        f.seek(start)
        try:
            await asyncio.get_running_loop().sendfile(transport, f, start, length)
        finally:
            sent = f.tell() - start
            self.stats.bytes_sent += sent
            name = os.path.basename(str(f.name))
            self.stats.by_file[name] = self.stats.by_file.get(name, 0) + sent


def answer_for(asked: Asked, root: Path) -> Answer:
    """Return what to answer; reads nothing but the file's size and date."""
    path = (root / asked.path.lstrip("/")).resolve()
    if asked.method not in ("GET", "HEAD"):
        return Answer(405, {"Allow": "GET, HEAD"})
    if not path.is_relative_to(root) or not path.is_file():
        return Answer(404, {})
    facts = path.stat()
    size, etag = facts.st_size, f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    form = _RANGE.fullmatch(asked.headers.get("range", ""))
    if form is None or asked.headers.get("if-range", etag) != etag:
        return Answer(200, headers, file=path, length=size)
    span = _span(form[1], form[2], size)
    if span is None:
        return Answer(416, {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{size}"
    return Answer(206, headers, file=path, start=span[0], length=span[1] - span[0])


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the range as (start, end); None when it holds nothing."""
    if not first:
        start, end = (max(0, size - int(last)), size) if last else (0, 0)
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end) if start < end else None


def _parsed(head: bytes) -> Asked:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = dict(line.split(":", 1) for line in rest if ":" in line)
    return Asked(method, unquote(urlsplit(target).path), {k.lower(): v.strip() for k, v in headers.items()})


def main() -> None:
    """Serve until ended."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("root", type=Path)
    cli.add_argument("--each", type=float, default=None, help="bytes a second of each connection")
    cli.add_argument("--total", type=float, default=None, help="bytes a second of all together")
    cli.add_argument("--delay", type=float, default=0.0, help="seconds before the first byte")
    cli.add_argument("--with-stdin", action="store_true", help="end when stdin does")
    a = cli.parse_args()
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(Server(a.root, Link(a.each, a.total, a.delay)).run(with_stdin=a.with_stdin))


if __name__ == "__main__":
    main()
