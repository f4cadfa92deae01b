"""What the cluster holds, as it changes: for `status --watch` and for `--wait`.

A thread reads the watch, so that a screen can tick while nothing comes; a cluster that does not answer for a
while is asked again and again, and said to be silent meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from queue import Empty, Queue
from threading import Event, Thread

from facedb_kubectl.client import DATABASES, Cluster, Json, Kind
from facedb_kubectl.errors import Interrupted, NotFound, TimedOut, Trouble, Unreachable
from facedb_kubectl.readings import look
from facedb_kubectl.view import View
from facedb_kubectl.wording import span_text

# Between two tries at a cluster that does not answer.
AGAIN_S = 2.0
# Between two looks at the clock while it waits.
TICK_S = 0.2

Seen = tuple[Json, ...] | Unreachable


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def changes(
    cluster: Cluster, kind: Kind, namespace: str | None, *, tick_s: float, **query: str
) -> Iterator[Seen | None]:
    """What there is, again after each change; None each tick in between; Unreachable while nobody answers.

    Raises:
        Forbidden: the account may not list or watch.
    """
    queue: Queue[Seen | Trouble] = Queue()
    ended = Event()
    reader = Thread(target=_read, args=(cluster, kind, namespace, query, queue, ended), daemon=True)
    reader.start()
    try:
        while True:
            try:
                found = queue.get(timeout=tick_s)
            except Empty:
                yield None
                continue
            if isinstance(found, Trouble) and not isinstance(found, Unreachable):
                raise found
            yield found
    finally:
        ended.set()


def await_view(
    cluster: Cluster,
    namespace: str,
    name: str,
    holds: Callable[[View], bool],
    *,
    timeout: timedelta,
    what: str,
) -> View:
    """The first view for which it holds; `what` it is waited for is said when it does not come.

    Raises:
        TimedOut: it did not hold in time.
        NotFound: the database is gone.
        Interrupted: by Ctrl-C.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    silence: Unreachable | None = None
    says = ""
    try:
        for seen in changes(cluster, DATABASES, namespace, tick_s=TICK_S, **of_name(name)):
            if isinstance(seen, Unreachable):
                silence = seen
            elif seen is not None:
                if not seen:
                    raise NotFound(f"FaceDatabase {namespace}/{name} is gone.")
                silence, view = None, look(seen[0], now())
                if holds(view):
                    return view
                says = (view.offer.because if view.offer else "") or view.message
            if time.monotonic() > deadline:
                why = f" {silence}" if silence else f" The database says: {says}"
                hint = "Is one running? What was asked for stays asked for."
                raise TimedOut(f"Waited {span_text(timeout)} for {what}, in vain. {hint}{why}")
    except KeyboardInterrupt as error:
        raise Interrupted(f"No longer waiting for {what}; what was asked for stays asked for.") from error
    raise AssertionError("a watch has no end")


def of_name(name: str | None) -> dict[str, str]:
    """The query that means the one of this name; all of them when there is none."""
    return {"fieldSelector": f"metadata.name={name}"} if name else {}


def _read(
    cluster: Cluster,
    kind: Kind,
    namespace: str | None,
    query: Mapping[str, str],
    queue: Queue[Seen | Trouble],
    ended: Event,
) -> None:
    while not ended.is_set():
        try:
            for bodies in cluster.follow(kind, namespace, **query):
                queue.put(bodies)
                if ended.is_set():
                    return
        except Unreachable as silence:
            queue.put(silence)
            ended.wait(AGAIN_S)
        except Trouble as trouble:
            queue.put(trouble)
            return
