"""One pass over one FaceDatabase: parse → observe → plan → act → status.

Level-based: it may run at any time, any number of times, and be cut off after any step.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from facedb_operator import metrics
from facedb_operator.act import AlreadyVerified, Writes, act, write_status
from facedb_operator.facts import Observed
from facedb_operator.failures import is_certain, is_news, may_be_written
from facedb_operator.fleet import Admission
from facedb_operator.kinds import DATABASE
from facedb_operator.kube import FAILURES, Kube, Refusal
from facedb_operator.observe import Observer
from facedb_operator.observe.freshness import WRITTEN
from facedb_operator.observe.store import Key, Store
from facedb_operator.plan import plan
from facedb_operator.posting import Post
from facedb_operator.slots import Rank, Slots
from facedb_operator.spec import FaceDatabase, InvalidSpec, parse_spec
from facedb_operator.spec.network import Network
from facedb_operator.status import invalid_status, refused_status, status_of, without_words
from facedb_operator.status.events import Subject, events_of
from facedb_operator.steps import Plan
from facedb_operator.wakeups import Gone

# After a step the world looks different: look again before anything else is decided.
AT_ONCE = timedelta(0)
# Writes at the same time: enough to keep the API server busy, few enough not to flood it.
MOST_AT_ONCE = 16

log = logging.getLogger(__name__)


class Reconciler:
    """What a pass needs.

    Args:
        kube: where steps are carried out.
        store: the FaceDatabases.
        observer: everything else that is known.
        admission: which rollouts may begin.
        default_image: of the sidecar.
        network: where a source does not say how it is reached.

    Attributes:
        post: brings the Events away, once it is started.
    """

    def __init__(
        self,
        kube: Kube,
        store: Store,
        observer: Observer,
        admission: Admission,
        default_image: str,
        network: Network | None = None,
    ) -> None:
        self._kube = kube
        self._store = store
        self._observer = observer
        self._admission = admission
        self._image = default_image
        self._network = network
        self._slots = Slots(MOST_AT_ONCE)
        self.post = Post(kube, self._slots)
        self._shown: dict[Key, str] = {}
        self._refusals: dict[Key, int] = {}

    async def __call__(self, key: Key) -> timedelta | None:
        """Bring one database a single step closer to its spec.

        Returns:
            When to look again; None to wait for an event.

        Raises:
            Gone: the database does not exist any more.
        """
        with metrics.one_pass(*key):
            return await self._pass(key)

    async def _pass(self, key: Key) -> timedelta | None:
        await self._observer.fresh.own_writes(key)
        body = self._read(key)
        now = datetime.now(UTC)
        try:
            db = parse_spec(body, default_image=self._image, network=self._network)
        except InvalidSpec as error:
            await self._refuse(key, body, error, now)
            return None
        await self._observer.ask(db)
        # A thousand databases: what serves somebody comes before what tells of it.
        async with self._slots.taken(Rank.STEPS):
            seen, todo = await self._advance(key, db, datetime.now(UTC))
        await self._report(key, db, status_of(db, seen, todo), seen.now, acted=bool(todo.steps))
        return AT_ONCE if todo.steps else todo.check_again

    async def _advance(self, key: Key, db: FaceDatabase, now: datetime) -> tuple[Observed, Plan]:
        seen = self._observer.observe(db, now)
        seen = replace(seen, fleet=self._admission.ask(db, now, staged=_is_staged(db, seen)))
        todo = plan(db, seen)
        self._admission.planned(db, todo.reason)
        try:
            await self._act(key, db, todo, now)
        except Refusal as error:
            await self._tell(key, error, status_of(db, seen, todo), now)
            raise
        self._refusals.pop(key, None)
        return seen, todo

    def _read(self, key: Key) -> Mapping[str, Any]:
        found = self._store.one(DATABASE, key, key[1])
        if found is None or found.deleting:
            self._forget(key)
            raise Gone
        body: Mapping[str, Any] = found.fact.body()
        return body

    def _forget(self, key: Key) -> None:
        metrics.forget(*key)
        self._refusals.pop(key, None)
        self._admission.forget(key)
        self._observer.forget(key, self._shown.pop(key, ""))

    async def _act(self, key: Key, db: FaceDatabase, todo: Plan, now: datetime) -> None:
        for step in todo.steps:
            try:
                self._wrote(key, await self._try(key, act(self._kube, db, step, now)))
            except AlreadyVerified as found:
                # Nothing else of this pass: the next one knows the claim, and plans otherwise.
                self._wrote(key, found.writes)
                self._observer.fresh.doubt(key)
                return
            metrics.STEPS.labels(type(step).__name__).inc()
            log.info("%s: %s", todo.reason, step, extra={"database": f"{db.namespace}/{db.name}"})
        if todo.steps:
            self._observer.access.wrote(key, todo.steps)

    async def _refuse(self, key: Key, body: Mapping[str, Any], error: InvalidSpec, now: datetime) -> None:
        status = invalid_status(body, error.field, error.why, now)
        if status != (body.get("status") or {}):
            log.warning("InvalidSpec: %s", error, extra={"database": "/".join(key)})
        await self._halt(key, body, status, now)

    async def _tell(self, key: Key, error: Refusal, fresh: dict[str, Any], now: datetime) -> None:
        """The API server has refused a step: tell it to who looks after the database."""
        self._refusals[key] = self._refusals.get(key, 0) + 1
        if not is_news(error, self._refusals[key]):
            return
        body = self._read(key)
        status = refused_status(body, fresh, error.told, now, stalled=is_certain(error))
        try:
            await self._halt(key, body, status, now)
        except FAILURES as also:
            log.warning("Its status could not be written: %s", also, extra={"database": "/".join(key)})

    async def _halt(self, key: Key, body: Mapping[str, Any], status: dict[str, Any], now: datetime) -> None:
        """Write a status that no plan has led to."""
        old = body.get("status") or {}
        metrics.record_status(*key, status)
        self._shown[key] = body["metadata"]["uid"]
        if status == old:
            return
        self._wrote(key, await self._try(key, write_status(self._kube, *key, status)))
        about = Subject(key[1], key[0], body["metadata"]["uid"])
        self.post.send(events_of(about, old, status, now))

    async def _report(
        self, key: Key, db: FaceDatabase, status: dict[str, Any], now: datetime, *, acted: bool
    ) -> None:
        old = db.record.raw or {}
        self._admission.saw(key, status)
        if status == old and self._shown.get(key) == db.uid:
            return
        metrics.record_status(db.namespace, db.name, status)
        self._shown[key] = db.uid
        # After a step the next pass comes at once, and has other words.
        if status == old or (acted and without_words(status) == without_words(old)):
            return
        async with self._slots.taken(Rank.STATUS):
            self._wrote(key, await self._try(key, write_status(self._kube, *key, status)))
        metrics.record_news(db.namespace, db.name, old, status)
        self.post.send(events_of(db, old, status, now))

    def _wrote(self, key: Key, writes: Writes) -> None:
        self._observer.fresh.wrote(key, writes)

    async def _try(self, key: Key, request: Any) -> Writes:
        """Write; where nobody can tell whether it was, the store is not trusted until it is repaired."""
        try:
            writes: Writes = await request
        except FAILURES as error:
            if may_be_written(error):
                kinds = (error.kind,) if isinstance(error, Refusal) else WRITTEN
                self._observer.fresh.doubt(key, kinds)
            raise
        return writes


def _is_staged(db: FaceDatabase, seen: Observed) -> bool:
    """Whether the bytes of what the spec asks for are there, on a volume or in a snapshot."""
    claim = seen.claim(db.claim_name)
    return (claim is not None and claim.verified is not None) or seen.snapshot(db.release_key) is not None
