"""A real OCI registry for tests: distribution, open, behind passwords, or behind a token service.

`push` speaks the registry's API by itself, so that what is read was not written by the code under test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from cluster.node.binaries import REGISTRY
from go_server import free_port, make_certificates, running

USER, PASSWORD = "tester", "tester-password"
# bcrypt of PASSWORD, as `htpasswd -nbBC 4` makes it.
_HASH = "$2y$04$facedbfacedbfacedbfacegYaiPPblIBrfA4ZEeCzsWLemc2D.gEu"
TITLE = "org.opencontainers.image.title"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes:
        host: `address:port`.
        url: with its scheme.
        root: folder of its storage.
        certificate: PEM file of its authority, if it speaks TLS.
        tokens: the token service, if it wants tokens.
    """

    host: str
    url: str
    root: Path
    certificate: Path | None = None
    tokens: TokenService | None = None

    def blob(self, name: str, content: bytes) -> dict[str, Any]:
        """Push a blob and return its descriptor."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        with self._client(name) as client:
            began = client.post(f"{self.url}/v2/{name}/blobs/uploads/").raise_for_status()
            place = httpx.URL(self.url).join(began.headers["Location"]).copy_merge_params({"digest": digest})
            client.put(place, content=content).raise_for_status()
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}

    def manifest(self, name: str, reference: str | None, body: dict[str, Any]) -> dict[str, Any]:
        """Push a manifest under a tag, or under its digest, and return its descriptor."""
        text = json.dumps(body).encode()
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        with self._client(name) as client:
            client.put(
                f"{self.url}/v2/{name}/manifests/{reference or digest}",
                content=text,
                headers={"Content-Type": body["mediaType"]},
            ).raise_for_status()
        return {"mediaType": body["mediaType"], "digest": digest, "size": len(text)}

    def push(
        self,
        name: str,
        reference: str | None,
        files: Mapping[str, bytes],
        *,
        annotations: Mapping[str, str] | None = None,
        titled: bool = True,
    ) -> dict[str, Any]:
        """Push an artifact with one layer for each file and return its descriptor."""
        empty = self.blob(name, b"{}") | {"mediaType": "application/vnd.oci.empty.v1+json"}
        layers = [
            self.blob(name, content) | ({"annotations": {TITLE: title}} if titled else {})
            for title, content in files.items()
        ]
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.facedb.release"}
        body |= {"config": empty, "layers": layers, "annotations": dict(annotations or {})}
        return self.manifest(name, reference, body)

    def _client(self, name: str) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else True
        if self.tokens is None:
            return httpx.Client(auth=(USER, PASSWORD), verify=trust, trust_env=False, timeout=60)
        bearer = "Bearer " + self.tokens.token(name, ["pull", "push"])
        return httpx.Client(headers={"Authorization": bearer}, verify=trust, trust_env=False, timeout=60)


class TokenService:
    """Gives tokens that the registry trusts: to everybody for repositories under `public/`, else to USER.

    Attributes:
        url: that the registry names as its realm.
        asked: the Authorization header of every question, or None.
        lifetime_seconds: of a token.
    """

    def __init__(self, folder: Path) -> None:
        self._key, self._jwks = folder / "token.key", folder / "jwks.json"
        self.asked: list[str | None] = []
        self.lifetime_seconds = 300.0
        _openssl("genrsa", "-out", str(self._key), "2048")
        text = _openssl("rsa", "-in", str(self._key), "-noout", "-modulus").decode().strip()
        modulus = bytes.fromhex(text.removeprefix("Modulus="))
        key = {"kty": "RSA", "kid": "tests", "alg": "RS256", "n": _b64(modulus), "e": "AQAB"}
        self._jwks.write_text(json.dumps({"keys": [key]}))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/token"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> TokenService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def settings(self) -> dict[str, Any]:
        """Return what the registry has to know."""
        facts = {"realm": self.url, "service": "tests", "issuer": "tests"}
        return facts | {"jwks": str(self._jwks), "signingalgorithms": ["RS256"]}

    def token(self, name: str, actions: list[str]) -> str:
        """Sign a token for one repository."""
        now = int(time.time())
        # The registry allows clocks to differ by a minute.
        expires = int(now + self.lifetime_seconds - 60)
        claims = {"iss": "tests", "sub": "", "aud": "tests", "nbf": now - 5, "iat": now, "exp": expires}
        claims |= {"jti": str(time.monotonic_ns())}
        claims |= {"access": [{"type": "repository", "name": name, "actions": actions}]}
        parts = [_b64(json.dumps(p).encode()) for p in ({"alg": "RS256", "kid": "tests"}, claims)]
        signed = _openssl("dgst", "-sha256", "-sign", str(self._key), given=".".join(parts).encode())
        return ".".join([*parts, _b64(signed)])

    def answer(self, query: str, authorization: str | None) -> str | None:
        """Return a token for the scope asked for; None when it is not for this user."""
        self.asked.append(authorization)
        _, name, _ = parse_qs(query)["scope"][0].split(":")
        known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if authorization not in (None, known):
            return None
        allowed = name.startswith("public/") or authorization == known
        return self.token(name, ["pull"] if allowed else [])


def _handler(service: TokenService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = service.answer(urlsplit(self.path).query, self.headers.get("Authorization"))
            body = json.dumps({"token": token}).encode()
            self.send_response(200 if token else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    return Handler


def _openssl(*arguments: str, given: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True).stdout


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def registry(
    folder: Path,
    *,
    tls: bool = False,
    auth: str | None = None,
    redirect: str | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Registry]:
    """Run a registry over a folder of its own.

    Args:
        folder: for storage, configuration and log.
        tls: with a certificate of its own.
        auth: None, `basic` (htpasswd) or `token` (a token service beside it).
        redirect: URL to which blobs are redirected, as a cloud's storage would have it.
        address: where it listens.
    """
    folder.mkdir(parents=True)
    port = free_port()
    root = folder / "storage"
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}},
        "http": {"addr": f"{address}:{port}", "secret": "tests"},
    }
    certificate = None
    if tls:
        made = make_certificates(folder, address)
        certificate = made.authority
        config["http"]["tls"] = {"certificate": str(made.certificate), "key": str(made.key)}
    if redirect:
        config["middleware"] = {"storage": [{"name": "redirect", "options": {"baseurl": redirect}}]}
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenService(folder)) if auth == "token" else None
        if tokens:
            config["auth"] = {"token": tokens.settings()}
        if auth == "basic":
            passwords = folder / "htpasswd"
            passwords.write_text(f"{USER}:{_HASH}\n")
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(passwords)}}
        path = folder / "config.yml"
        path.write_text(json.dumps(config))
        url = f"{'https' if tls else 'http'}://{address}:{port}"
        stack.enter_context(
            running(REGISTRY, "serve", str(path), url=f"{url}/v2/", log=folder / "registry.log")
        )
        yield Registry(f"{address}:{port}", url, root, certificate, tokens)
