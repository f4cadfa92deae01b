"""What this process serves now: loading, failed, or an engine; and a bounded door to inference.

Loading and inference run in worker threads, never on the event loop, so ``/health`` stays quick.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from facedb_sidecar.engine import Engine, LoadError

T = TypeVar("T")

log = logging.getLogger(__name__)


class State(Enum):
    """How far loading is. FAILED is final for this process: another release comes in another pod."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Busy(Exception):
    """As many requests wait for inference as may: come back later."""


@dataclass(frozen=True)
class Trouble:
    """Why there is no engine."""

    reason: str
    message: str


class Serving:
    """Holds the engine and the single inference thread.

    Args:
        load: makes the engine; takes seconds; raises LoadError.
        waiting_limit: requests that may wait for the thread.
    """

    def __init__(self, load: Callable[[], Engine], *, waiting_limit: int) -> None:
        self._load = load
        self._limit = waiting_limit
        self._waiting = 0
        # One thread: the networks use all cores or the one GPU by themselves.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self.state = State.LOADING
        self.engine: Engine | None = None
        self.trouble = Trouble("Loading", "The release is being loaded.")

    async def load(self) -> None:
        """Load the engine in the worker thread and say how it went."""
        try:
            self.engine = await asyncio.get_running_loop().run_in_executor(self._worker, self._load)
        except LoadError as error:
            self._fail(error.reason, error.message)
        except Exception as error:
            # The edge: whatever a library throws at load must end in /ready, not in a silent process.
            log.exception("Loading failed")
            self._fail("LoadFailed", f"{type(error).__name__}: {error}")
        else:
            self.state = State.READY
            log.info("Serving release %s", self.engine.receipt.version)

    async def run(self, work: Callable[[], T]) -> T:
        """Run inference in its thread.

        Raises:
            Busy: too many wait already.
        """
        if self._waiting >= self._limit:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let running inference end; start none."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _fail(self, reason: str, message: str) -> None:
        log.error("Cannot serve: %s: %s", reason, message)
        self.trouble = Trouble(reason, message)
        self.state = State.FAILED
