"""Model files with known sizes and sha256s → a folder that holds exactly them, with a receipt.

The folder is shared by releases and may hold other models: those are left alone. Weights come from the user's
own source; none is ever part of an image.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx

from facedb_release import volume
from facedb_release.errors import Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.fetching.origin import open_asset
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import MIB
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import FileRecord, sync_folder, write_whole
from facedb_release.sources.offers import Asset, Source, named
from facedb_release.strictjson import parse_json
from facedb_release.transport import Patience, open_client

NAME = ".facedb-models.json"
ModelFile = FileRecord


@dataclass(frozen=True)
class ModelsRequest:
    """Which model files to fetch, from where, to where.

    Attributes:
        into: folder of models.
        files: wanted.
        source: where they are to be had; a plain URL holds `{file}`.
        tag: of the GitHub release.
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one the environment decides.
        patience: with the source.
    """

    into: Path
    files: tuple[ModelFile, ...]
    source: Source
    tag: str = "models"
    ca_bundle: Path | None = None
    proxy: str | None = None
    patience: Patience = field(default_factory=Patience)


def fetch_models(
    wanted: ModelsRequest, *, progress: Progress = no_progress, tally: Tally | None = None
) -> tuple[ModelFile, ...]:
    """Bring the files that are missing; return them.

    Raises:
        ReleaseError: see errors; files that were good stay, and the next call goes on.
    """
    tally = tally or Tally()
    with volume.writing(wanted.into):
        known = read_models(wanted.into)
        missing = tuple(f for f in wanted.files if not _there(wanted.into, f, known))
        if missing:
            progress(Phase.RESOLVING, 0, None, None)
            volume.require_space(wanted.into, sum(f.size for f in missing))
            with open_client(wanted.patience, ca_bundle=wanted.ca_bundle, proxy=wanted.proxy) as client:
                names = tuple(f.name for f in missing)
                addresses = named(wanted.source, wanted.tag, names, client, wanted.patience)
                for file in missing:
                    _fetch_one(wanted, file, addresses[file.name], client, progress, tally)
        _write(wanted.into, {**known, **{f.name: f for f in wanted.files}})
        return missing


def read_models(folder: Path) -> dict[str, ModelFile]:
    """Return what the folder's receipt lists; nothing when there is none or it cannot be understood."""
    try:
        raw = parse_json((folder / NAME).read_bytes(), max_bytes=MIB)
        files = [ModelFile(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in raw["files"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return {f.name: f for f in files}


def _write(folder: Path, files: dict[str, ModelFile]) -> None:
    text = json.dumps({"files": [asdict(f) for _, f in sorted(files.items())]}, indent=2).encode()
    path = folder / NAME
    if not path.exists() or path.read_bytes() != text:
        write_whole(path, text)


def _there(folder: Path, file: ModelFile, known: dict[str, ModelFile]) -> bool:
    """Whether the file is in place: by receipt and size, or, without a receipt, by its hash."""
    path = folder / file.name
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if known.get(file.name) == file:
        return True
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() == file.sha256


def _fetch_one(
    wanted: ModelsRequest,
    file: ModelFile,
    addresses: tuple[Asset, ...],
    client: httpx.Client,
    progress: Progress,
    tally: Tally,
) -> None:
    """Bring one file from the first address that has it right."""
    failures: list[ReleaseError] = []
    temp = wanted.into / f".{file.name}.part"
    for asset in addresses:
        try:
            remote = open_asset(asset, client, wanted.patience, tally)
            _require(file, "size", file.size, remote.size)
            _require(file, "sha256", file.sha256, _write_model(remote.stream(), temp, file, progress))
            temp.replace(wanted.into / file.name)
            sync_folder(wanted.into)
            return
        except (WrongRelease, SourceTrouble) as e:
            temp.unlink(missing_ok=True)
            failures.append(e)
    raise next((f for f in failures if not f.permanent), failures[0])


def _write_model(chunks: Iterator[bytes], path: Path, file: ModelFile, progress: Progress) -> str:
    """Write and hash; return the sha256 as hex."""
    sha, done = hashlib.sha256(), 0
    with path.open("wb") as f:
        for chunk in chunks:
            sha.update(chunk)
            f.write(chunk)
            done += len(chunk)
            progress(Phase.DOWNLOADING, done, file.size, file.name)
        f.flush()
        os.fsync(f.fileno())
    return sha.hexdigest()


def _require(file: ModelFile, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"The model {file.name} has another {what} than the spec says. Correct the spec, or the source.",
            file=file.name,
            expected=expected,
            found=found,
        )
