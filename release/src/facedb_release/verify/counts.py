"""Manifest, JSON maps and index headers → do they all speak of the same faces?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest
from facedb_release.profiles import Profile
from facedb_release.strictjson import parse_json
from facedb_release.verify.index import IndexHeader

T = TypeVar("T")

FACES, PERFORMERS, TATTOOS = "faces.json", "performers.json", "tattoo_embeddings.json"
TATTOO_INDEX, ADAFACE_INDEX = "tattoo_embeddings.voy", "face_adaface.voy"


@dataclass(frozen=True)
class Maps:
    """The JSON maps.

    Attributes:
        faces: label → universal id, None at a gap.
        performers: how many there are.
        unnamed: how many faces belong to nobody in performers.json.
        tattoos: label → whether a performer stands there; None without the file.
    """

    faces: tuple[str | None, ...]
    performers: int
    unnamed: int
    tattoos: tuple[bool, ...] | None

    def labels(self, index: str) -> tuple[int, ...]:
        """Return the labels of an index behind which a vector must be found: all but the gaps."""
        if index == TATTOO_INDEX:
            return tuple(i for i, there in enumerate(self.tattoos or ()) if there)
        return tuple(i for i, owner in enumerate(self.faces) if owner is not None)


def read_maps(folder: Path, profile: Profile) -> Maps:
    """Read the maps strictly.

    Raises:
        WrongRelease: CountMismatch, when one of them is no map of the form the sidecar reads.
    """
    faces = _read(folder / FACES, profile, _faces)
    performers = _read(folder / PERFORMERS, profile, _performers)
    tattoos = _read(folder / TATTOOS, profile, _tattoos) if (folder / TATTOOS).exists() else None
    unnamed = sum(1 for owner in faces if owner is not None and owner not in performers)
    return Maps(faces, len(performers), unnamed, tattoos)


def check_counts(
    manifest: Manifest, maps: Maps, headers: Mapping[str, IndexHeader], profile: Profile
) -> Iterator[str]:
    """Compare all counts and dimensions; yield what is odd.

    Raises:
        WrongRelease: CountMismatch or CorruptIndex, with both numbers.
    """
    _same(
        FACES, "entries (gaps included)", manifest.face_count, len(maps.faces), "manifest.json's face_count"
    )
    _same(PERFORMERS, "entries", manifest.performer_count, maps.performers, "manifest.json's performer_count")
    for name, header in headers.items():
        if name == TATTOO_INDEX:
            yield from _check_tattoos(maps, header)
            continue
        _same_dimension(name, profile.dimensions, header)
        if name == ADAFACE_INDEX:
            if header.count != len(maps.faces):
                yield f"{name} holds {header.count} vectors for {len(maps.faces)} faces; nothing queries it"
            continue
        _same(name, "vectors", len(maps.faces), header.count, "faces.json's length (gaps included)")
    if maps.unnamed:
        yield f"{maps.unnamed} of {len(maps.faces)} faces have no performer in {PERFORMERS}"


def _check_tattoos(maps: Maps, header: IndexHeader) -> Iterator[str]:
    if maps.tattoos is None:
        yield f"{TATTOO_INDEX} is there without {TATTOOS}; tattoos cannot be matched"
        return
    _same(TATTOO_INDEX, "vectors", len(maps.tattoos), header.count, f"{TATTOOS}'s length")


def _same(file: str, what: str, expected: int, found: int, said_by: str) -> None:
    if expected != found:
        raise WrongRelease(
            Reason.COUNT_MISMATCH,
            f"{file} holds {found} {what}, but {said_by} says {expected}. "
            "The release was put together wrongly.",
            file=file,
            expected=expected,
            found=found,
        )


def _same_dimension(file: str, expected: int, header: IndexHeader) -> None:
    if header.dimensions != expected:
        raise WrongRelease(
            Reason.CORRUPT_INDEX,
            f"{file} holds vectors of another dimension than the sidecar makes.",
            file=file,
            expected=expected,
            found=header.dimensions,
        )


def _read(path: Path, profile: Profile, reader: Callable[[Any], T]) -> T:
    try:
        if path.stat().st_size > profile.max_bytes[path.name]:
            raise ValueError("it is too large")
        return reader(parse_json(path.read_bytes(), max_bytes=profile.max_bytes[path.name]))
    except ValueError as e:
        raise WrongRelease(
            Reason.COUNT_MISMATCH,
            f"{path.name} is not the map that a sidecar can read: {e}. The release was put together wrongly.",
            file=path.name,
            found=str(e)[:200],
        ) from e


def _faces(raw: Any) -> tuple[str | None, ...]:
    if not isinstance(raw, list):
        raise ValueError("not a JSON array")
    for at, owner in enumerate(raw):
        if owner is not None and not (isinstance(owner, str) and ":" in owner):
            raise ValueError(f"entry {at} is neither null nor an id of the form domain:id")
    return tuple(raw)


def _performers(raw: Any) -> frozenset[str]:
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")
    for key, value in raw.items():
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise ValueError(f"the entry of {key[:80]!r} has no name")
    return frozenset(raw)


def _tattoos(raw: Any) -> tuple[bool, ...]:
    if not isinstance(raw, list):
        raise ValueError("not a JSON array")
    for at, entry in enumerate(raw):
        if entry is not None and not (isinstance(entry, dict) and isinstance(entry.get("universal_id"), str)):
            raise ValueError(f"entry {at} is neither null nor an object with a universal_id")
    return tuple(entry is not None for entry in raw)
