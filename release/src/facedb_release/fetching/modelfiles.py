"""Which model files are wanted, which are there: a manifest of theirs, and the receipt of a folder.

A manifest is the reference's `models.json`, with two fields more: `url` where a file is not beside the
others, and `member` when it lies in a zip. A file without a sha256 is held against its size alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedb_release.profiles import MIB
from facedb_release.receipt import write_whole
from facedb_release.strictjson import parse_json

NAME = ".facedb-models.json"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_SHA256 = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{64})")


@dataclass(frozen=True)
class ModelFile:
    """One file.

    Attributes:
        name: of the file.
        size: in bytes.
        sha256: 64 hex digits; None where nobody published them.
        url: where it is, instead of beside the others.
        member: its name in the zip at that URL.
    """

    name: str
    size: int
    sha256: str | None
    url: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Model:
    """An entry of a manifest: the file, and what it is for."""

    name: str
    file: ModelFile
    group: str
    description: str


def parse_models(data: bytes) -> tuple[Model, ...]:
    """Read a manifest: `{"models": {NAME: {file, size, sha256, group, description, url, member}}}`.

    Raises:
        ValueError: naming the entry and what was expected.
    """
    raw = parse_json(data, max_bytes=MIB)
    entries = raw.get("models") if isinstance(raw, dict) else None
    if not isinstance(entries, dict):
        raise ValueError('no list of models: expected an object with the key "models"')
    return tuple(_model(str(name), entry) for name, entry in entries.items())


def read_models(folder: Path) -> dict[str, ModelFile]:
    """Return what the folder's receipt lists; nothing when there is none or it cannot be understood."""
    try:
        raw = parse_json((folder / NAME).read_bytes(), max_bytes=MIB)
        files = [ModelFile(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in raw["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {f.name: f for f in files}


def write_models(folder: Path, files: Mapping[str, ModelFile]) -> None:
    """Write the receipt, when it says something new."""
    facts = [{"name": f.name, "size": f.size, "sha256": f.sha256} for _, f in sorted(files.items())]
    text, path = json.dumps({"files": facts}, indent=2).encode(), folder / NAME
    if not path.exists() or path.read_bytes() != text:
        write_whole(path, text)


def found_model(folder: Path, file: ModelFile, known: Mapping[str, ModelFile]) -> ModelFile | None:
    """Return the file as it is in place, by receipt and size, or without a receipt by its hash; else None."""
    path, noted = folder / file.name, known.get(file.name)
    if not path.is_file() or path.stat().st_size != file.size:
        return None
    if noted is not None and noted.size == file.size and file.sha256 in (None, noted.sha256):
        return noted
    with path.open("rb") as f:
        sha256 = hashlib.file_digest(f, "sha256").hexdigest()
    return ModelFile(file.name, file.size, sha256) if file.sha256 in (None, sha256) else None


def _model(name: str, raw: Any) -> Model:
    """Read one entry."""
    if not isinstance(raw, dict):
        raise ValueError(f"model {name!r} is no object")
    file, size, sha256 = raw.get("file"), raw.get("size"), raw.get("sha256")
    if not isinstance(file, str) or not _PLAIN_NAME.fullmatch(file):
        raise ValueError(f'model {name!r}: "file" must be the name of a file, not {file!r}')
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ValueError(f'model {name!r}: "size" must be its size in bytes, not {size!r}')
    form = _SHA256.fullmatch(sha256) if isinstance(sha256, str) else None
    if sha256 is not None and form is None:
        raise ValueError(f'model {name!r}: "sha256" must be 64 lower-case hex digits or null, not {sha256!r}')
    url, member = _text(raw, name, "url"), _text(raw, name, "member")
    if member is not None and url is None:
        raise ValueError(f'model {name!r}: a "member" needs the "url" of its zip')
    wanted = ModelFile(file, size, form["hex"] if form else None, url, member)
    return Model(name, wanted, _text(raw, name, "group") or "", _text(raw, name, "description") or "")


def _text(raw: Mapping[str, Any], name: str, key: str) -> str | None:
    text = raw.get(key)
    if text is not None and not isinstance(text, str):
        raise ValueError(f'model {name!r}: "{key}" must be a text, not {text!r}')
    return text or None
