"""One pass over one FaceDatabase: parse → observe → plan → act → status.

Level-based: it may run at any time, any number of times, and be cut off after any step.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from kubernetes.aio.client import ApiException
from kubernetes.aio.dynamic import DynamicClient

from facedb_operator import metrics, names
from facedb_operator.act import act, write_event, write_status
from facedb_operator.observe import observe
from facedb_operator.plan import plan
from facedb_operator.spec import FaceDatabase, InvalidSpec, parse_spec
from facedb_operator.status import invalid_status, status_of
from facedb_operator.status.events import events_of
from facedb_operator.wakeups import Gone

# After a step the world looks different: look again before anything else is decided.
AFTER_STEPS = timedelta(milliseconds=300)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciler:
    """What a pass needs: two clients and the default image."""

    kube: DynamicClient
    http: httpx.AsyncClient
    default_image: str

    async def __call__(self, key: tuple[str, str]) -> timedelta | None:
        """Bring one database a single step closer to its spec.

        Returns:
            When to look again; None to wait for an event.

        Raises:
            Gone: the database does not exist any more.
        """
        body = await self._read(key)
        now = datetime.now(UTC)
        try:
            db = parse_spec(body, default_image=self.default_image)
        except InvalidSpec as error:
            await self._refuse(body, error, now)
            return None
        seen = await observe(self.kube, self.http, db, now)
        todo = plan(db, seen)
        for step in todo.steps:
            await act(self.kube, db, step, now)
            metrics.STEPS.labels(db.namespace, db.name, type(step).__name__).inc()
            log.info("%s: %s", todo.reason, step, extra={"database": f"{db.namespace}/{db.name}"})
        await self._report(db, status_of(db, seen, todo), now)
        return AFTER_STEPS if todo.steps else todo.check_again

    async def _read(self, key: tuple[str, str]) -> Mapping[str, Any]:
        resource = await self.kube.resources.get(api_version=names.API_VERSION, kind=names.KIND)
        try:
            body: Mapping[str, Any] = (await resource.get(namespace=key[0], name=key[1])).to_dict()
        except ApiException as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            metrics.forget(*key)
            raise Gone from error
        if body["metadata"].get("deletionTimestamp"):
            metrics.forget(*key)
            raise Gone
        return body

    async def _refuse(self, body: Mapping[str, Any], error: InvalidSpec, now: datetime) -> None:
        meta = body["metadata"]
        status = invalid_status(body, error.field, error.why, now)
        if status != body.get("status"):
            log.warning("InvalidSpec: %s", error, extra={"database": f"{meta['namespace']}/{meta['name']}"})
            await write_status(self.kube, meta["namespace"], meta["name"], status)

    async def _report(self, db: FaceDatabase, status: dict[str, Any], now: datetime) -> None:
        old = db.record.raw or {}
        metrics.record_status(db.namespace, db.name, status)
        if status == old:
            return
        await write_status(self.kube, db.namespace, db.name, status)
        for event in events_of(db, old, status, now):
            await write_event(self.kube, event)
