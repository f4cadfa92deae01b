"""What the watches have told, in memory: small facts of each database, and how fresh they are.

Written by ``watching.py`` alone, read by every pass. It does no I/O.

Freshness is a number: the resourceVersion up to which a kind is known. Kubernetes counts all writes with one
counter and lets clients compare its values (KEP-5504, from 1.35; so it was before, by etcd's nature), so
"the store has seen my write" is a comparison, not a guess.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from facedb_operator import names
from facedb_operator.kinds import DATABASE, Kind

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        database: the one it belongs to; a FaceDatabase to itself, a StorageClass to nobody.
        version: its resourceVersion.
        deleting: it is going away.
        fact: what was read from it.
    """

    namespace: str
    name: str
    database: str
    uid: str
    version: int
    deleting: bool
    fact: Any


@dataclass(frozen=True, slots=True)
class Text:
    """A FaceDatabase as compact JSON. Two are equal unless a pass has something new to read in them.

    Its status is the operator's own word, and what wrote it knows it.
    """

    json: bytes
    asked: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and other.asked == self.asked

    def __hash__(self) -> int:
        return hash(self.asked)

    def body(self) -> dict[str, Any]:
        """The whole object, but for its managedFields."""
        found: dict[str, Any] = json.loads(self.json)
        return found


@dataclass(frozen=True, slots=True)
class Write:
    """What this operator wrote: a pass may begin once the store has seen it.

    Attributes:
        version: the resourceVersion that the write got; None: the object was to go away.
        uid: of the object that was to go, as far as it was known.
    """

    kind: Kind
    namespace: str
    name: str
    version: int | None
    uid: str = ""


def read_text(raw: Mapping[str, Any]) -> Text:
    """A FaceDatabase, for keeping."""
    meta = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    asked = (meta["uid"], meta.get("generation"), meta.get("annotations"), meta.get("deletionTimestamp"))
    body = {**raw, "metadata": meta}
    return Text(json.dumps(body, separators=(",", ":")).encode(), names.short_hash(*asked))


class Store:
    """All that is known.

    Args:
        changed: is called with the key of a database about which something new is known.
        heard: is called with the key of a database that was heard of, be it nothing new.
    """

    def __init__(
        self,
        changed: Callable[[Key], None] = lambda key: None,
        heard: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self._changed = changed
        self._heard = heard
        self._objects: dict[Kind, dict[Key, dict[str, Entry]]] = {}
        self._owner: dict[Kind, dict[Key, str]] = {}
        # Up to where a kind is known: by its watches (kind, namespace or "" for all) …
        self._known: dict[tuple[Kind, str], int] = {}
        # … and by a listing of one database alone, which may be ahead of the watch.
        self._ahead: dict[tuple[Kind, Key], int] = {}

    def of(self, kind: Kind, key: Key) -> Iterable[Entry]:
        """Objects of this kind that belong to a database."""
        return self._objects.get(kind, {}).get(key, {}).values()

    def one(self, kind: Kind, key: Key, name: str) -> Entry | None:
        """One object of a database."""
        return self._objects.get(kind, {}).get(key, {}).get(name)

    def databases(self) -> list[Key]:
        """All FaceDatabases."""
        return list(self._objects.get(DATABASE, {}))

    def lists(self, kind: Kind, namespace: str = "") -> bool:
        """Whether this kind has been listed and is being followed."""
        return (kind, "") in self._known or (kind, namespace) in self._known

    def known(self, kind: Kind, key: Key) -> int:
        """The resourceVersion up to which this kind is known for a database; 0: it never was listed."""
        watched = self._known.get((kind, ""), self._known.get((kind, key[0]), 0))
        return max(watched, self._ahead.get((kind, key), 0))

    def has_seen(self, write: Write, key: Key) -> bool:
        """Whether what was written for this database can be read here."""
        found = self.one(write.kind, key, write.name)
        if write.version is None:
            return found is None or found.deleting or (write.uid != "" and found.uid != write.uid)
        return self.known(write.kind, key) >= write.version or (
            found is not None and found.version >= write.version
        )

    def listed(self, kind: Kind, namespace: str, entries: Iterable[Entry], version: int) -> None:
        """A whole listing: what is not in it is gone, though no event has told so.

        Args:
            kind: what was listed.
            namespace: where; empty for everywhere.
            entries: all there is.
            version: the moment of the listing.
        """
        fresh: dict[Key, dict[str, Entry]] = {}
        for entry in entries:
            fresh.setdefault(_key(entry), {})[entry.name] = entry
        old = self._objects.setdefault(kind, {})
        scope = {key for key in old if not namespace or key[0] == namespace}
        for key in scope | set(fresh):
            # A listing of this database alone has been quicker, and knows better.
            if self._ahead.get((kind, key), 0) <= version:
                self._set(kind, key, fresh.get(key, {}))
        self._known[kind, namespace] = version

    def happened(self, kind: Kind, namespace: str, entry: Entry, *, gone: bool) -> None:
        """One event of a watch of ``namespace`` (empty for everywhere)."""
        key, name = _key(entry), (entry.namespace, entry.name)
        owners = self._owner.setdefault(kind, {})
        before = (entry.namespace, owners.get(name, entry.database))
        for each in dict.fromkeys((before, key)):
            if self._ahead.get((kind, each), 0) < entry.version:
                objects = dict(self._objects.setdefault(kind, {}).get(each, {}))
                objects.pop(entry.name, None)
                if each == key and not gone:
                    objects[entry.name] = entry
                self._set(kind, each, objects)
        self.reached(kind, namespace, entry.version)
        self._heard(key)

    def reached(self, kind: Kind, namespace: str, version: int) -> None:
        """A watch says that it has told all up to here."""
        self._known[kind, namespace] = max(version, self._known.get((kind, namespace), 0))

    def repaired(self, kind: Kind, key: Key, entries: Iterable[Entry], version: int) -> None:
        """A listing of one database alone, because its watch is late. Its late events will not count."""
        if version >= self.known(kind, key):
            self._ahead[kind, key] = version
            self._set(kind, key, {entry.name: entry for entry in entries})

    def absent(self, kind: Kind, namespace: str) -> None:
        """This kind is not served, or not for us: nothing is known of it."""
        self._known.pop((kind, namespace), None)
        for key in [k for k in self._objects.get(kind, {}) if not namespace or k[0] == namespace]:
            self._set(kind, key, {})

    def _set(self, kind: Kind, key: Key, objects: dict[str, Entry]) -> None:
        all_of_kind = self._objects.setdefault(kind, {})
        owners = self._owner.setdefault(kind, {})
        old = all_of_kind.get(key, {})
        for name in old.keys() - objects.keys():
            owners.pop((key[0], name), None)
        for name in objects:
            owners[key[0], name] = key[1]
        if objects:
            all_of_kind[key] = objects
        else:
            all_of_kind.pop(key, None)
            if self._is_caught_up(kind, key):
                self._ahead.pop((kind, key), None)
        if _facts(old) != _facts(objects):
            self._changed(key)
        self._heard(key)

    def _is_caught_up(self, kind: Kind, key: Key) -> bool:
        watched = self._known.get((kind, ""), self._known.get((kind, key[0]), 0))
        return watched >= self._ahead.get((kind, key), 0)


def _key(entry: Entry) -> Key:
    return entry.namespace, entry.database


def _facts(objects: Mapping[str, Entry]) -> dict[str, tuple[str, Any]]:
    return {name: (entry.uid, entry.fact) for name, entry in objects.items()}
