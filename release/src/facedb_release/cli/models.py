"""`facedb fetch-models`: bring model files of known sizes and checksums."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.cli import options
from facedb_release.cli.answers import json_line
from facedb_release.fetching.modelfiles import ModelFile, parse_models
from facedb_release.fetching.models import ModelsRequest, fetch_models
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Progress
from facedb_release.run import Finished, run
from facedb_release.sources.github import API
from facedb_release.transport import Patience


def fetch_models_command(
    into: Annotated[Path, typer.Option("--into", help="Folder of models; releases share it.")],
    file: Annotated[
        list[str] | None, typer.Option("--file", help="NAME:SIZE:SHA256; repeat for each file.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="JSON list of models, as models.json; all of them.")
    ] = None,
    github: options.GitHubOption = None,
    tag: Annotated[str, typer.Option("--tag", help="Of the release that holds the models.")] = "models",
    api_url: options.ApiOption = API,
    http: Annotated[
        list[str] | None, typer.Option("--http", help="URL with {file}; repeat for mirrors, tried in order.")
    ] = None,
    s3: Annotated[str | None, typer.Option("--s3", help="s3://BUCKET/PREFIX/{file}")] = None,
    s3_endpoint: options.EndpointOption = None,
    s3_region: options.RegionOption = None,
    oci: options.OciOption = None,
    folder: options.FolderOption = None,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    termination_message: options.TerminationOption = None,
    stall_after: options.StallOption = 30.0,
    attempts: options.AttemptsOption = 6,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON lines also on a terminal; the last one is the outcome.")
    ] = False,
) -> None:
    """Fetch model files into a folder; those that are there already stay."""
    wanted = ModelsRequest(
        into=into,
        files=_files(file or (), manifest),
        source=options.source_of(
            github,
            http,
            s3,
            oci,
            folder,
            api_url=api_url,
            pattern="*",
            endpoint=s3_endpoint,
            region=s3_region,
        ),
        tag=tag,
        ca_bundle=ca_bundle,
        proxy=proxy,
        patience=Patience(stall_seconds=stall_after, attempts=attempts),
    )

    def work(progress: Progress, tally: Tally) -> Finished:
        new = fetch_models(wanted, progress=progress, tally=tally)
        reason = "Fetched" if new else "AlreadyThere"
        return Finished(reason, f"{len(wanted.files)} model files are in {into}, {len(new)} of them new.")

    sys.exit(run(work, termination_message, lines=as_json, told=json_line if as_json else None))


def _files(texts: Sequence[str], manifest: Path | None) -> tuple[ModelFile, ...]:
    """Return the files that both options name.

    Raises:
        typer.BadParameter: for none, and for a manifest that is none.
    """
    listed: tuple[ModelFile, ...] = ()
    if manifest is not None:
        try:
            listed = tuple(model.file for model in parse_models(manifest.read_bytes()))
        except (OSError, ValueError) as e:
            raise typer.BadParameter(f"{manifest}: {e}", param_hint="--manifest") from e
    found = (*listed, *(_model(text) for text in texts))
    if not found:
        raise typer.BadParameter("at least one model is wanted", param_hint="--file or --manifest")
    return found


def _model(text: str) -> ModelFile:
    form = re.fullmatch(r"([A-Za-z0-9][\w.-]*):([0-9]+):(?:sha256:)?([0-9a-f]{64})", text)
    if form is None:
        raise typer.BadParameter(f"not of the form NAME:SIZE:SHA256: {text!r}", param_hint="--file")
    return ModelFile(form[1], int(form[2]), form[3])
