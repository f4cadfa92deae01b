"""`facedb verify`: is this a good release? A folder, a zip, or a URL."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from facedb_release import volume
from facedb_release.cli import options
from facedb_release.cli.answers import Answer
from facedb_release.errors import WrongRelease
from facedb_release.fetching.elsewhere import bring, is_url
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import PROFILES
from facedb_release.progress import Progress
from facedb_release.run import Finished, run
from facedb_release.verify.release import Report, Verified, verify_all, verify_release


def verify_command(
    place: Annotated[
        str, typer.Argument(metavar="DIR|ZIP|URL", help="An unpacked release, its zip, or a URL.")
    ],
    every: Annotated[bool, typer.Option("--all", help="List every fault instead of the first.")] = False,
    public_key: options.KeyOption = None,
    profile: Annotated[str, typer.Option("--format", help="Of the release.")] = next(iter(PROFILES)),
    work_dir: Annotated[
        Path | None, typer.Option("--work-dir", help="Where a zip is unpacked for this; else TMPDIR.")
    ] = None,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    as_json: options.JsonOption = False,
    termination_message: options.TerminationOption = None,
) -> None:
    """Verify a release from its bytes; a receipt can only add reasons to refuse it."""
    if profile not in PROFILES:
        raise typer.BadParameter(f"not one of {', '.join(PROFILES)}", param_hint="--format")
    form, policy = PROFILES[profile], options.policy_of(public_key)
    answer = Answer(as_json=as_json)

    def work(progress: Progress, tally: Tally) -> Finished:
        with _folder(place, work_dir) as empty:
            folder = Path(place)
            if empty:
                folder = bring(place, empty, form, progress, tally, ca_bundle=ca_bundle, proxy=proxy)
            if not every:
                return _described(
                    verify_release(folder, profile=form, progress=progress, policy=policy), place
                )
            report = verify_all(folder, profile=form, progress=progress, policy=policy)
        answer.details = {"faults": [_facts(f) for f in report.faults]}
        return _all(report, place, answer)

    quiet = as_json or not sys.stdout.isatty()
    sys.exit(run(work, termination_message, quiet=quiet, told=answer))


@contextmanager
def _folder(place: str, work_dir: Path | None) -> Iterator[Path | None]:
    """Make a place for what has to be unpacked first; nothing for a folder."""
    if not is_url(place) and Path(place).is_dir():
        yield None
        return
    with (
        volume.writing(work_dir or Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="facedb-verify-", dir=work_dir) as empty,
    ):
        yield Path(empty)


def _all(report: Report, place: str, answer: Answer) -> Finished:
    """Tell every fault; the first one is the outcome."""
    if report.verified is not None:
        return _described(report.verified, place)
    first, *more = report.faults
    answer.lines = [f"also: {fault}" for fault in more]
    raise first


def _facts(fault: WrongRelease) -> dict[str, Any]:
    return {
        "reason": fault.reason,
        "message": fault.message,
        "file": fault.file,
        "expected": fault.expected,
        "found": fault.found,
    }


def _described(good: Verified, place: str) -> Finished:
    manifest = good.manifest
    signed = f", signed by {good.signed_by}" if good.signed_by else ""
    return Finished(
        reason="Verified",
        message=f"{place} holds a good release {manifest.version}: {manifest.performer_count} performers, "
        f"{manifest.face_count} faces{signed}.",
        version=manifest.version.text,
        performer_count=manifest.performer_count,
        face_count=manifest.face_count,
        warnings=good.warnings,
        signed_by=good.signed_by,
    )
