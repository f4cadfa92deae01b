"""Watches → the store: each kind is listed once and then followed, exactly, through every gap.

kopf's own watches and indices are not used for this: after a gap (410 Gone) kopf lists again, but what was
deleted meanwhile stays in its indices for good, and no handler learns that a listing has ended. Here a
listing replaces all that was known.
"""

import asyncio
import logging
import random
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from facedb_operator import kinds, names
from facedb_operator.kinds import Kind
from facedb_operator.kube import FAILURES, GONE, NOT_FOUND, Kube, retry_after
from facedb_operator.names import Component
from facedb_operator.observe import readings
from facedb_operator.observe.services import read_service
from facedb_operator.observe.store import Entry, Key, Store, read_text

FIRST_BACKOFF_S = 0.5
LAST_BACKOFF_S = 30.0
# How often to look whether a kind that is not served, or not for us, has come.
LOOK_FOR_S = 180.0
FORBIDDEN = 403
OURS = f"{names.DATABASE_LABEL},{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
# Up to so many databases are listed alone, beyond that all together.
ONE_BY_ONE = 4
# What a body that is not as expected makes a reader raise.
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)

log = logging.getLogger(__name__)

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A kind to follow. ``optional``: a cluster may not serve it, or not to us, and all the rest goes on."""

    kind: Kind
    read: Callable[[Body], Any]
    selector: str = OURS
    optional: bool = False
    clusterwide: bool = False


class Expired(Exception):
    """The watch cannot go on from where it was: only a listing tells what there is."""


def read_any_pod(raw: Body) -> Any:
    """A serving pod, or a Job's."""
    serves = raw["metadata"]["labels"].get(names.COMPONENT_LABEL) == Component.SIDECAR
    return readings.read_pod(raw, None) if serves else readings.read_worker(raw)


def sources() -> tuple[Source, ...]:
    """All that is followed; NetworkPolicies too where none are wanted, to take old ones back."""
    return (
        Source(kinds.DATABASE, read_text, selector=""),
        Source(kinds.CLAIM, readings.read_claim),
        Source(kinds.JOB, readings.read_job),
        Source(kinds.DEPLOYMENT, readings.read_counted),
        Source(kinds.POD, read_any_pod),
        Source(kinds.SERVICE, read_service),
        Source(kinds.BUDGET, readings.read_key),
        Source(kinds.POLICY, readings.read_key),
        Source(kinds.SNAPSHOT, readings.read_snapshot, optional=True),
        Source(kinds.STORAGE_CLASS, readings.read_storage_class, "", optional=True, clusterwide=True),
        Source(kinds.SNAPSHOT_CLASS, readings.read_snapshot_class, "", optional=True, clusterwide=True),
    )


def watch_count(namespaces: Collection[str]) -> int:
    """How many watches, and so connections, these namespaces take; empty for everywhere."""
    return sum(1 if source.clusterwide else max(1, len(namespaces)) for source in sources())


def read_entry(source: Source, raw: Body) -> Entry | None:
    """An object for the store; None for one that is not as ours are: somebody has put our labels on it."""
    try:
        return bare_entry(source, raw, source.read(raw))
    except UNREADABLE as error:
        meta = raw["metadata"]
        where = f"{source.kind.name} {meta.get('namespace', '')}/{meta['name']}"
        log.warning("%s is not as the operator makes them and is left alone: %r", where, error)
        return None


def _collect(source: Source, take: Callable[[Entry], None], raw: Body) -> None:
    entry = read_entry(source, raw)
    if entry is not None:
        take(entry)


def _sort(entries: Mapping[Key, list[Entry]], entry: Entry) -> None:
    """Put it to those of its database, if that is one of these."""
    mine = entries.get((entry.namespace, entry.database))
    if mine is not None:
        mine.append(entry)


def bare_entry(source: Source, raw: Body, fact: Any = None) -> Entry:
    """What every object has, and ``fact``."""
    meta = raw["metadata"]
    if source.kind is kinds.DATABASE:
        database = meta["name"]
    else:
        database = (meta.get("labels") or {}).get(names.DATABASE_LABEL, "") if source.selector else ""
    # Of a thousand databases each has a dozen objects: their common words are kept once.
    return Entry(
        namespace=sys.intern(meta.get("namespace", "")),
        name=meta["name"],
        database=sys.intern(database),
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        deleting=meta.get("deletionTimestamp") is not None,
        fact=fact,
    )


class Watch:
    """Follows one kind in one namespace, or in all.

    Args:
        kube: the API server.
        store: where everything goes.
        source: what to follow.
        namespace: where; empty for everywhere.
    """

    def __init__(self, kube: Kube, store: Store, source: Source, namespace: str) -> None:
        self._kube = kube
        self._store = store
        self.source = source
        self.namespace = namespace
        self.answered = asyncio.Event()
        self.turned = time.monotonic()
        # Where to go on; 0: nothing is known, list first.
        self._version = 0
        self._failures = 0

    async def run(self) -> None:
        """List, follow, and begin again after every fault; never ends."""
        while True:
            self.turned = time.monotonic()
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                continue
            except Expired:
                self._version, wait = 0, 0.0
            except (*FAILURES, ValueError) as error:
                if getattr(error, "status", 0) == GONE:
                    self._version = 0
                wait = self._after(error)
            self._failures += 1
            await asyncio.sleep(max(wait, _backoff(self._failures)))

    async def _list(self) -> None:
        entries: list[Entry] = []
        kind, selector = self.source.kind, self.source.selector
        take = partial(_collect, self.source, entries.append)
        self._version = await self._kube.list(kind, self.namespace, take, selector=selector)
        self._store.listed(kind, self.namespace, entries, self._version)
        self.answered.set()

    async def _follow(self) -> None:
        """Follow the watch to its end; ``_version`` is up to where all has been told."""
        kind, began = self.source.kind, time.monotonic()
        async for event in self._kube.watch(kind, self.namespace, self.source.selector, self._version):
            self.turned = time.monotonic()
            raw = event["object"]
            if event["type"] == "ERROR":
                raise Expired
            self._version = int(raw["metadata"]["resourceVersion"])
            if event["type"] != "BOOKMARK":
                self._take(raw, gone=event["type"] == "DELETED")
            self._store.reached(kind, self.namespace, self._version)
            self._failures = 0
        if time.monotonic() - began < 1:
            raise TimeoutError("The watch ended as soon as it began")

    def _take(self, raw: Body, *, gone: bool) -> None:
        entry = None if gone else read_entry(self.source, raw)
        known = entry or bare_entry(self.source, raw)
        self._store.happened(self.source.kind, self.namespace, known, gone=entry is None)

    def _after(self, error: Exception) -> float:
        """How long to wait at least; says what happened."""
        status = getattr(error, "status", 0)
        where = self.source.kind.plural + (f" in {self.namespace}" if self.namespace else "")
        if self.source.optional and status in (FORBIDDEN, NOT_FOUND):
            if not self.answered.is_set() or self._store.lists(self.source.kind, self.namespace):
                log.info("Not followed: %s (%s)", where, getattr(error, "reason", status))
            self._store.absent(self.source.kind, self.namespace)
            # Once it is back, only a listing tells what there is.
            self._version = 0
            self.answered.set()
            return LOOK_FOR_S
        level = logging.WARNING if self._failures or status else logging.DEBUG
        log.log(level, "The watch of %s broke and begins again: %s", where, error or type(error).__name__)
        return retry_after(error) or 0.0


def _backoff(failures: int) -> float:
    backoff: float = min(FIRST_BACKOFF_S * 2 ** min(failures - 1, 10), LAST_BACKOFF_S)
    return backoff * random.uniform(0.5, 1)  # noqa: S311  # spreads requests, guards nothing


class Watches:
    """All watches.

    Args:
        kube: the API server.
        store: where everything goes.
        namespaces: where to look; empty for everywhere.
    """

    def __init__(self, kube: Kube, store: Store, namespaces: Iterable[str]) -> None:
        places = tuple(namespaces) or ("",)
        self._everywhere = places == ("",)
        self._kube = kube
        self._store = store
        self._sources = {source.kind: source for source in sources()}
        self._watches = [
            Watch(kube, store, source, place)
            for source in self._sources.values()
            for place in (("",) if source.clusterwide else places)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Begin. ``ended`` is called with the task of a watch that ends, which only a fault of ours does."""
        for watch in self._watches:
            task = asyncio.create_task(watch.run(), name=f"watch {watch.source.kind.plural}")
            task.add_done_callback(ended)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ready(self) -> None:
        """Wait until everything has been listed once."""
        for watch in self._watches:
            await watch.answered.wait()

    def oldest(self) -> tuple[float, str]:
        """Seconds since the quietest watch last did anything, and its kind."""
        quiet = min(self._watches, key=lambda w: w.turned)
        return time.monotonic() - quiet.turned, quiet.source.kind.plural

    async def repair(self, kind: Kind, keys: frozenset[Key]) -> None:
        """List what these databases have of this kind: its watch is late. Few are asked for one by one."""
        if len(keys) <= ONE_BY_ONE:
            await asyncio.gather(*(self._list_one(kind, key) for key in keys))
            return
        for place in {self._place(key) for key in keys}:
            entries: dict[Key, list[Entry]] = {key: [] for key in keys if self._place(key) == place}
            version = await self._list(kind, place, partial(_sort, entries))
            for key, mine in entries.items():
                self._store.repaired(kind, key, mine, version)

    def _place(self, key: Key) -> str:
        return "" if self._everywhere else key[0]

    async def _list_one(self, kind: Kind, key: Key) -> None:
        own = kind is kinds.DATABASE
        entries: list[Entry] = []
        picked = {"fields": f"metadata.name={key[1]}"} if own else {"selector": names.selector_for(key[1])}
        version = await self._list(kind, key[0], entries.append, **picked)
        self._store.repaired(kind, key, entries, version)

    async def _list(self, kind: Kind, place: str, take: Callable[[Entry], None], **picked: str) -> int:
        source = self._sources[kind]
        picked = picked or {"selector": source.selector}
        return await self._kube.list(kind, place, partial(_collect, source, take), **picked)
