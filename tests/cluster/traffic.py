"""A client that never stops asking: run in a pod, it tells of every request, and of each that failed.

Standard library only: it travels into the cluster as a ConfigMap and runs in the sidecar's image. Half of
the requests go over a new connection each, as a plugin's do, the other half over one that is kept alive.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path

TIMEOUT_S = 30.0
UPDATE = "/database/update/status"
PATHS = ("/identify", "/database/info", UPDATE)

Json = dict[str, object]


class Traffic:
    """Requests to one Service, counted.

    Args:
        host: the Service's DNS name.
        port: its port.
        photo: an image with a face.
        pause_s: between two requests.
    """

    def __init__(self, host: str, port: int, photo: bytes, pause_s: float) -> None:
        self.host, self.port, self.pause_s = host, port, pause_s
        self.body = json.dumps({"image_base64": base64.b64encode(photo).decode(), "top_k": 1})
        self.kept: http.client.HTTPConnection | None = None
        self.kept_at = time.monotonic()
        self.sent = 0
        self.failed = 0
        self.stopped = False

    def run(self) -> None:
        """Ask until stopped; tell of each change of version and update, each failure and each second."""
        version: object = ""
        update: Json = {}
        told = 0.0
        while not self.stopped:
            path = PATHS[self.sent % len(PATHS)]
            answer = self._counted(path, keep=self.sent % 4 >= 2)
            if path == "/database/info" and answer.get("version", version) != version:
                version = answer["version"]
                self._tell("version", version=version)
            if path == UPDATE and answer and answer != update:
                update = answer
                self._tell("update", answer=update)
            if time.monotonic() - told >= 1:
                self._tell("count")
                told = time.monotonic()
            time.sleep(self.pause_s)
        self._tell("end")

    def _counted(self, path: str, *, keep: bool) -> Json:
        """One request; empty when it failed."""
        began = time.monotonic()
        answer, error = self._ask(path, self.body if path == "/identify" else None, keep=keep)
        self.sent += 1
        if error:
            self.failed += 1
            idle = round(began - self.kept_at, 2) if keep else None
            took = round(time.monotonic() - began, 2)
            self._tell("failed", path=path, error=error, idle_s=idle, took_s=took)
        if keep:
            self.kept_at = time.monotonic()
        return answer

    def _ask(self, path: str, body: str | None, *, keep: bool) -> tuple[Json, str]:
        connection = self._connection(keep=keep)
        headers = {"Content-Type": "application/json"} | ({} if keep else {"Connection": "close"})
        try:
            connection.request("POST" if body else "GET", path, body, headers)
            reply = connection.getresponse()
            text = reply.read()
            if reply.will_close or not keep:
                self._drop(connection)
            if reply.status != http.client.OK:
                return {}, f"HTTP {reply.status}: {text[:200]!r}"
            found: Json = json.loads(text)
            if path == "/identify" and not found.get("face_count"):
                return {}, "no face found in the photo"
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._drop(connection)
            return {}, f"{type(error).__name__}: {error}"
        return found, ""

    def _connection(self, *, keep: bool) -> http.client.HTTPConnection:
        if not keep:
            return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        if self.kept is None:
            self.kept = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        return self.kept

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        if connection is self.kept:
            self.kept = None

    def _tell(self, event: str, **more: object) -> None:
        line = {"event": event, "at": time.time(), "sent": self.sent, "failed": self.failed, **more}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def stop(self, *_: object) -> None:
        """End after the request under way."""
        self.stopped = True


def main() -> None:
    """Settings come from the environment: TARGET (host:port), PHOTO (a path), PAUSE_S."""
    host, port = os.environ["TARGET"].rsplit(":", 1)
    photo = Path(os.environ["PHOTO"]).read_bytes()
    traffic = Traffic(host, int(port), photo, float(os.environ.get("PAUSE_S", "0.05")))
    signal.signal(signal.SIGTERM, traffic.stop)
    traffic.run()


if __name__ == "__main__":
    main()
