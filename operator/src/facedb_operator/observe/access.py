"""Which edition of the sidecar's account, Role and binding stands. Read by name, and kept.

To follow them by a watch, the operator would have to be allowed to list everybody's Roles: RBAC knows no
labels. So they are read before the first pass, and soon after every change of a spec; beyond that rarely, for
the case that somebody deletes one.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from facedb_operator import kinds, names
from facedb_operator.kinds import Kind
from facedb_operator.kube import Kube
from facedb_operator.observe.readings import read_key
from facedb_operator.observe.store import Key
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import DeleteAccess, EnsureAccess, Step

LOOK_AGAIN_S = 6 * 3600.0
SOON_S = 60.0


@dataclass(frozen=True, slots=True)
class _Kept:
    edition: str | None
    uid: str
    generation: int
    until: float


class Access:
    """What is known of each database's access."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._kept: dict[Key, _Kept] = {}

    async def look(self, db: FaceDatabase) -> None:
        """Read it, unless what is known still holds."""
        key = (db.namespace, db.name)
        kept, now = self._kept.get(key), time.monotonic()
        if kept is not None and kept.uid == db.uid:
            if kept.generation != db.generation:
                # Whoever changes a spec may have mended something else as well, but waits for the spec.
                until = min(kept.until, now + _spread(SOON_S))
                kept = self._kept[key] = replace(kept, generation=db.generation, until=until)
            if now < kept.until:
                return
        found = await asyncio.gather(*(self._key(db, kind) for kind in kinds.ACCESS))
        self._kept[key] = _Kept(_edition(found), db.uid, db.generation, now + _spread(LOOK_AGAIN_S))

    def of(self, key: Key) -> str | None:
        """The edition in which all of it stands; empty when only parts do, None for nothing."""
        kept = self._kept.get(key)
        return kept.edition if kept else None

    def wrote(self, key: Key, steps: Iterable[Step]) -> None:
        """These steps were carried out."""
        for step in steps:
            if key in self._kept and isinstance(step, EnsureAccess | DeleteAccess):
                edition = names.ACCESS_KEY if isinstance(step, EnsureAccess) else None
                self._kept[key] = replace(self._kept[key], edition=edition)

    def forget(self, key: Key) -> None:
        """Its database is gone."""
        self._kept.pop(key, None)

    async def _key(self, db: FaceDatabase, kind: Kind) -> str | None:
        found = await self._kube.get(kind, db.namespace, names.sidecar_account(db.name))
        return None if found is None else read_key(found)


def _spread(seconds: float) -> float:
    """About so many, so that those of a thousand databases do not come together."""
    return seconds * random.uniform(0.5, 1)  # noqa: S311


def _edition(found: list[str | None]) -> str | None:
    if all(edition is None for edition in found):
        return None
    return found[0] if found[0] and len(set(found)) == 1 else ""
