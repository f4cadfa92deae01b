"""The bytes of manifest.json → a frozen Manifest, or InvalidManifest. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import PROFILE, Profile
from facedb_release.strictjson import parse_json, shown
from facedb_release.version import Version, parse_version

NAME = PROFILE.manifest.name
MAX_COUNT = 1_000_000_000
MAX_LISTED = 256
MAX_TEXT = 1000
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
Value = str | int | bool


@dataclass(frozen=True)
class Manifest:
    """What a release says about itself.

    Attributes:
        version: calendar version.
        created_at: as written, or None.
        counts: the profile's count fields, such as performer_count (keys of performers.json) and face_count
            (entries of faces.json, gaps included).
        sources: where the faces come from.
        models: what it says about the pipeline, as far as the profile knows the keys.
        checksums: file → sha256 as 64 lower-case hex digits.
    """

    version: Version
    created_at: str | None
    counts: Mapping[str, int]
    sources: tuple[str, ...]
    models: Mapping[str, Value]
    checksums: Mapping[str, str]

    @property
    def performer_count(self) -> int:
        """Return how many performers have faces; 0 in a format that does not count them."""
        return self.counts.get("performer_count", 0)

    @property
    def face_count(self) -> int:
        """Return how many labels there are, gaps included; 0 in a format that does not count them."""
        return self.counts.get("face_count", 0)


def parse_manifest(data: bytes, profile: Profile = PROFILE) -> Manifest:
    """Read manifest.json strictly; unknown keys are left for newer programs.

    Raises:
        WrongRelease: InvalidManifest, naming the field.
    """
    form = profile.manifest
    try:
        raw = parse_json(data, max_bytes=profile.max_bytes[form.name])
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        return Manifest(
            version=parse_version(_text(raw.get("version"), "version")),
            created_at=_text(raw["created_at"], "created_at") if raw.get("created_at") is not None else None,
            counts=MappingProxyType({key: _count(raw, key) for key in form.counts}),
            sources=_texts(raw, "sources"),
            models=_models(_object(raw, "models"), profile),
            checksums=_checksums(_object(raw, "checksums")),
        )
    except ValueError as e:
        raise WrongRelease(
            Reason.INVALID_MANIFEST,
            f"{form.name} cannot be used: {e}. Ask the publisher of the release for a correct one.",
            file=form.name,
            found=str(e)[:200],
        ) from e


def pipeline_of(profile: Profile) -> Mapping[str, Value]:
    """Return what `models` may say, with the value that this profile's readers want."""
    dimensions = {i.declared_as: i.dimensions for i in profile.indices.values() if i.declared_as}
    return {**profile.manifest.pipeline, **dimensions}


def _models(raw: dict[str, Any], profile: Profile) -> Mapping[str, Value]:
    """Keep what the profile knows; each must be of the kind that it wants."""
    kept: dict[str, Value] = {}
    for key, wanted in pipeline_of(profile).items():
        value = raw.get(key)
        if value is None:
            continue
        if type(value) is not type(wanted):
            raise ValueError(f"models.{key} is no {type(wanted).__name__}: {shown(value)}")
        kept[key] = _text(value, f"models.{key}") if isinstance(value, str) else value
    return MappingProxyType(kept)


def _checksums(raw: dict[str, Any]) -> Mapping[str, str]:
    if len(raw) > MAX_LISTED:
        raise ValueError(f"checksums lists {len(raw)} files, more than {MAX_LISTED}")
    sums = {}
    for name, value in raw.items():
        if not _FILE.fullmatch(name):
            raise ValueError(f"checksums lists {name[:80]!r}, which is no plain file name")
        form = _SHA256.fullmatch(value) if isinstance(value, str) else None
        if form is None:
            raise ValueError(f"checksums.{name} is no sha256: {shown(value)}")
        sums[name] = form[1].lower()
    return MappingProxyType(sums)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing or no text")
    if len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"{key} is too long, or holds what cannot be printed: {shown(value)}")
    return value


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{key} is missing or no count: {shown(value)}")
    return value


def _texts(raw: dict[str, Any], key: str) -> tuple[str, ...]:
    value = raw.get(key, [])
    if not isinstance(value, list) or len(value) > MAX_LISTED:
        raise ValueError(f"{key} is no list of texts, or a very long one")
    return tuple(_text(v, f"{key}[{at}]") for at, v in enumerate(value))


def _object(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is missing or no object")
    return value
