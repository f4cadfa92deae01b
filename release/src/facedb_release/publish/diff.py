"""Two summaries → what differs. Pure; `facedb diff` shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from facedb_release.publish.summary import Person, Summary

T = TypeVar("T")


class Pair(NamedTuple, Generic[T]):
    """A value in the old release and in the new one."""

    old: T
    new: T


class Fate(StrEnum):
    """What became of a file."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class FileFate(NamedTuple):
    """What became of a file, with its sizes in bytes; None where it is not there."""

    name: str
    fate: Fate
    old_size: int | None
    new_size: int | None


class Moves(NamedTuple):
    """Faces that came and went."""

    added: int
    removed: int


@dataclass(frozen=True)
class Difference:
    """What differs between two releases; people by universal id.

    Attributes:
        version: of both.
        performer_count: of both.
        face_count: of both, gaps included.
        gaps: of both.
        files: what became of each.
        added: people who came → their names.
        removed: people who went → their names.
        renamed: people whose name differs.
        changed: people of whom something else differs → the fields.
        faces: people → their faces that came and went.
        faces_by: `images` where both databases tell the images apart, else `counts`: there one face that was
            exchanged for another does not show.
        names: of the people in `changed` and `faces`.
        indices: index → field of its header → both values.
        models: key of the manifest's models → both values.
        sources: of both.
    """

    version: Pair[str]
    performer_count: Pair[int]
    face_count: Pair[int]
    gaps: Pair[int]
    files: tuple[FileFate, ...]
    added: Mapping[str, str]
    removed: Mapping[str, str]
    renamed: Mapping[str, Pair[str]]
    changed: Mapping[str, tuple[str, ...]]
    faces: Mapping[str, Moves]
    faces_by: str
    names: Mapping[str, str]
    indices: Mapping[str, Mapping[str, Pair[Any]]]
    models: Mapping[str, Pair[Any]]
    sources: Pair[tuple[str, ...]]

    @property
    def same(self) -> bool:
        """Whether all files are the same."""
        return all(f.fate is Fate.SAME for f in self.files)

    @property
    def faces_total(self) -> Moves:
        """All faces that came and went."""
        moves = self.faces.values()
        return Moves(sum(m.added for m in moves), sum(m.removed for m in moves))


def diff(old: Summary, new: Summary, images: Mapping[str, Moves] | None = None) -> Difference:
    """Compare two releases.

    Args:
        old: the one before.
        new: the one after.
        images: people → faces that came and went, by their images; None where only counts are known.
    """
    both = old.people.keys() & new.people.keys()
    pairs = {uid: Pair(old.people[uid], new.people[uid]) for uid in sorted(both)}
    changed = {uid: fields for uid, (a, b) in pairs.items() if (fields := _changed(a, b))}
    faces = images if images is not None else _by_counts(old.faces, new.faces)
    return Difference(
        version=Pair(old.version, new.version),
        performer_count=Pair(len(old.people), len(new.people)),
        face_count=Pair(_entries(old), _entries(new)),
        gaps=Pair(old.gaps, new.gaps),
        files=tuple(_fate(name, old, new) for name in sorted({*old.files, *new.files})),
        added={uid: new.people[uid].name for uid in sorted(new.people.keys() - both)},
        removed={uid: old.people[uid].name for uid in sorted(old.people.keys() - both)},
        renamed={uid: Pair(a.name, b.name) for uid, (a, b) in pairs.items() if a.name != b.name},
        changed=changed,
        faces=faces,
        faces_by="counts" if images is None else "images",
        names={uid: _name(uid, old, new) for uid in _united(changed, faces)},
        indices=_indices(old, new),
        models=_values(old.models, new.models),
        sources=Pair(old.sources, new.sources),
    )


def _entries(release: Summary) -> int:
    return sum(release.faces.values()) + release.gaps


def _fate(name: str, old: Summary, new: Summary) -> FileFate:
    a, b = old.files.get(name), new.files.get(name)
    if a is None or b is None:
        fate = Fate.ADDED if a is None else Fate.REMOVED
    else:
        fate = Fate.SAME if a == b else Fate.CHANGED
    return FileFate(name, fate, a and a.size, b and b.size)


def _name(uid: str, old: Summary, new: Summary) -> str:
    person = new.people.get(uid) or old.people.get(uid)
    return person.name if person else uid


def _changed(old: Person, new: Person) -> tuple[str, ...]:
    return tuple(f for f in Person._fields if f != "name" and getattr(old, f) != getattr(new, f))


def _by_counts(old: Mapping[str, int], new: Mapping[str, int]) -> Mapping[str, Moves]:
    changes = {uid: new.get(uid, 0) - old.get(uid, 0) for uid in _united(old, new)}
    return {uid: Moves(max(0, n), max(0, -n)) for uid, n in changes.items() if n}


def _indices(old: Summary, new: Summary) -> Mapping[str, Mapping[str, Pair[Any]]]:
    pairs = {
        name: _values(
            old.indices[name]._asdict() if name in old.indices else {},
            new.indices[name]._asdict() if name in new.indices else {},
        )
        for name in _united(old.indices, new.indices)
    }
    return {name: values for name, values in pairs.items() if values}


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Pair[Any]]:
    """Return the keys whose values differ; None stands for a key that is not there."""
    return {
        key: Pair(old.get(key), new.get(key)) for key in _united(old, new) if old.get(key) != new.get(key)
    }


def _united(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return sorted({*old, *new})
