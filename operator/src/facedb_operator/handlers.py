"""The process: kopf starts and ends it and serves its liveness; here everything is put together.

Run with ``python -m facedb_operator``. The store's news wake a database's loop, and nothing else happens.
Nothing keeps state on the resource: no kopf annotations, no finalizer, so a FaceDatabase can always be
deleted, even while no operator runs. Why kopf does not watch: see ``observe/watching.py``.
"""

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import kopf
import prometheus_client
from kubernetes.aio.client import ApiClient

from facedb_operator.connection import connect
from facedb_operator.failures import trouble
from facedb_operator.fleet import Admission
from facedb_operator.kinds import DATABASE, LEASE
from facedb_operator.kube import Kube
from facedb_operator.leadership import Leadership
from facedb_operator.observe import Observer
from facedb_operator.observe.answers import over
from facedb_operator.observe.store import Key, Store
from facedb_operator.observe.watching import Watches, watch_count
from facedb_operator.posting import Post
from facedb_operator.reconcile import Reconciler
from facedb_operator.settings import Settings
from facedb_operator.wakeups import Wakeups

# Two missed passes of an idle loop: the loops have died quietly.
STALE_AFTER_S = 180.0
# A watch ends and begins again within ten minutes, whatever happens: an older one hangs.
DEAF_AFTER_S = 900.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """All that runs, for the probes and the end."""

    api: ApiClient
    http: aiohttp.ClientSession
    watches: Watches
    wakeups: Wakeups
    post: Post
    leadership: Leadership
    tasks: tuple[asyncio.Task[None], ...]


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Connect, follow everything, stand for election, and begin to act once elected."""
    own = Settings.from_env()
    settings.peering.standalone = True
    settings.posting.enabled = False
    # kopf has nothing to watch, so it need not look which resources and namespaces there are.
    settings.scanning.disabled = True
    memo.running = _run(
        own, await connect(watch_count(own.namespaces)), aiohttp.ClientSession(trust_env=False)
    )
    if own.metrics_port:
        prometheus_client.start_http_server(own.metrics_port)


def _run(own: Settings, api: ApiClient, http: aiohttp.ClientSession) -> Running:
    # All these are made below, and nothing is told, nor written, before they are.
    kube = Kube(api, lambda kind: kind is LEASE or leadership.holds())
    store = Store(lambda key: _tell(key, wakeups), lambda key: observer.fresh.heard(key))
    watches = Watches(kube, store, own.namespaces)
    observer = Observer(kube, over(http), store, watches, policies=own.network_policies)
    admission = Admission(own.fleet, lambda key: wakeups.wake(key))
    reconcile = Reconciler(kube, store, observer, admission, own.sidecar_image, own.network)
    leadership = Leadership(kube, own.own_namespace, own.identity)
    begun = asyncio.Event()

    async def when_begun(key: Key) -> timedelta | None:
        await begun.wait()
        return await reconcile(key)

    async def begin() -> None:
        await watches.ready()
        await leadership.won.wait()
        for key in store.databases():
            found = store.one(DATABASE, key, key[1])
            admission.saw(key, (found.fact.body().get("status") or {}) if found else {})
        log.info("All is listed, and this operator leads: %d databases", len(store.databases()))
        begun.set()

    wakeups = Wakeups(when_begun, trouble)
    watches.start(_end)
    reconcile.post.start()
    election = asyncio.create_task(leadership.run(), name="The election")
    election.add_done_callback(_end)
    beginning = asyncio.create_task(begin(), name="begin")
    return Running(api, http, watches, wakeups, reconcile.post, leadership, (election, beginning))


def _tell(key: Key, wakeups: Wakeups) -> None:
    """Something is new about a database; classes of storage are nobody's, and read in the next pass."""
    if key[1]:
        wakeups.wake(key)


def _end(task: asyncio.Task[None]) -> None:
    """The Lease is lost, or a watch has ended by a fault of ours: better a restart than a deaf operator."""
    if task.cancelled():
        return
    log.error("%s has ended", task.get_name(), exc_info=task.exception())
    os.kill(os.getpid(), signal.SIGTERM)


@kopf.on.cleanup()
async def stop(memo: Any, **_: Any) -> None:
    """End the loops and close the connections."""
    running: Running = memo.running
    await running.wakeups.stop()
    await running.post.stop()
    await running.watches.stop()
    for task in running.tasks:
        task.cancel()
    await asyncio.gather(*running.tasks, return_exceptions=True)
    # Nobody writes any more: another may begin.
    await running.leadership.release()
    await running.http.close()
    await running.api.close()


@kopf.on.probe(id="seconds_since_last_pass")
async def last_pass(memo: Any, **_: Any) -> float:
    """Age of the last pass; fails, so that the liveness probe does, when the loops stand still."""
    running: Running = memo.running
    age = running.wakeups.seconds_since_last_pass() if running.leadership.won.is_set() else 0.0
    if age > STALE_AFTER_S:
        raise RuntimeError(f"no pass for {age:.0f} s")
    return float(age)


@kopf.on.probe(id="seconds_since_quietest_watch")
async def quietest_watch(memo: Any, **_: Any) -> float:
    """Age of the quietest watch's last sign of life; fails when that one hangs."""
    age, kind = memo.running.watches.oldest()
    if age > DEAF_AFTER_S:
        raise RuntimeError(f"the watch of {kind} hangs for {age:.0f} s")
    return float(age)
