"""What this process serves now: loading, failed, or an engine; and the one door to inference.

Loading and inference run in threads of their own, never on the event loop, so ``/health`` stays quick, and a
release is loaded while another serves. Everything here is called on the event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from facedb_sidecar import metrics
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.places import Places
from facedb_sidecar.refusals import Unavailable, Updating
from facedb_sidecar.settings import Limits

T = TypeVar("T")
Load = Callable[[], Engine]
Gone = Callable[[], None]

log = logging.getLogger(__name__)


class State(Enum):
    """How far loading is. FAILED is final in a cluster, where another release comes in another pod."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Trouble:
    """Why there is no engine."""

    reason: str
    message: str


@dataclass
class Tenure:
    """An engine's time as the one that serves, and those who use it.

    Attributes:
        engine: immutable; None once it was let go.
        load: makes it again, for a swap that failed after it was let go.
        gone: called once nobody uses the engine any more.
        users: requests and jobs that took it and have not ended.
        over: another engine serves, or none.
        unused: set while it is over and nobody uses it.
    """

    engine: Engine | None
    load: Load
    gone: Gone | None
    users: int = 0
    over: bool = False
    unused: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> Engine:
        """One more uses it.

        Raises:
            Unavailable: it was let go.
        """
        if self.engine is None:
            raise Unavailable("The release has been replaced; ask again.")
        self.users += 1
        return self.engine

    def leave(self) -> None:
        """One less uses it."""
        self.users -= 1
        self._settle()

    def end(self) -> None:
        """Nobody takes it any more."""
        self.over = True
        self._settle()

    def close(self) -> None:
        """Let the engine go; to give gigabytes back takes a while, so not on the event loop."""
        engine, self.engine = self.engine, None
        if engine is not None:
            engine.close()

    def _settle(self) -> None:
        if self.over and self.users == 0:
            self.unused.set()


class Serving:
    """Holds the engine and the single inference thread.

    Args:
        load: makes the first engine; takes seconds; raises LoadError.
        limits: how many requests may be in the house, and with how much.
        gone: called once the first engine is no longer used by anybody.

    Attributes:
        state: of what ``/ready`` says.
        trouble: why there is no engine, while there is none.
        updating: requests get 503 because there is no room for two engines.
        places: of ``/identify*``.
        loaded_in_s: seconds that the last load took; None before the first.
    """

    def __init__(self, load: Load, limits: Limits | None = None, *, gone: Gone | None = None) -> None:
        self._load = load
        self._gone = gone
        self._tenure: Tenure | None = None
        self._changing = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()
        # One thread: the networks use all cores or the one GPU by themselves.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self.state = State.LOADING
        self.trouble = Trouble("Loading", "The release is being loaded.")
        self.updating = False
        self.places = Places(limits or Limits())
        self.loaded_in_s: float | None = None

    @property
    def engine(self) -> Engine | None:
        """The engine that serves now. To work with it, ``borrow`` it."""
        return self._tenure.engine if self._tenure else None

    def require(self) -> Tenure:
        """What serves now.

        Raises:
            Updating: for a moment nothing does.
            Unavailable: nothing does, and the message says why.
        """
        if self.updating:
            raise Updating
        if self._tenure is None:
            raise Unavailable(self.trouble.message)
        return self._tenure

    @contextmanager
    def borrow(self) -> Iterator[Engine]:
        """Use one engine from the first to the last of a request, whatever is swapped meanwhile.

        Raises:
            Updating: for a moment there is none.
            Unavailable: there is none.
        """
        tenure = self.require()
        engine = tenure.enter()
        try:
            yield engine
        finally:
            tenure.leave()

    async def run(self, work: Callable[[], T]) -> T:
        """Run inference in its thread, after what waits already. Places are given by the door, not here."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._worker, context.run, work)

    async def load(self) -> None:
        """Load the first engine and say how it went; after a failure, a swap may still bring one."""
        async with self._changing:
            try:
                engine = await self._timed(self._load)
            except LoadError as error:
                self._fail(error)
            else:
                self._put(Tenure(engine, self._load, self._gone))

    async def swap(self, load: Load, *, alone: bool = False, gone: Gone | None = None) -> None:
        """Load another engine and let it serve; until it is loaded and checked, the old one does.

        Args:
            load: makes the new one; returns only what has answered its self-check.
            alone: there is no memory for two: send requests away, let the old one go, then load.
            gone: called once the new engine is, in its turn, no longer used by anybody.

        Raises:
            LoadError: nothing has changed; with ``alone``, the old one was loaded again.
        """
        async with self._changing:
            try:
                await self._swap(load, gone, alone=alone)
            except LoadError:
                metrics.SWAPS.labels("failed").inc()
                raise
            metrics.SWAPS.labels("done").inc()

    async def _swap(self, load: Load, gone: Gone | None, *, alone: bool) -> None:
        if alone and self._tenure:
            async with self._emptied() as old:
                await self._load_or_go_back(load, gone, old)
        else:
            self._put(Tenure(await self._timed(load), load, gone))

    @asynccontextmanager
    async def _emptied(self) -> AsyncIterator[tuple[Load, Gone | None]]:
        """No engine, and nobody who uses one; what the old one was loaded with."""
        old = self.require()
        self.updating = True
        try:
            self._tenure = None
            self.state = State.LOADING
            self.trouble = Trouble("Updating", "Another release is being loaded.")
            old.end()
            await old.unused.wait()
            facts = old.load, old.gone
            await asyncio.to_thread(old.close)
            del old
            yield facts
        finally:
            self.updating = False

    async def _load_or_go_back(self, load: Load, gone: Gone | None, old: tuple[Load, Gone | None]) -> None:
        try:
            self._put(Tenure(await self._timed(load), load, gone))
        except LoadError as error:
            log.warning("The new release cannot be served (%s); loading the old one again", error)
            await self._go_back(*old)
            raise
        if old[1]:
            old[1]()

    async def _timed(self, load: Load) -> Engine:
        begun = time.monotonic()
        engine = await in_own_thread(load)
        self.loaded_in_s = time.monotonic() - begun
        return engine

    async def _go_back(self, load: Load, gone: Gone | None) -> None:
        try:
            self._put(Tenure(await self._timed(load), load, gone))
        except LoadError as error:
            self._fail(error)
            if gone:
                gone()

    def _put(self, tenure: Tenure) -> None:
        """Replace the one reference; from here on nobody takes the old engine."""
        old, self._tenure = self._tenure, tenure
        self.state = State.READY
        if self.engine is not None:
            log.info("Serving release %s", self.engine.receipt.version)
        if old is not None:
            old.end()
            leaving = asyncio.ensure_future(_say_when_gone(old))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _fail(self, error: LoadError) -> None:
        log.error("Cannot serve: %s", error)
        self.trouble = Trouble(error.reason, error.message)
        self.state = State.FAILED

    def close(self) -> None:
        """Let running inference end; start none."""
        self._worker.shutdown(wait=True, cancel_futures=True)


async def _say_when_gone(tenure: Tenure) -> None:
    await tenure.unused.wait()
    await asyncio.to_thread(tenure.close)
    if tenure.gone:
        tenure.gone()


async def in_own_thread(load: Load) -> Engine:
    """Load in a thread that nobody waits for when the process ends: SIGTERM may come in the middle.

    Raises:
        LoadError: whatever went wrong.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Engine] = loop.create_future()

    def settle(engine: Engine | None, error: LoadError | None) -> None:
        if done.cancelled():
            return
        if engine is not None:
            done.set_result(engine)
        elif error is not None:
            done.set_exception(error)

    def work() -> None:
        found = _attempt(load)
        # The loop may have been closed meanwhile: the process ends.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *found)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="loading", daemon=True).start()
    return await done


def _attempt(load: Load) -> tuple[Engine | None, LoadError | None]:
    try:
        return load(), None
    except LoadError as error:
        return None, error
    except Exception as error:
        # The edge: whatever a library throws at load must end in /ready, not in a silent process.
        log.exception("Loading failed")
        return None, LoadError("LoadFailed", f"{type(error).__name__}: {error}")
