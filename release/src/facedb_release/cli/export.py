"""`facedb export`: publish a data folder."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.cli.answers import Answer, size_text
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Progress
from facedb_release.publish.export import PASSWORD, Exported, ExportRequest, export
from facedb_release.run import Finished, run
from facedb_release.version import parse_version


def export_command(
    data: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The trainer's folder; only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets the archive.")],
    version: Annotated[str | None, typer.Option("--version", help="Such as 2026.02.18.")] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="JSON file: the manifest's block on the pipeline.")
    ] = None,
    sign_key: Annotated[
        Path | None,
        typer.Option("--sign-key", help=f"minisign secret key; {PASSWORD} has its password, if any."),
    ] = None,
    patch_from: Annotated[
        Path | None, typer.Option("--patch-from", help="The release before: make a patch from it, too.")
    ] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="Deflate nothing; else all but the indices is deflated.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Publish a data folder: copy, settle the database, count, hash, verify, then write the zip."""
    try:
        wanted = ExportRequest(
            data=data,
            out=out,
            version=parse_version(version) if version else None,
            models=models,
            sign_key=sign_key,
            sign_password=os.environ.get(PASSWORD),
            patch_from=patch_from,
            stored=stored,
        )
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--version") from e
    answer = Answer(as_json=as_json)

    def work(progress: Progress, _: Tally) -> Finished:
        done = export(wanted, progress=progress)
        answer.details, answer.lines = _details(done), _lines(done)
        return _finished(done)

    sys.exit(run(work, None, version=version, quiet=as_json or not sys.stdout.isatty(), told=answer))


def _finished(done: Exported) -> Finished:
    manifest = done.manifest
    verb = "is there already, with the same bytes" if done.already_there else "was verified and published"
    return Finished(
        reason="AlreadyThere" if done.already_there else "Exported",
        message=f"Release {manifest.version} {verb}: {manifest.performer_count} performers, "
        f"{manifest.face_count} faces.",
        version=manifest.version.text,
        digest=f"sha256:{done.published.sha256}",
        performer_count=manifest.performer_count,
        face_count=manifest.face_count,
        warnings=done.warnings,
    )


def _details(done: Exported) -> dict[str, object]:
    patch = done.patched and asdict(done.patched) | {"path": str(done.patch)}
    return {
        "archive": asdict(done.published) | {"path": str(done.archive)},
        "patch": patch,
        "files": [asdict(f) for f in done.files],
        "left_out": list(done.left_out),
    }


def _lines(done: Exported) -> list[str]:
    made = [(done.archive, done.published)]
    if done.patch is not None and done.patched is not None:
        made.append((done.patch, done.patched))
    lines = [f"  {path}  {size_text(f.size)}\n  sha256:{f.sha256}" for path, f in made]
    if done.left_out:
        lines.append(f"  left out: {', '.join(done.left_out)}")
    return lines
