"""A client that never stops asking: run in a pod, it tells of every request, and of each that failed.

Standard library only: it travels into the cluster as a ConfigMap and runs in the sidecar's image. Half of
the requests go over a new connection each, as a plugin's do, the other half over one that is kept alive; as
urllib3 does, it looks whether the server has hung up meanwhile before it uses that one again.

Without RATE it is one client that asks, waits for the answer, rests for PAUSE_S and asks again. With RATE it
is so many clients that together send so many requests a second, whether or not answers come: an open loop.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

# Twice what the plugin gives a photo: where the host takes the processor away, an answer has taken 31 s.
TIMEOUT_S = 60.0
UPDATE = "/database/update/status"
# A photo costs 0.7 s of a processor. One in 101 requests, at the rate of the bar one in two seconds, is
# what two of them can look at beside all else.
PATHS = ("/identify", *("/database/info", UPDATE) * 50)

Json = dict[str, object]


@dataclass
class Tally:
    """What all clients together have seen, told line by line.

    Attributes:
        late_s: how much later than its time a request was sent, at most.
    """

    sent: int = 0
    failed: int = 0
    late_s: float = 0.0
    stopped: bool = False
    version: object = ""
    update: Json = field(default_factory=dict)
    told_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def counted(self, path: str, answer: Json, failure: Json | None) -> None:
        """One request: tell of a failure, of each change of version and update, and of each second."""
        with self.lock:
            self.sent += 1
            if failure is not None:
                self.failed += 1
                self._tell("failed", path=path, **failure)
            if path == "/database/info" and answer.get("version", self.version) != self.version:
                self.version = answer["version"]
                self._tell("version", version=self.version)
            if path == UPDATE and answer and answer != self.update:
                self.update = answer
                self._tell("update", answer=answer)
            if time.monotonic() - self.told_at >= 1:
                self._tell("count")
                self.told_at = time.monotonic()

    def end(self) -> None:
        """The last line."""
        self._tell("end")

    def stop(self, *_: object) -> None:
        """End after the requests under way."""
        self.stopped = True

    def _tell(self, event: str, **more: object) -> None:
        now = {"sent": self.sent, "failed": self.failed, "late_s": round(self.late_s, 3)}
        sys.stdout.write(json.dumps({"event": event, "at": time.time(), **now, **more}) + "\n")
        sys.stdout.flush()


class Traffic:
    """One client's requests to one Service.

    Args:
        host: the Service's DNS name.
        port: its port.
        photo: an image with a face.
        tally: where they are counted.
    """

    def __init__(self, host: str, port: int, photo: bytes, tally: Tally) -> None:
        self.host, self.port, self.tally = host, port, tally
        self.body = json.dumps({"image_base64": base64.b64encode(photo).decode(), "top_k": 1})
        self.kept: http.client.HTTPConnection | None = None
        self.kept_at = time.monotonic()

    def one_after_the_other(self, pause_s: float) -> None:
        """Ask until stopped, so many seconds after each answer."""
        for number in count():
            if self.tally.stopped:
                return
            self._counted(PATHS[number % len(PATHS)], keep=number % 4 >= 2)
            time.sleep(pause_s)

    def at_times(self, times: Iterator[float], first: int) -> None:
        """Ask at these moments of the monotonic clock, or as soon after as the last answer came."""
        for number, at in enumerate(times):
            time.sleep(max(0.0, at - time.monotonic()))
            if self.tally.stopped:
                return
            self.tally.late_s = max(self.tally.late_s, time.monotonic() - at)
            self._counted(PATHS[(first + number) % len(PATHS)], keep=number % 4 >= 2)

    def _counted(self, path: str, *, keep: bool) -> None:
        began = time.monotonic()
        answer, error = self._ask(path, self.body if path == "/identify" else None, keep=keep)
        failure: Json | None = None
        if error:
            idle = round(began - self.kept_at, 2) if keep else None
            failure = {"error": error, "idle_s": idle, "took_s": round(time.monotonic() - began, 2)}
        if keep:
            self.kept_at = time.monotonic()
        self.tally.counted(path, answer, failure)

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
        if self.kept is not None and _is_hung_up(self.kept):
            self._drop(self.kept)
        if self.kept is None:
            self.kept = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        return self.kept

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        if connection is self.kept:
            self.kept = None


def _is_hung_up(connection: http.client.HTTPConnection) -> bool:
    """Whether a connection that waits for nothing has something to read: its end."""
    sock = connection.sock
    return sock is not None and bool(select.select([sock], [], [], 0)[0])


def at_rate(clients: list[Traffic], rate: float) -> None:
    """All clients together send so many requests a second; each keeps its own share of the times."""
    began = time.monotonic()
    threads = []
    for number, client in enumerate(clients):
        times = (began + turn / rate for turn in count(number, len(clients)))
        threads.append(threading.Thread(target=client.at_times, args=(times, number)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Settings are of the environment: TARGET (host:port), PHOTO (a path), PAUSE_S; or RATE, CONNECTIONS."""
    host, port = os.environ["TARGET"].rsplit(":", 1)
    photo = Path(os.environ["PHOTO"]).read_bytes()
    tally = Tally()
    signal.signal(signal.SIGTERM, tally.stop)
    clients = [Traffic(host, int(port), photo, tally) for _ in range(int(os.environ.get("CONNECTIONS", "1")))]
    rate = float(os.environ.get("RATE", "0"))
    if rate:
        at_rate(clients, rate)
    else:
        clients[0].one_after_the_other(float(os.environ.get("PAUSE_S", "0.1")))
    tally.end()


if __name__ == "__main__":
    main()
