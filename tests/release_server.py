"""A real HTTP server that speaks GitHub's releases API over a folder, for tests, the cluster and the demo.

`<root>/<owner>/<repo>/<tag>/<asset files>` become releases; downloads go, as with GitHub, through a redirect
to a signed URL that lives for a short time and knows ranges. The whole root is also served under `/files/`.
By hand: `python tests/release_server.py --root D --host 0.0.0.0 --port 8080`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, unquote, urlsplit

from release_faults import Faults
from release_github import limits, page_of, releases

__all__ = ["Faults", "ReleaseServer", "Seen"]

SEND_STEP = 1 << 20


@dataclass(frozen=True)
class Seen:
    """One request and how it was answered."""

    method: str
    path: str
    range: str | None
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """As they came, with lower-case names."""


class ReleaseServer:
    """The server in a thread: `with ReleaseServer(root) as s: httpx.get(s.url + "/repos/…")`.

    Attributes:
        faults: switches, see release_faults.
        seen: every request so far.
        bytes_sent: of file bodies.
        signed_seconds: how long a download URL lives.
        storage: another server, over the same root, that downloads are redirected to.
    """

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        signed_seconds: float = 300.0,
        advertise: str | None = None,
    ) -> None:
        self.root = root.resolve()
        self.faults = Faults()
        self.seen: list[Seen] = []
        self.bytes_sent = 0
        self.signed_seconds = signed_seconds
        self.storage: ReleaseServer | None = None
        self.secret = secrets.token_bytes(16)
        self.lock = threading.Lock()
        self.http = _Server((host, port), _Handler)
        self.http.owner = self
        self.port = int(self.http.server_address[1])
        self.url = advertise or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.port}"
        self._thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> ReleaseServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.resume()
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()

    def publish(self, asset: Path, *, repository: str = "owner/data", tag: str) -> Path:
        """Put a copy (a hard link where possible) of the file into a release and return it."""
        folder = self.root / repository / tag
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / asset.name
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(asset)
        except OSError:
            target.write_bytes(asset.read_bytes())
        return target

    def sign(self, path: str, expires: int) -> str:
        """Return the signature of a download URL."""
        return hmac.new(self.secret, f"{path}?{expires}".encode(), "sha256").hexdigest()[:32]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads that serve a stalled or cut body must not hold the test back.
    block_on_close = False
    request_queue_size = 128
    owner: ReleaseServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up in these tests; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # Headers and body are sent apart; without this the second waits for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.owner = self.server.owner
        url = urlsplit(self.path)
        path = unquote(url.path)
        if self.owner.faults.take_failure(path, self.owner.bytes_sent):
            retry = self.owner.faults.retry_after
            self._json(
                self.owner.faults.fail_status,
                {"message": "fault"},
                {"Retry-After": retry} if retry is not None else {},
            )
        elif path.startswith("/repos/"):
            self._api(path.removeprefix("/repos/"), url.query)
        elif path.startswith("/download/"):
            self._redirect(path.removeprefix("/download/"))
        elif path.startswith("/signed/"):
            self._signed(path.removeprefix("/signed/"), url.query)
        elif path.startswith("/files/"):
            self._file(self.owner.root / path.removeprefix("/files/"))
        else:
            self._json(
                200 if path == "/healthz" else 404, {"message": "ok" if path == "/healthz" else "Not Found"}
            )

    # --- the API --------------------------------------------------------------------------------------------

    def _api(self, path: str, query: str) -> None:
        faults = self.owner.faults
        if faults.rate_limited or faults.questions_left == 0:
            return self._json(403, {"message": "API rate limit exceeded"}, limits(0))
        if faults.token and self.headers.get("Authorization") != f"Bearer {faults.token}":
            return self._not_found()
        match path.split("/"):
            case [owner, repo, "releases", "latest"]:
                releases = self._releases(owner, repo)
                return self._told(releases[0]) if releases else self._not_found()
            case [owner, repo, "releases", "tags", tag]:
                found = [r for r in self._releases(owner, repo) if r["tag_name"] == tag]
                return self._told(found[0]) if found else self._not_found()
            case [owner, repo, "releases", "assets", number]:
                return self._asset(owner, repo, number)
            case [owner, repo, "releases"]:
                if not (self.owner.root / owner / repo).is_dir():
                    return self._not_found()
                url = f"{self._base()}/repos/{path}"
                page, more = page_of(self._releases(owner, repo), parse_qs(query), url, faults.page_size)
                return self._told(page, more)
        return self._not_found()

    def _told(self, body: object, headers: Mapping[str, str] | None = None) -> None:
        """Answer as the API does: with an ETag, and for free when it is the one that the client knows."""
        faults = self.owner.faults
        etag = f'W/"{hashlib.sha256(json.dumps(body).encode()).hexdigest()}"'
        unchanged = self.headers.get("If-None-Match") == etag
        if not unchanged and faults.questions_left is not None:
            faults.questions_left -= 1
        counted = {} if faults.questions_left is None else limits(faults.questions_left)
        self._json(304 if unchanged else 200, body, {"ETag": etag, **counted, **(headers or {})})

    def _asset(self, owner: str, repo: str, number: str) -> None:
        for release in self._releases(owner, repo):
            for asset in release["assets"]:
                if str(asset["id"]) == number:
                    if "octet-stream" not in self.headers.get("Accept", ""):
                        return self._json(200, asset)
                    return self._redirect(
                        f"{owner}/{repo}/{release['tag_name']}/{asset['name']}", trusted=True
                    )
        return self._not_found()

    def _releases(self, owner: str, repo: str) -> list[dict[str, Any]]:
        faults = self.owner.faults
        found = releases(self.owner.root, owner, repo, base=self._base(), with_digests=faults.with_digests)
        for one in found:
            one["draft"], one["prerelease"] = (
                one["tag_name"] in faults.drafts,
                one["tag_name"] in faults.previews,
            )
        return found

    # --- the bytes ------------------------------------------------------------------------------------------

    def _redirect(self, where: str, *, trusted: bool = False) -> None:
        if (self.owner.faults.token and not trusted) or not (self.owner.root / where).is_file():
            return self._not_found()
        expires = int((time.time() + self.owner.signed_seconds) * 1000)
        sign = (self.owner.storage or self.owner).sign(where, expires)
        self.send_response(302)
        self._log(302)
        base = self.owner.storage.url if self.owner.storage else self._base()
        self.send_header("Location", f"{base}/signed/{quote(where)}?se={expires}&sig={sign}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _signed(self, where: str, query: str) -> None:
        asked = parse_qs(query)
        expires = int(asked.get("se", ["0"])[0])
        if not hmac.compare_digest(asked.get("sig", [""])[0], self.owner.sign(where, expires)):
            return self._json(403, {"message": "Signature did not match"})
        if time.time() * 1000 > expires:
            return self._json(403, {"message": "Signature expired"})
        self._file(self.owner.root / where)

    def _file(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self.owner.root) or not path.is_file():
            return self._not_found()
        # What is told and what is sent are of one file, also when another takes its name meanwhile.
        with path.open("rb") as file:
            self._send_file(file)

    def _send_file(self, file: BinaryIO) -> None:
        stat = os.fstat(file.fileno())
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}{self.owner.faults.etag_suffix}"'
        span = self._span(stat.st_size, etag)
        if span == "bad":
            return self._json(416, {"message": "range"}, {"Content-Range": f"bytes */{stat.st_size}"})
        start, end = span if isinstance(span, tuple) else (0, stat.st_size)
        self.send_response(206 if span else 200)
        self._log(206 if span else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("ETag", etag)
        if not self.owner.faults.no_ranges:
            self.send_header("Accept-Ranges", "bytes")
        if span:
            shift = 1 if self.owner.faults.wrong_range else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{end - 1}/{stat.st_size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            self._body(file, start, end)
        return None

    def _span(self, size: int, etag: str) -> tuple[int, int] | str | None:
        """Return the asked range as (start, end), "bad" for 416, or None for the whole file."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked or self.owner.faults.no_ranges or self.headers.get("If-Range", etag) != etag:
            return None
        first, last = asked.groups()
        if first == "":
            return (max(0, size - int(last)), size) if last else None
        if int(first) >= size:
            return "bad"
        return int(first), min(size, int(last) + 1 if last else size)

    def _body(self, file: BinaryIO, start: int, end: int) -> None:
        faults = self.owner.faults
        cut, stall = faults.take_cut(end - start), faults.take_stall(end - start)
        stop = start + (end - start if cut is None else cut)
        pause = None if stall is None else start + stall
        at = start
        while at < stop:
            limit = stop if pause is None or at >= pause else min(stop, pause)
            step = min(limit - at, self._step())
            sent = self.connection.sendfile(file, at, step)
            at += sent
            with self.owner.lock:
                self.owner.bytes_sent += sent
            if pause is not None and at == pause:
                faults.wait_while_stalled()
        if cut is not None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _step(self) -> int:
        """Return how much to send at once; a slow link waits here."""
        speed = self.owner.faults.bytes_per_second
        if speed is None:
            return SEND_STEP
        time.sleep(max(0.05, 1 / speed))
        return max(1, speed // 20)

    # --- answers --------------------------------------------------------------------------------------------

    def _base(self) -> str:
        host = self.headers.get("Host")
        return f"{urlsplit(self.owner.url).scheme}://{host}" if host else self.owner.url

    def _not_found(self) -> None:
        self._json(404, {"message": "Not Found", "status": "404"})

    def _json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        text = b"" if status == 304 else json.dumps(body).encode()
        self.send_response(HTTPStatus(status))
        self._log(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text)

    def _log(self, status: int) -> None:
        with self.owner.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.owner.seen.append(Seen(self.command, self.path, headers.get("range"), status, headers))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep quiet: `seen` is the log."""


def main() -> None:
    """Serve until interrupted."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--root", type=Path, required=True)
    cli.add_argument("--host", default="127.0.0.1")
    cli.add_argument("--port", type=int, default=0)
    cli.add_argument("--signed-seconds", type=float, default=300.0)
    cli.add_argument("--bytes-per-second", type=int, default=None, help="slow every download down")
    a = cli.parse_args()
    server = ReleaseServer(a.root, host=a.host, port=a.port, signed_seconds=a.signed_seconds)
    server.faults.bytes_per_second = a.bytes_per_second
    with server:
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
