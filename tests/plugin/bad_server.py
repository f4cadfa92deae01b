"""A server that says what a test gives it, byte for byte and as slowly as it likes."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from go_server import Certificates

Say = bytes | Callable[[socket.socket], None]


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON; None without a body."""
        return json.loads(self.body) if self.body else None


class BadServer:
    """Answers the requests with ``says`` in turn, the last one again and again.

    Without ``reads`` it answers before anything came. What it says can be set once its methods are known.

    Attributes:
        asked: what came, in order.
    """

    def __init__(self, *says: Say, reads: bool = True) -> None:
        self._reads = reads
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self.says = list(says)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._tls: ssl.SSLContext | None = None
        self._threads = [threading.Thread(target=self._serve)]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._socket.getsockname()[1]}"

    def encrypt(self, made: Certificates) -> None:
        """Speak TLS with the certificate, from the next connection on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        self._tls = context

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._welcome, args=(connection,))
            thread.start()
            self._threads.append(thread)

    def _welcome(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection.settimeout(60)
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                # The client does not like the certificate.
                connection.close()
                return
        self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            if self._reads:
                self.asked.append(_read(connection))
            say = self.says[0] if len(self.says) == 1 else self.says.pop(0)
            try:
                say(connection) if callable(say) else connection.sendall(say)
            except OSError:
                # The client left.
                return

    def drip(self, before: bytes) -> Callable[[socket.socket], None]:
        """Say this, then a byte now and then for as long as anybody listens."""

        def say(connection: socket.socket) -> None:
            connection.sendall(before)
            while not self.ended.wait(0.05):
                connection.sendall(b" ")

        return say

    def silent(self, _: socket.socket) -> None:
        """Say nothing until the end."""
        self.ended.wait()


def answer(body: Any = b"", status: int = 200, **headers: str) -> bytes:
    """A whole answer; a body that is no bytes is sent as JSON. ``Retry_After`` is the header Retry-After."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode() + content


def _read(connection: socket.socket) -> Asked:
    with connection.makefile("rb") as reader:
        method, path, _ = reader.readline().decode().split(" ")
        headers = {}
        while line := reader.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(method, path, headers, reader.read(int(headers.get("content-length", "0"))))
