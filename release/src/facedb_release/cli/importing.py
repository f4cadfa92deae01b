"""`facedb import`: put a release into a data folder, or bring the one before back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.cli import options
from facedb_release.cli.answers import Answer
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Progress
from facedb_release.publish.install import Imported, ImportRequest, import_release, roll_back
from facedb_release.publish.swap import BACKUP, Recovered
from facedb_release.run import Finished, run

_RECOVERED = {
    Recovered.COMPLETED: "An import that was broken off was completed first.",
    Recovered.UNDONE: "An import that was broken off was undone first.",
}


def import_command(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="RELEASE DATA_DIR", help="A release's zip or folder; a data folder."),
    ],
    rollback: Annotated[
        bool, typer.Option("--rollback", help="DATA_DIR alone: exchange its files with the backup.")
    ] = False,
    public_key: options.KeyOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Put a verified release into a data folder, all or nothing; the files before are kept as a backup."""
    if len(places) != (1 if rollback else 2):
        wanted = "--rollback DATA_DIR" if rollback else "RELEASE DATA_DIR"
        raise typer.BadParameter(f"exactly {wanted} is wanted", param_hint="RELEASE DATA_DIR")
    answer, data, policy = Answer(as_json=as_json), places[-1], options.policy_of(public_key)

    def work(progress: Progress, _: Tally) -> Finished:
        if rollback:
            done = roll_back(data)
        else:
            done = import_release(ImportRequest(places[0], data, policy=policy), progress=progress)
        answer.details, answer.lines = _details(done), _lines(done, data)
        reason = "RolledBack" if rollback else "AlreadyThere" if done.unchanged else "Imported"
        return _finished(done, data, reason)

    sys.exit(run(work, None, quiet=as_json or not sys.stdout.isatty(), told=answer))


def _finished(done: Imported, data: Path, reason: str) -> Finished:
    there = done.receipt
    counts = f": {there.performer_count} performers, {there.face_count} faces" if there else ""
    verbs = {"RolledBack": "is back", "AlreadyThere": "was there already, whole, and stays"}
    verb = verbs.get(reason, "was verified and is")
    return Finished(
        reason=reason,
        message=f"Release {done.version or 'of unknown version'} {verb} in {data}{counts}.",
        version=done.version,
        digest=there.digest if there and there.digest.startswith("sha256:") else None,
        performer_count=there.performer_count if there else None,
        face_count=there.face_count if there else None,
        warnings=done.warnings,
    )


def _details(done: Imported) -> dict[str, object]:
    return {
        "before": done.before,
        "kept": list(done.kept),
        "backed_up": list(done.backed_up),
        "recovered": done.recovered,
    }


def _lines(done: Imported, data: Path) -> list[str]:
    lines = [f"  {_RECOVERED[done.recovered]}"] if done.recovered in _RECOVERED else []
    if done.backed_up:
        lines.append(
            f"  {done.before or 'What was there before'} is kept in {data / BACKUP} until the next import; "
            f"facedb import --rollback {data} brings it back."
        )
    if done.kept:
        lines.append(f"  kept as they were: {', '.join(done.kept)}")
    if done.before and done.before != done.version and (data / "stash_sense.db").exists():
        lines.append(f"  Fingerprints that were made with {done.before} count as stale: refresh them.")
    return lines
