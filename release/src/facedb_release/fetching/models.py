"""Model files with known sizes and sha256s → a folder that holds exactly them, with a receipt.

The folder is shared by releases and may hold other models: those are left alone. Weights come from the user's
own source; none is ever part of an image. What a killed run left is taken up where it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from facedb_release import volume
from facedb_release.errors import Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.fetching.modelfiles import NAME, ModelFile, found_model, read_models, write_models
from facedb_release.fetching.modelpart import part_of, take_member, write_part
from facedb_release.fetching.origin import open_asset
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import sync_folder
from facedb_release.sources.offers import Asset, Mirrors, Source, named
from facedb_release.transport import Patience, open_client

__all__ = ["NAME", "ModelFile", "ModelsRequest", "fetch_models", "read_models"]


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


@dataclass(frozen=True)
class _Run:
    """One call of fetch_models: what everything below needs."""

    wanted: ModelsRequest
    client: httpx.Client
    progress: Progress
    tally: Tally


def fetch_models(
    wanted: ModelsRequest, *, progress: Progress = no_progress, tally: Tally | None = None
) -> tuple[ModelFile, ...]:
    """Bring the files that are missing; return them.

    Raises:
        ReleaseError: see errors; files that were good stay, and the next call goes on.
    """
    with volume.writing(wanted.into):
        known = read_models(wanted.into)
        there = {f.name: found_model(wanted.into, f, known) for f in wanted.files}
        known |= {name: found for name, found in there.items() if found is not None}
        missing = tuple(f for f in wanted.files if there[f.name] is None)
        if missing:
            progress(Phase.RESOLVING, 0, None, None)
            volume.require_space(wanted.into, sum(f.size - _part_size(wanted.into, f) for f in missing))
            with open_client(wanted.patience, ca_bundle=wanted.ca_bundle, proxy=wanted.proxy) as client:
                run = _Run(wanted, client, progress, tally or Tally())
                addresses = _addresses(missing, run)
                for file in missing:
                    sha256 = _fetch_one(file, addresses[file.name], run)
                    known[file.name] = replace(file, sha256=sha256)
                    write_models(wanted.into, known)
        write_models(wanted.into, known)
        return missing


def _part_size(folder: Path, file: ModelFile) -> int:
    part = part_of(folder, file)
    return min(part.stat().st_size, file.size) if part.exists() else 0


def _addresses(files: tuple[ModelFile, ...], run: _Run) -> Mapping[str, tuple[Asset, ...]]:
    """Return each file's addresses; only those without one of their own are asked for at the source."""
    found: dict[str, tuple[Asset, ...]] = {}
    beside = tuple(f.name for f in files if f.url is None)
    if beside:
        wanted = run.wanted
        found |= named(wanted.source, wanted.tag, beside, run.client, wanted.patience)
    for file in files:
        if file.url is not None:
            found |= named(Mirrors((file.url,)), "", (file.name,), run.client, run.wanted.patience)
    return found


def _fetch_one(file: ModelFile, addresses: tuple[Asset, ...], run: _Run) -> str:
    """Bring one file from the first address that has it right; return its sha256."""
    failures: list[ReleaseError] = []
    for asset in addresses:
        try:
            return _from(asset, file, run)
        except WrongRelease as e:
            part_of(run.wanted.into, file).unlink(missing_ok=True)
            failures.append(e)
        except SourceTrouble as e:
            # What has come stays for the next address, or the next run.
            failures.append(e)
    raise next((f for f in failures if not f.permanent), failures[0])


def _from(asset: Asset, file: ModelFile, run: _Run) -> str:
    """Bring the file from one address; once more from zero when what an earlier run left proves bad."""
    folder = run.wanted.into
    part = part_of(folder, file)
    remote = open_asset(asset, run.client, run.wanted.patience, run.tally)
    if file.member is not None:
        sha256 = take_member(remote, file, part, run.progress)
    else:
        _require(file, "size", file.size, remote.size)
        resumed = part.exists()
        sha256 = write_part(remote, file, part, run.progress)
        if resumed and sha256 != file.sha256:
            part.unlink()
            sha256 = write_part(remote, file, part, run.progress)
    if file.sha256 is not None:
        _require(file, "sha256", file.sha256, sha256)
    part.replace(folder / file.name)
    sync_folder(folder)
    return sha256


def _require(file: ModelFile, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"The model {file.name} has another {what} than the spec says. Correct the spec, or the source.",
            file=file.name,
            expected=expected,
            found=found,
        )
