"""`python -m bench.traffic.load_client`: a plan as JSON on stdin → what became of each request, as JSON.

It asks until the plan's time is over or stdin is closed.

A process of its own, with little work for each request: sockets, prepared bytes, one thread. It still shares
the machine's cores with the server; its CPU seconds are part of the answer.

A closed plan has so many connections, each asking again when it was answered. An open plan asks so many times
a second whatever becomes of the answers, as people do, and counts an answer's time from when it was to be
asked: a server that stalls does not make its own measurement stop.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

ASK_SECONDS = 120.0
BROKEN = 0
MOST_TROUBLE = 5


@dataclass(frozen=True)
class Plan:
    """What to ask.

    Attributes:
        port: of the server, on the loopback.
        head: the request's first line.
        body: path of a file with its body, or None.
        seconds: how long new requests are made, at most.
        connections: of a closed plan; the most of an open one.
        rate: requests a second of an open plan; 0 for a closed one.
    """

    port: int
    head: str
    seconds: float
    body: str | None = None
    connections: int = 8
    rate: float = 0.0

    def bytes(self) -> bytes:
        """The whole request."""
        content = Path(self.body).read_bytes() if self.body else b""
        head = f"{self.head} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@dataclass
class Told:
    """What became of the requests.

    Attributes:
        answers: when each was asked (time.time), its milliseconds, its status; 0 for a connection that broke.
        without_retry: 503 answers that did not say when to come back.
        odd: bodies of a 200 that were not as expected.
        cpu_seconds: of this process.
        late: requests of an open plan that found no free connection.
        own_ms: for each answer, how long after it was to be asked this process came to ask it.
        trouble: of connections that broke and answers with other statuses, the first few.
    """

    answers: list[tuple[float, float, int]] = field(default_factory=list)
    without_retry: int = 0
    odd: int = 0
    cpu_seconds: float = 0.0
    late: int = 0
    own_ms: list[float] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """Asks as the plan says."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = plan.bytes()
        self._free: list[Connection] = []
        self._stopped = threading.Event()
        self.told = Told()
        threading.Thread(target=self._wait_for_stop, daemon=True).start()

    async def closed(self) -> None:
        """Ask again and again, on each connection."""
        until = time.perf_counter() + self._plan.seconds

        async def worker() -> None:
            while (now := time.perf_counter()) < until and not self._stopped.is_set():
                await self._ask(now)

        await asyncio.gather(*(worker() for _ in range(self._plan.connections)))

    async def open(self) -> None:
        """Ask at the plan's rate."""
        began, running = time.perf_counter(), set[asyncio.Task[None]]()
        for i in range(round(self._plan.rate * self._plan.seconds)):
            due = began + i / self._plan.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._stopped.is_set():
                break
            if len(running) >= self._plan.connections:
                self.told.late += 1
                continue
            running.add(task := asyncio.create_task(self._ask(due)))
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    def _wait_for_stop(self) -> None:
        sys.stdin.read()
        self._stopped.set()

    async def _ask(self, due: float) -> None:
        own = time.perf_counter() - due
        asked = time.time() - own
        try:
            async with asyncio.timeout(ASK_SECONDS):
                status = await self._answered()
        except (OSError, EOFError, TimeoutError, ValueError, IndexError) as error:
            status = BROKEN
            self._remember(f"{type(error).__name__}: {error}")
        self.told.answers.append((asked, (time.perf_counter() - due) * 1000, status))
        self.told.own_ms.append(own * 1000)

    async def _answered(self) -> int:
        connection = self._free.pop() if self._free else await self._connect()
        reader, writer = connection
        try:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            status = int(lines[0].split()[1])
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            body = await reader.readexactly(length)
            # What the server did not want of the body must leave before the next request can.
            await writer.drain()
        except BaseException:
            writer.close()
            raise
        self._judge(status, lines, body)
        if status not in (200, 503):
            self._remember(f"{status}: {body[:200].decode(errors='replace')}")
        if b"connection: close" in lines:
            writer.close()
        else:
            self._free.append(connection)
        return status

    async def _connect(self) -> Connection:
        return await asyncio.open_connection("127.0.0.1", self._plan.port)

    def _remember(self, trouble: str) -> None:
        if len(self.told.trouble) < MOST_TROUBLE:
            self.told.trouble.append(trouble)

    def _judge(self, status: int, lines: list[bytes], body: bytes) -> None:
        if status == 503 and not any(line.startswith(b"retry-after:") for line in lines):
            self.told.without_retry += 1
        if status == 200 and self._plan.body and json.loads(body)["face_count"] != 1:
            self.told.odd += 1


async def told(plan: Plan) -> Told:
    """Ask, and tell."""
    client = Client(plan)
    asking: Coroutine[None, None, None] = client.open() if plan.rate else client.closed()
    await asking
    used = resource.getrusage(resource.RUSAGE_SELF)
    client.told.cpu_seconds = used.ru_utime + used.ru_stime
    return client.told


def main() -> None:
    """Run one plan."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    print(json.dumps(asdict(uvloop.run(told(plan)))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
