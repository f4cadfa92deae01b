"""The files of a release that is to be → its manifest: everything counted, nothing believed.

What cannot be counted (the pipeline that made the faces, unknown keys) is taken over. Called by export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facedb_release import manifest as manifests
from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import MIB, MapForm, Profile
from facedb_release.publish.database import DATABASE, face_sources
from facedb_release.receipt import FileRecord
from facedb_release.strictjson import parse_json
from facedb_release.verify.index import read_header
from facedb_release.version import Version, parse_version


@dataclass(frozen=True)
class Counted:
    """What the files themselves say.

    Attributes:
        counts: field of the manifest → length of the map that it counts, gaps included.
        dimensions: key of the manifest's `models` → numbers in a vector; of the indices that are there.
        sources: short names, from the database.
    """

    counts: Mapping[str, int]
    dimensions: Mapping[str, int]
    sources: tuple[str, ...]


def count(folder: Path, names: Sequence[str], profile: Profile) -> Counted:
    """Count what is in the files.

    Raises:
        WrongRelease: CountMismatch, CorruptIndex or CorruptDatabase.
    """
    maps = [(n, m) for n, m in profile.maps.items() if n in names and m.counted_by]
    indices = [(n, i) for n, i in profile.indices.items() if n in names and i.declared_as]
    return Counted(
        counts={str(m.counted_by): _length(folder / n, m.form, profile) for n, m in maps},
        dimensions={str(i.declared_as): read_header(folder / n).dimensions for n, i in indices},
        sources=face_sources(folder / DATABASE),
    )


def read_raw(path: Path) -> Mapping[str, Any]:
    """Return the trainer's manifest as it stands; empty when there is none.

    Raises:
        WrongRelease: InvalidManifest.
    """
    if not path.exists():
        return {}
    return read_object(path, "Correct it, or remove it and say --version and --models.")


def read_object(path: Path, advice: str) -> Mapping[str, Any]:
    """Read a JSON object strictly.

    Raises:
        WrongRelease: InvalidManifest, with the advice.
    """
    try:
        raw = parse_json(path.read_bytes(), max_bytes=MIB)
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
    except (ValueError, OSError) as e:
        raise WrongRelease(
            Reason.INVALID_MANIFEST, f"{path} cannot be read: {e}. {advice}", file=path.name
        ) from e
    return raw


def version_of(raw: Mapping[str, Any], given: Version | None) -> Version:
    """Return the version that was given, else the trainer's.

    Raises:
        WrongRelease: InvalidManifest, when there is none.
    """
    if given is not None:
        return given
    try:
        return parse_version(str(raw.get("version", "")))
    except ValueError as e:
        raise WrongRelease(
            Reason.INVALID_MANIFEST,
            "The data folder does not say which version this is. Say it: --version YYYY.MM.DD.",
            file=manifests.NAME,
            expected="a calendar version such as 2026.02.18",
            found=raw.get("version"),
        ) from e


def created_at(raw: Mapping[str, Any], version: Version, newest_write: float) -> str:
    """Return when the data was made: as the trainer says of this very version, else its newest write.

    The clock is not asked: the same data gives the same archive.

    Args:
        raw: the trainer's manifest.
        version: of the release.
        newest_write: of all its files, seconds since 1970.
    """
    said = raw.get("created_at")
    if isinstance(said, str) and str(raw.get("version", "")).removeprefix("v") == version.text:
        return said
    return datetime.fromtimestamp(int(newest_write), UTC).isoformat().replace("+00:00", "Z")


def make_manifest(
    raw: Mapping[str, Any],
    counted: Counted,
    *,
    version: Version,
    created: str,
    models: Mapping[str, Any] | None,
    files: Sequence[FileRecord],
    profile: Profile,
) -> bytes:
    """Return the bytes of manifest.json. Pure.

    Args:
        raw: the trainer's; its unknown keys stay.
        counted: what the files say.
        version: of the release.
        created: RFC 3339.
        models: the pipeline, in place of the trainer's.
        files: all others of the release.
        profile: names the dimensions that are counted.
    """
    block = dict(models if models is not None else _object(raw.get("models")))
    for index in profile.indices.values():
        block.pop(str(index.declared_as), None)
    made = {
        "version": version.text,
        "created_at": created,
        **counted.counts,
        "sources": raw.get("sources") or list(counted.sources),
        "models": block | dict(counted.dimensions),
        "checksums": {f.name: f"sha256:{f.sha256}" for f in sorted(files, key=lambda f: f.name)},
    }
    made |= {key: value for key, value in raw.items() if key not in made}
    return json.dumps(made, indent=2, ensure_ascii=True).encode() + b"\n"


def differences(raw: Mapping[str, Any], counted: Counted) -> tuple[str, ...]:
    """Say where the trainer's manifest was wrong: counts and dimensions that the files contradict."""
    models = _object(raw.get("models"))
    pairs = [(key, raw.get(key), found) for key, found in counted.counts.items()]
    pairs += [(f"models.{key}", models.get(key), found) for key, found in counted.dimensions.items()]
    return tuple(
        f"the data folder's manifest said {key} = {str(said)[:40]}; the files say {found}"
        for key, said, found in pairs
        if said not in (None, found)
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _length(path: Path, form: MapForm, profile: Profile) -> int:
    kind = list if form is MapForm.LIST else dict
    try:
        raw = parse_json(path.read_bytes(), max_bytes=profile.max_bytes[path.name])
        if not isinstance(raw, kind):
            raise ValueError(f"not a JSON {'array' if kind is list else 'object'}")
    except ValueError as e:
        raise WrongRelease(
            Reason.COUNT_MISMATCH,
            f"{path.name} is not the map that a sidecar can read: {e}. Make it again.",
            file=path.name,
            found=str(e)[:200],
        ) from e
    return len(raw)
