"""A page that is to our plugin what Stash is: its DOM, its API for plugins, its GraphQL, its way to run them.

The page's own files are in ``host``; React and its router are the ones that Stash uses. What plugins may do
is held tighter than by Stash: no script but from this host, and no markup or script out of strings at all.
"""

from __future__ import annotations

import mimetypes
import re
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from npm_files import REACT, REACT_DOM, ROUTER
from plugin.host_graphql import PageGraphQL
from plugin.plugin_process import Plugin
from stash_library import Library

HOST = Path(__file__).parent / "host"
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src * data:",
        "media-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "child-src 'none'",
        "object-src 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types host",
    )
)
SVG = 'xmlns="http://www.w3.org/2000/svg"'
PICTURE = f'<svg {SVG} viewBox="0 0 4 3"><rect width="4" height="3" fill="#777"/></svg>'.encode()
PICTURES = re.compile(r"/(scene|image|gallery|performer)/\d+/(screenshot|thumbnail|image|preview)")


class HostPage:
    """The page's server in a thread: ``with HostPage(library) as host: page.goto(host.url + "/scenes/1")``.

    Attributes:
        library: what this Stash has; media whose address begins with its ``base`` come from here.
        plugin: the one that is installed, with what its processes said.
        api: whether there is a ``window.PluginApi``; ``?api=none`` takes it from one page.
        theme: ``dark`` or ``light``; ``?theme=`` says it for one page.
        prefix: of all paths, as behind a proxy: "" or "/stash".
        paths: that were asked for, in order.
    """

    def __init__(
        self,
        library: Library | None = None,
        *,
        plugin: Plugin | None = None,
        sidecar: str | None = None,
        api: bool = True,
        theme: str = "dark",
        prefix: str = "",
    ) -> None:
        self.library = library or Library()
        self.plugin = plugin or Plugin()
        self.api = api
        self.theme = theme
        self.prefix = prefix
        self.paths: list[str] = []
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"page": self}))
        port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{port}{prefix}"
        # As Stash tells its plugins' processes.
        server = {"Scheme": "http", "Host": "127.0.0.1", "Port": port, "SessionCookie": None, "Dir": "/"}
        self.graphql = PageGraphQL(self.library, self.plugin, self.url, server)
        if sidecar is not None:
            self.settings["sidecarUrl"] = sidecar
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="host page")

    @property
    def settings(self) -> dict[str, Any]:
        """What the user has set for our plugin."""
        return self.graphql.settings.setdefault(self.plugin.id, {})

    def modes(self) -> list[str]:
        """The operations that have ended, in that order."""
        return [run.mode for run in self.plugin.runs]

    def __enter__(self) -> HostPage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.plugin.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def shown(self, query: str) -> bytes:
        """The page, for any path."""
        asked = parse_qs(query)
        api = asked.get("api", ["here" if self.api else "none"])[-1]
        theme = asked.get("theme", [self.theme])[-1]
        text = (HOST / "index.html").read_text()
        for word, value in {"BASE": f"{self.prefix}/", "THEME": theme, "API": api}.items():
            text = text.replace(f'"{word}"', f'"{value}"')
        return text.encode()

    def file(self, path: str) -> tuple[str, bytes] | None:
        """What is no page: a kind and the bytes; None is a page."""
        match path.split("/")[1:]:
            case ["host", name]:
                return _kind(name), _files()[name]
            case ["plugin", self.plugin.id, "javascript"]:
                return "text/javascript", self.plugin.code("javascript")
            case ["plugin", self.plugin.id, "css"]:
                return "text/css", self.plugin.code("css")
        if path in self.library.media:
            return "application/octet-stream", self.library.media[path]
        if PICTURES.fullmatch(path):
            # Stash makes thumbnails, and has a picture for what has none.
            data = self.library.media.get(f"{path.rpartition('/')[0]}/image")
            return ("application/octet-stream", data) if data else ("image/svg+xml", PICTURE)
        return None


@cache
def _files() -> dict[str, bytes]:
    own = {path.name: path.read_bytes() for path in HOST.iterdir()}
    return own | {file.name: file.read() for file in (REACT, REACT_DOM, ROUTER)}


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Browsers hang up whenever they like."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    page: HostPage

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._path() != "/graphql":
            return self._send("text/plain", b"", 404)
        said = self.page.graphql.answer(body)
        # Stash's addresses begin as the request's did.
        base = self.page.library.base
        self._send("application/json", said.replace(base.encode(), self.page.url.encode()) if base else said)

    def do_GET(self) -> None:
        path = self._path()
        self.page.paths.append(path)
        found = self.page.file(path)
        if found is None:
            self._send("text/html; charset=utf-8", self.page.shown(urlsplit(self.path).query))
        else:
            self._send(*found)

    def _path(self) -> str:
        return urlsplit(self.path).path.removeprefix(self.page.prefix)

    def _send(self, kind: str, data: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return
