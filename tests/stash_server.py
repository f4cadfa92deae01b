"""A real HTTP server that speaks Stash's GraphQL and serves its media, for tests, the cluster and the demo.

Queries are parsed and checked against the schema by graphql-core. ``StashBoxServer`` is a small stash-box.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from graphql import build_schema, graphql_sync

from stash_library import Library, root
from stash_schema import NEW_STASH, STASH_BOX

__all__ = ["Faults", "Library", "StashBoxServer", "StashServer"]


@dataclass
class Faults:
    """What goes wrong, for as long as it is set.

    Attributes:
        status: of every answer, for ``times`` requests; None is none.
        times: requests that ``status`` or ``cut`` still happens to.
        cut: the connection is closed without an answer.
        hold: requests wait until it is set; None waits for nothing.
        hold_path: only requests whose path begins so are held; who only looks where a video is never.
        errors: GraphQL errors to answer with.
        body: bytes to answer GraphQL with.
        media_status: of media paths; path → status.
    """

    status: int | None = None
    times: int = 1_000_000
    cut: bool = False
    hold: threading.Event | None = None
    hold_path: str = ""
    errors: tuple[str, ...] = ()
    body: bytes | None = None
    media_status: dict[str, int] = field(default_factory=dict)

    def spend(self) -> bool:
        """Whether it still happens."""
        if self.times <= 0:
            return False
        self.times -= 1
        return True


class GraphQLServer:
    """The server in a thread: ``with StashServer(api_key="…") as stash: httpx.post(stash.url + "/graphql")``.

    Attributes:
        faults: switches.
        operations: names of the GraphQL operations that came, in order.
        paths: of the media that were asked for, in order.
        strangers: requests without the right key.
        running: requests that are answered at this moment.
    """

    def __init__(self, schema: str, resolvers: Any, api_key: str | None, *, host: str = "127.0.0.1") -> None:
        self.schema = build_schema(schema)
        self.resolvers = resolvers
        self.api_key = api_key
        self.faults = Faults()
        self.media: dict[str, bytes] = {}
        self.operations: list[str] = []
        self.paths: list[str] = []
        self.strangers = 0
        self.running = 0
        self._server = _Server((host, 0), _handler(self))
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.faults.hold is not None:
            self.faults.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """A GraphQL request's body → status and answer."""
        asked = json.loads(body)
        named = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
        self.operations.append(named[1] if named else "")
        if self.faults.body is not None:
            return 200, self.faults.body
        if self.faults.errors:
            said = {"errors": [{"message": m} for m in self.faults.errors], "data": None}
            return 200, json.dumps(said).encode()
        result = graphql_sync(
            self.schema, asked["query"], self.resolvers, variable_values=asked.get("variables")
        )
        # gqlgen answers 422 to what it cannot run at all.
        status = 422 if result.data is None and result.errors and not result.errors[0].path else 200
        return status, json.dumps(result.formatted).encode()


class StashServer(GraphQLServer):
    """A Stash over a library that tests fill."""

    def __init__(
        self, *, api_key: str | None = None, schema: str = NEW_STASH, host: str = "127.0.0.1"
    ) -> None:
        self.library = Library()
        super().__init__(schema, root(self.library), api_key, host=host)
        self.library.base = self.url
        self.media = self.library.media


class StashBoxServer(GraphQLServer):
    """A stash-box with performers by id, in GraphQL's shapes."""

    def __init__(self, *, api_key: str | None = "box-key") -> None:
        self.performers: dict[str, dict[str, Any]] = {}
        resolvers = {"findPerformer": lambda _, id: self.performers.get(id)}  # noqa: A006
        super().__init__(STASH_BOX, resolvers, api_key)

    @property
    def endpoint(self) -> str:
        """Its GraphQL URL."""
        return f"{self.url}/graphql"

    def add(self, performer_id: str, name: str, **facts: Any) -> None:
        """A performer."""
        many = {"aliases": [], "urls": [], "images": [], "deleted": False}
        self.performers[performer_id] = {"id": performer_id, "name": name, **many, **facts}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away while they wait are no error of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)  # type: ignore[arg-type]


def _handler(server: GraphQLServer) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"stash": server})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A reader that goes away must not hold the server's end.
    timeout = 60
    stash: GraphQLServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._let_in():
            status, said = self.stash.answer(body)
            self._send(status, said, "application/json")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.stash.paths.append(path)
        if not self._let_in():
            return
        data = self.stash.media.get(path)
        status = self.stash.faults.media_status.get(path, 404 if data is None else 200)
        if status != 200 or data is None:
            self._send(status, b"", "text/plain")
        else:
            self._send_range(data)

    def _let_in(self) -> bool:
        stash, faults = self.stash, self.stash.faults
        stash.running += 1
        looks = self.headers.get("Range") == "bytes=0-0"
        if faults.hold is not None and self.path.startswith(faults.hold_path) and not looks:
            faults.hold.wait(60)
        stash.running -= 1
        if (faults.cut or faults.status is not None) and faults.spend():
            self._fail(faults)
            return False
        if stash.api_key is not None and self.headers.get("ApiKey") != stash.api_key:
            stash.strangers += 1
            self._send(401, b"", "text/plain")
            return False
        return True

    def _fail(self, faults: Faults) -> None:
        if faults.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._send(faults.status or 500, b"no", "text/plain", {"Location": "/login"})

    def _send_range(self, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, data, "application/octet-stream")
            return
        first = int(asked[1])
        last = min(int(asked[2] or len(data) - 1), len(data) - 1)
        extra = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        self._send(206, data[first : last + 1], "application/octet-stream", extra)

    def _send(self, status: int, data: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Accept-Ranges": "bytes"}
        try:
            self.send_response(status)
            for name, value in (headers | (extra or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return
