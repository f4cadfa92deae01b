"""The bytes of manifest.json → a frozen Manifest, or InvalidManifest. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import MIB
from facedb_release.strictjson import parse_json
from facedb_release.version import Version, parse_version

T = TypeVar("T", str, int, bool)

NAME = "manifest.json"
MAX_COUNT = 1_000_000_000
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Models:
    """The pipeline that made the faces; a field is None where the manifest does not say.

    Attributes:
        detector: name of the face detector.
        alignment: how a face is brought into place.
        flip_averaging: whether the mirrored face is averaged in.
        facenet_dim: dimension of that index.
        arcface_dim: dimension of that index.
        adaface_dim: dimension of that index.
        tattoo_dim: dimension of that index.
    """

    detector: str | None
    alignment: str | None
    flip_averaging: bool | None
    facenet_dim: int | None
    arcface_dim: int | None
    adaface_dim: int | None
    tattoo_dim: int | None


@dataclass(frozen=True)
class Manifest:
    """What a release says about itself.

    Attributes:
        version: calendar version.
        created_at: as written, or None.
        performer_count: keys of performers.json.
        face_count: entries of faces.json, gaps included.
        sources: where the faces come from.
        models: the pipeline.
        checksums: file → sha256 as 64 lower-case hex digits.
    """

    version: Version
    created_at: str | None
    performer_count: int
    face_count: int
    sources: tuple[str, ...]
    models: Models
    checksums: Mapping[str, str]


def parse_manifest(data: bytes) -> Manifest:
    """Read manifest.json strictly; unknown keys are left for newer programs.

    Raises:
        WrongRelease: InvalidManifest, naming the field.
    """
    try:
        raw = parse_json(data, max_bytes=MIB)
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        return Manifest(
            version=parse_version(_text(raw, "version")),
            created_at=_optional(raw, "created_at", str),
            performer_count=_count(raw, "performer_count"),
            face_count=_count(raw, "face_count"),
            sources=_texts(raw, "sources"),
            models=_models(_object(raw, "models")),
            checksums=_checksums(_object(raw, "checksums")),
        )
    except ValueError as e:
        raise WrongRelease(
            Reason.INVALID_MANIFEST,
            f"{NAME} cannot be used: {e}. Ask the publisher of the release for a correct one.",
            file=NAME,
            found=str(e)[:200],
        ) from e


def _models(raw: dict[str, Any]) -> Models:
    return Models(
        detector=_optional(raw, "detector", str),
        alignment=_optional(raw, "alignment", str),
        flip_averaging=_optional(raw, "flip_averaging", bool),
        facenet_dim=_optional(raw, "facenet_dim", int),
        arcface_dim=_optional(raw, "arcface_dim", int),
        adaface_dim=_optional(raw, "adaface_dim", int),
        tattoo_dim=_optional(raw, "tattoo_dim", int),
    )


def _checksums(raw: dict[str, Any]) -> Mapping[str, str]:
    sums = {}
    for name, value in raw.items():
        form = _SHA256.fullmatch(value) if isinstance(value, str) else None
        if form is None:
            raise ValueError(f"checksums.{name[:80]} is no sha256: {str(value)[:90]!r}")
        sums[name] = form[1].lower()
    return MappingProxyType(sums)


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing or no text")
    return value


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{key} is missing or no count: {str(value)[:40]}")
    return value


def _texts(raw: dict[str, Any], key: str) -> tuple[str, ...]:
    value = raw.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{key} is no list of texts")
    return tuple(value)


def _object(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"{key} is missing or no object")
    return value


def _optional(raw: dict[str, Any], key: str, kind: type[T]) -> T | None:
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{key} is no {kind.__name__}: {str(value)[:40]!r}")
    return value
