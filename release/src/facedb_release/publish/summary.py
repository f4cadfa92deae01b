"""A release → the summary that is compared with another's: counts, names, sums, headers; no vectors.

Takes about 100 MB for a full release (108,000 performers, 367,000 faces), twice that while a map is read.
Nothing is verified: sums that the manifest lists are believed. Called by diff.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import Profile
from facedb_release.publish.reading import Readable, read_head, read_whole
from facedb_release.strictjson import parse_json
from facedb_release.verify.index import HEADER_BYTES, parse_header


class Person(NamedTuple):
    """What performers.json says of somebody; the number of faces is counted elsewhere."""

    name: str
    country: str | None
    image_url: str | None


class IndexFacts(NamedTuple):
    """What an index's header says."""

    dimensions: int
    storage: str
    vectors: int
    links: int


class FileSum(NamedTuple):
    """A file's size in bytes and sha256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Summary:
    """A release, as far as two are compared.

    Attributes:
        version: as the manifest has it.
        sources: as the manifest has them.
        models: the manifest's block on the pipeline.
        files: by name.
        people: by universal id.
        faces: universal id → how many.
        gaps: labels without a face.
        indices: by name.
    """

    version: str
    sources: tuple[str, ...]
    models: Mapping[str, Any]
    files: Mapping[str, FileSum]
    people: Mapping[str, Person]
    faces: Mapping[str, int]
    gaps: int
    indices: Mapping[str, IndexFacts]


def summarise(release: Readable, profile: Profile) -> Summary:
    """Read what is compared.

    Raises:
        WrongRelease: when the release lacks a part, or a part cannot be understood.
    """
    manifest = _json(release, profile.manifest.name, dict, profile)
    faces = Counter(_json(release, "faces.json", list, profile))
    gaps = faces.pop(None, 0)
    return Summary(
        version=str(manifest.get("version")),
        sources=tuple(map(str, _kind(manifest.get("sources"), list))),
        models=_kind(manifest.get("models"), dict),
        files=_sums(release, _kind(manifest.get("checksums"), dict)),
        people=_people(release, profile),
        faces=faces,
        gaps=gaps,
        indices={n: index_facts(release, n) for n in release.files if n.endswith(".voy")},
    )


def index_facts(release: Readable, name: str) -> IndexFacts:
    """Return what an index's header says.

    Raises:
        WrongRelease: CorruptIndex.
    """
    header = parse_header(read_head(release, name, HEADER_BYTES), release.files[name].size, file=name)
    return IndexFacts(header.dimensions, header.storage.name.lower(), header.count, header.links)


def _people(release: Readable, profile: Profile) -> Mapping[str, Person]:
    raw = _json(release, "performers.json", dict, profile)
    entries = ((uid, _kind(entry, dict)) for uid, entry in raw.items())
    return {uid: Person(str(e.get("name")), e.get("country"), e.get("image_url")) for uid, e in entries}


def _sums(release: Readable, listed: Mapping[str, Any]) -> Mapping[str, FileSum]:
    """Return every file's sum: the manifest's, or the one of its bytes where the manifest has none."""
    sums = {}
    for name, facts in release.files.items():
        said = str(listed.get(name, "")).removeprefix("sha256:").lower()
        sums[name] = FileSum(facts.size, said or _hashed(release, name))
    return sums


def _hashed(release: Readable, name: str) -> str:
    sha = hashlib.sha256()
    for block in release.blocks(name):
        sha.update(block)
    return sha.hexdigest()


def _json(release: Readable, name: str, kind: type[Any], profile: Profile) -> Any:
    try:
        raw = parse_json(read_whole(release, name, profile), max_bytes=profile.max_bytes[name])
    except ValueError as e:
        raise _unclear(name, str(e)) from e
    if not isinstance(raw, kind):
        raise _unclear(name, f"not a JSON {'object' if kind is dict else 'array'}")
    return raw


def _kind(value: Any, kind: type[Any]) -> Any:
    return value if isinstance(value, kind) else kind()


def _unclear(name: str, why: str) -> WrongRelease:
    return WrongRelease(Reason.INVALID_MANIFEST, f"{name} cannot be understood: {why[:200]}.", file=name)
