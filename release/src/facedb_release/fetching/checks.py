"""Files that have just arrived → their costly checks, begun at once beside what is still on its way.

So after the last byte only the last file's check is left. What they find, verify_release asks for in its
order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any, TypeVar

from facedb_release.profiles import Profile
from facedb_release.receipt import FileRecord
from facedb_release.verify.child import Child, end, start
from facedb_release.verify.counts import Maps, read_maps
from facedb_release.verify.database import DatabaseFacts, read_database
from facedb_release.verify.index import check_opens, read_header
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import Started

T = TypeVar("T")
# Each check of an index is a process that holds all of it.
AT_A_TIME = 2


class EarlyChecks:
    """The checks of one attempt. Use it in a `with`.

    Args:
        folder: where the files arrive.
        profile: the kind of release.
        limits: of the checks.
    """

    def __init__(self, folder: Path, profile: Profile, limits: Limits) -> None:
        self._folder = folder
        self._profile = profile
        self._limits = limits
        self._places = Semaphore(AT_A_TIME)
        self._begun: list[Future[Any]] = []
        self._missing_maps: set[str] | None = None
        self._maps: Future[Maps] | None = None
        self._databases: dict[str, Future[DatabaseFacts]] = {}
        self._indices: dict[str, Future[tuple[str, ...]]] = {}
        self._waiting: list[Child] = []

    def __enter__(self) -> EarlyChecks:
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun:
            begun.cancel()
        while self._waiting:
            end(self._waiting.pop())

    def expect(self, names: Collection[str]) -> None:
        """Say which files will come: the maps are read together, once all of them are there.

        The processes for the indices are started now: loading their libraries takes a third of a check.
        """
        self._missing_maps = {n for n in names if n in self._profile.maps}
        indices = [n for n in names if n in self._profile.indices] if self._limits.sample else []
        self._waiting = [start("index") for _ in indices[:AT_A_TIME]]

    def begin(self, record: FileRecord) -> None:
        """Begin the check of a file that is whole."""
        name = record.name
        if name in self._profile.indices and self._limits.sample:
            self._indices[name] = self._submit(partial(self._index, self._folder / name))
        if name in self._profile.databases:
            tables, seconds = self._profile.databases[name], self._limits.database_seconds
            self._databases[name] = self._submit(
                partial(read_database, self._folder / name, tables, seconds=seconds)
            )
        if self._missing_maps is not None and name in self._missing_maps:
            self._missing_maps.discard(name)
            if not self._missing_maps:
                seconds = self._limits.map_seconds
                self._maps = self._submit(partial(read_maps, self._folder, self._profile, seconds=seconds))

    def started(self) -> Started:
        """Return what verification may wait for; checks that were not begun are begun then."""

        def database(name: str) -> DatabaseFacts:
            return self._databases[name].result()

        def index(name: str, labels: Sequence[int]) -> Iterable[str]:
            begun = self._indices.get(name)
            return begun.result() if begun else self._index(self._folder / name)

        return Started(_waiter(self._maps), database if self._databases else None, index)

    def _submit(self, check: Callable[[], T]) -> Future[T]:
        """Begin a check in a daemon: a process that is told to stop waits for an executor's threads."""
        future: Future[T] = Future()

        def work() -> None:
            with self._places:
                if future.set_running_or_notify_cancel():
                    try:
                        future.set_result(check())
                    except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised by result()
                        future.set_exception(e)

        self._begun.append(future)
        Thread(target=work, name="facedb-check", daemon=True).start()
        return future

    def _index(self, path: Path) -> tuple[str, ...]:
        """Check one index; its labels are those of its own header, since the maps may still be coming."""
        limits = self._limits
        return tuple(
            check_opens(
                path,
                labels=range(read_header(path).count),
                sample=limits.sample,
                seconds=limits.index_seconds,
                extra_bytes=limits.index_extra_bytes,
                child=self._waiting.pop() if self._waiting else None,
            )
        )


def _waiter(begun: Future[T] | None) -> Callable[[], T] | None:
    return begun.result if begun is not None else None
