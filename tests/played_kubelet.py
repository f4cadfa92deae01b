"""A node that is only played: it is in the API, and an HTTPS server gives pods' logs as its kubelet."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api_server import ApiServer

NODE = "node-1"
MERGE = "application/merge-patch+json"


@dataclass
class PlayedKubelet:
    """Use it as `with PlayedKubelet(api) as node`.

    Attributes:
        logs: `NAMESPACE/POD/CONTAINER` → its lines; what is not there is answered with 404.
        asked: the queries that came, newest last.
    """

    api: ApiServer
    logs: dict[str, list[str]] = field(default_factory=dict)
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def __enter__(self) -> PlayedKubelet:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                owner.asked.append(parse_qs(url.query))
                lines = owner.logs.get(url.path.removeprefix("/containerLogs/"))
                tail = owner.asked[-1].get("tailLines")
                kept = (lines or [])[-int(tail[0]) :] if tail else lines or []
                content = "".join(f"{line}\n" for line in kept).encode()
                self.send_response(200 if lines is not None else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.api.folder / "apiserver.crt", self.api.folder / "apiserver.key")
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self._register(self._http.server_address[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.api.request("DELETE", f"/api/v1/nodes/{NODE}")
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def run(self, pod: dict[str, Any], status: dict[str, Any]) -> None:
        """Make a pod on this node, in the state that a kubelet would have reported."""
        path = "/api/v1/namespaces/media/pods"
        name = pod["metadata"]["name"]
        self.api.request("DELETE", f"{path}/{name}?gracePeriodSeconds=0")
        body = {**pod, "spec": {**pod["spec"], "nodeName": NODE}}
        code, made = self.api.request("POST", path, body)
        assert code == 201, made
        self.report(name, status)

    def report(self, name: str, status: dict[str, Any]) -> None:
        """What became of a pod."""
        path = f"/api/v1/namespaces/media/pods/{name}/status"
        code, made = self.api.request("PATCH", path, {"status": status}, Content_Type=MERGE)
        assert code == 200, made

    def _register(self, port: int) -> None:
        code, made = self.api.request("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        assert code == 201, made
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        change = {"status": status}
        code, made = self.api.request("PATCH", f"/api/v1/nodes/{NODE}/status", change, Content_Type=MERGE)
        assert code == 200, made
