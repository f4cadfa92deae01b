"""A real HTTP server that speaks what a sidecar asks of the Kubernetes API: one FaceDatabase."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "pod-token"
PATH = "/apis/facedb.dev/v1alpha1/namespaces/media/facedatabases/faces"


@dataclass
class KubeServer:
    """Use it as `with KubeServer(database) as server`.

    Attributes:
        database: as the API shows it.
        fails: method → the status that it is answered with.
        tokens: that came.
    """

    database: dict[str, Any] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> KubeServer:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                right = self.headers["Content-Type"] == "application/merge-patch+json"
                if right and "PATCH" not in owner.fails:
                    owner.database["metadata"].setdefault("annotations", {}).update(
                        body["metadata"]["annotations"]
                    )
                self._answer("PATCH" if right else "415")

            def _answer(self, method: str) -> None:
                owner.tokens.append(self.headers.get("Authorization", ""))
                known = self.path == PATH and self.headers.get("Authorization") == f"Bearer {TOKEN}"
                status = owner.fails.get(method, 200 if known else 404)
                content = json.dumps(owner.database if status == 200 else {"message": "no"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
