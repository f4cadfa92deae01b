"""A pretended API server whose watches tell late, break, expire and know nothing of each other.

It numbers all writes with one counter, as etcd does. What was written is told to the watches of its kind only
once ``tell`` says so; other kinds may be told before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiException

from facedb_operator import names
from facedb_operator.kinds import DATABASE, Kind

AT = "2026-11-21T04:00:00Z"

Body = dict[str, Any]


class WatchedApi:
    """Stands where ``facedb_operator.kube.Kube`` stands.

    Attributes:
        version: of the last write.
        requests: how often each method was called.
        missing: kinds that are not served.
        failures: answers that the next requests get instead of a good one.
    """

    def __init__(self) -> None:
        self.version = 1
        self.requests: Counter[str] = Counter()
        self.missing: set[Kind] = set()
        self.failures: list[ApiException] = []
        self._objects: dict[tuple[Kind, str], Body] = {}
        self._log: dict[Kind, list[tuple[int, str, Body]]] = {}
        self._told: dict[Kind, int] = {}
        self._oldest: dict[Kind, int] = {}
        self._cuts: Counter[Kind] = Counter()
        self._news = asyncio.Condition()

    def write(self, kind: Kind, name: str, database: str = "a", **parts: Any) -> Body:
        """Create or change an object; nobody is told yet."""
        old = self._objects.get((kind, name))
        self.version += 1
        labels = {names.DATABASE_LABEL: database, names.KEY_LABEL: f"k{self.version}"}
        labels[names.COMPONENT_LABEL] = "release"
        meta = {
            "name": name,
            "namespace": "x",
            "uid": old["metadata"]["uid"] if old else f"uid-{self.version}",
            "generation": self.version,
            "resourceVersion": str(self.version),
            "creationTimestamp": AT,
            "labels": {**labels, **parts.pop("labels", {})},
        }
        body = {"metadata": meta, **parts}
        self._objects[kind, name] = body
        self._log.setdefault(kind, []).append((self.version, "MODIFIED" if old else "ADDED", body))
        return body

    def delete(self, kind: Kind, name: str) -> str:
        """Delete an object, if it is there; returns its uid."""
        old = self._objects.pop((kind, name), None)
        if old is None:
            return ""
        self.version += 1
        meta = {**old["metadata"], "resourceVersion": str(self.version)}
        self._log[kind].append((self.version, "DELETED", {**old, "metadata": meta}))
        return str(meta["uid"])

    def names_of(self, kind: Kind) -> dict[str, str]:
        """Name → resourceVersion of what there is."""
        return {n: b["metadata"]["resourceVersion"] for (k, n), b in self._objects.items() if k is kind}

    async def tell(self, kind: Kind, most: int = 1_000_000) -> None:
        """Let the watches of this kind tell up to so many events more."""
        told = self._told.get(kind, 0)
        waiting = [version for version, _, _ in self._log.get(kind, ()) if version > told][:most]
        self._told[kind] = waiting[-1] if waiting else told
        await self._wake()

    async def cut(self, kind: Kind) -> None:
        """Break the connections of this kind's watches."""
        self._cuts[kind] += 1
        await self._wake()

    async def expire(self, kind: Kind) -> None:
        """Forget all events of this kind and break its watches: only a listing helps."""
        self._log[kind] = []
        self._oldest[kind] = self.version
        self._told[kind] = self.version
        await self.cut(kind)

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """As Kube.get."""
        self._count("get", kind)
        return self._objects.get((kind, name))

    async def list(
        self,
        kind: Kind,
        namespace: str,
        take: Callable[[Body], None],
        *,
        selector: str = "",
        fields: str = "",
    ) -> int:
        """As Kube.list: what is true now, whatever the watches have told."""
        self._count("list", kind)
        only = selector.split(",")[0].partition("=")[2]
        name = fields.partition("=")[2]
        for (of, _), body in list(self._objects.items()):
            meta = body["metadata"]
            mine = kind is DATABASE or not only or meta["labels"][names.DATABASE_LABEL] == only
            if of is kind and mine and (not name or meta["name"] == name):
                take(body)
        return self.version

    async def watch(self, kind: Kind, namespace: str, selector: str, since: int) -> AsyncIterator[Body]:
        """As Kube.watch: what was told, until it breaks."""
        self._count("watch", kind)
        cuts = self._cuts[kind]
        if since < self._oldest.get(kind, 0):
            yield {"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}
        while True:
            for version, what, body in self._log.get(kind, ()):
                if since < version <= self._told.get(kind, 0):
                    since = version
                    yield {"type": what, "object": body}
            async with self._news:
                told = self._told.get(kind, 0)
                await self._news.wait_for(
                    lambda told=told: self._cuts[kind] != cuts or self._told.get(kind, 0) > told
                )
            if self._cuts[kind] != cuts:
                raise aiohttp.ClientPayloadError("the connection broke")

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()
        # Let those who were woken do their part.
        for _ in range(10):
            await asyncio.sleep(0)

    def _count(self, method: str, kind: Kind) -> None:
        self.requests[f"{method} {kind.plural}"] += 1
        if self.failures:
            raise self.failures.pop(0)
        if kind in self.missing:
            raise ApiException(status=404, reason="Not Found")
