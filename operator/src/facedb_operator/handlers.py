"""kopf glue: events wake a database's loop, and nothing else happens here.

Run with ``python -m facedb_operator``. No handler keeps state on the resource: no kopf annotations, no
finalizer, so a FaceDatabase can always be deleted, even while no operator runs.
"""

import asyncio
from typing import Any

import httpx
import kopf
import prometheus_client
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from kubernetes.aio.dynamic import DynamicClient

from facedb_operator import leadership, names
from facedb_operator.reconcile import Reconciler
from facedb_operator.settings import Settings
from facedb_operator.wakeups import Key, Wakeups

OURS: dict[str, Any] = {names.DATABASE_LABEL: kopf.PRESENT, names.MANAGED_BY_LABEL: names.MANAGED_BY}
# Two missed passes of an idle loop: a watcher or the loop itself has died quietly.
STALE_AFTER_S = 180.0


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: Any, **_: Any) -> None:
    """Connect, stand for election, and begin to act once elected."""
    own = Settings.from_env()
    settings.peering.standalone = True
    settings.persistence.finalizer = f"{names.GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=names.GROUP)
    settings.posting.enabled = False
    settings.scanning.disabled = bool(own.namespaces)
    # Watches that hang on a dead connection end and begin again.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 360
    await _load_config()
    memo.api = ApiClient()
    memo.http = httpx.AsyncClient(trust_env=False)
    # kopf hands each resource a shallow copy of this memo: what hangs on it is shared.
    memo.seen = {}
    kube = await DynamicClient(memo.api)
    reconcile = Reconciler(kube, memo.http, own.sidecar_image)
    leading, memo.election = leadership.elect(memo.api, own.own_namespace, own.identity)

    async def when_leading(key: Key) -> Any:
        await leading.wait()
        return await reconcile(key)

    memo.wakeups = Wakeups(when_leading)
    memo.leading = leading
    if own.metrics_port:
        prometheus_client.start_http_server(own.metrics_port)


@kopf.on.cleanup()
async def stop(memo: Any, **_: Any) -> None:
    """End the loops and close the connections."""
    await memo.wakeups.stop()
    memo.election.cancel()
    await asyncio.gather(memo.election, return_exceptions=True)
    await memo.http.aclose()
    await memo.api.close()


@kopf.on.event(names.GROUP, names.VERSION, names.PLURAL)
async def database_changed(event: Any, body: kopf.Body, memo: Any, **_: Any) -> None:
    """A user's change wakes the loop; our own status writes do not."""
    meta = body["metadata"]
    key = (meta["namespace"], meta["name"])
    if event["type"] == "DELETED":
        memo.seen.pop(key, None)
        return
    now = (meta["uid"], meta.get("generation"), dict(meta.get("annotations") or {}))
    if memo.seen.get(key) != now:
        memo.seen[key] = now
        memo.wakeups.wake(key)


@kopf.on.event("", "v1", "pods", labels=OURS)
@kopf.on.event("", "v1", "persistentvolumeclaims", labels=OURS)
@kopf.on.event("", "v1", "services", labels=OURS)
@kopf.on.event("apps", "v1", "deployments", labels=OURS)
@kopf.on.event("batch", "v1", "jobs", labels=OURS)
async def child_changed(body: kopf.Body, memo: Any, **_: Any) -> None:
    """Whatever happens to a child wakes its database."""
    meta = body["metadata"]
    memo.wakeups.wake((meta["namespace"], meta["labels"][names.DATABASE_LABEL]))


@kopf.on.probe(id="seconds_since_last_pass")
async def last_pass(memo: Any, **_: Any) -> float:
    """Age of the last pass; fails, so that the liveness probe does, when the loops stand still."""
    age = memo.wakeups.seconds_since_last_pass() if memo.leading.is_set() else 0.0
    if age > STALE_AFTER_S:
        raise RuntimeError(f"no pass for {age:.0f} s")
    return float(age)


async def _load_config() -> None:
    try:
        config.load_incluster_config()
    except config.ConfigException:
        await config.load_kube_config()
