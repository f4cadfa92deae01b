"""A real uvicorn with httptools, as the container has it: in a thread, or in a process for signals."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

TESTS = Path(__file__).resolve().parent
FLAGS = (
    *("--http", "httptools", "--loop", "uvloop", "--ws", "none", "--no-access-log"),
    *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "25"),
)


class Server(uvicorn.Server):
    """Says when it listens, and on which port."""

    def __init__(self, app: FastAPI, port: int = 0) -> None:
        super().__init__(uvicorn.Config(app, port=port, http="httptools", ws="none", log_config=None))
        self.app = app
        self.port = 0
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.port = int(self.servers[0].sockets[0].getsockname()[1])
        self.listens.set()


@contextmanager
def in_thread(app: FastAPI, port: int = 0) -> Iterator[Server]:
    """Serve until the block ends; port 0 is any free one."""
    server = Server(app, port)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        assert server.listens.wait(60)
        yield server
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def in_process(
    factory: str, env: Mapping[str, str], flags: Sequence[str] = FLAGS
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Serve an app factory; the process, and its port. It is ended with the block, if it has not ended."""
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", "0", *flags]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(TESTS), **env},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, _port_of(process)
        finally:
            process.kill()


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr
    for line in process.stderr:
        said = json.loads(line)["message"] if line.startswith("{") else line
        if found := re.search(r"running on http://[^:]+:(\d+)", said):
            return int(found[1])
    raise AssertionError("uvicorn ended before it listened")


def ask(port: int, head: str, body: bytes = b"") -> socket.socket:
    """Send a request as it is; the open connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return connection


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer that has a Content-Length: status, headers, body."""
    reader = connection.makefile("rb")
    status = int(reader.readline().split()[1])
    headers = {}
    while (line := reader.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, reader.read(int(headers.get("content-length", "0")))
