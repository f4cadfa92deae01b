"""The `facedb` command: fetch, fetch-models, verify, inspect. Its answer is an exit code and a message."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.cli.export import export_command
from facedb_release.fetching.fetch import Fetched, FetchRequest, fetch
from facedb_release.fetching.models import ModelFile, ModelsRequest, fetch_models
from facedb_release.fetching.remote import Tally
from facedb_release.fetching.unpack import LocalArchive, read_contents
from facedb_release.outcome import Outcome
from facedb_release.profiles import PROFILE
from facedb_release.progress import Progress
from facedb_release.run import Finished, run
from facedb_release.sources.github import API, PATTERN, GitHub, Mirrors, Source
from facedb_release.transport import Patience
from facedb_release.verify.release import Verified, verify_release
from facedb_release.version import Version, parse_version

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fetch, verify and inspect face-recognition data releases.",
)

app.command("export")(export_command)

Into = Annotated[Path, typer.Option("--into", help="Folder for this release alone.")]
GitHubOption = Annotated[str | None, typer.Option("--github", help="OWNER/REPO whose releases hold it.")]
ApiOption = Annotated[str, typer.Option("--api-url", help="Of a GitHub Enterprise server or a mirror.")]
HttpOption = Annotated[
    list[str] | None, typer.Option("--http", help="URL; repeat for mirrors, tried in order.")
]
CaOption = Annotated[Path | None, typer.Option("--ca-bundle", help="PEM file of own authorities.")]
TerminationOption = Annotated[
    Path | None,
    typer.Option(
        "--termination-message", envvar="FACEDB_TERMINATION_MESSAGE", help="Where the outcome goes."
    ),
]
StallOption = Annotated[
    float, typer.Option("--stall-after", help="Seconds without data before reconnecting.")
]
AttemptsOption = Annotated[int, typer.Option("--attempts", min=1, help="Attempts in a row without progress.")]


@app.command("fetch")
def fetch_command(
    into: Into,
    version: Annotated[str, typer.Option("--version", help="Calendar version, such as 2026.02.18.")],
    digest: Annotated[str | None, typer.Option("--digest", help="sha256:HEX the archive must have.")] = None,
    github: GitHubOption = None,
    api_url: ApiOption = API,
    asset_pattern: Annotated[
        str, typer.Option("--asset-pattern", help="Glob; may hold {version}.")
    ] = PATTERN,
    http: HttpOption = None,
    ca_bundle: CaOption = None,
    termination_message: TerminationOption = None,
    stall_after: StallOption = 30.0,
    attempts: AttemptsOption = 6,
) -> None:
    """Fetch a release into a folder and verify it; nothing to do when it is there already."""
    wanted = FetchRequest(
        into=into,
        version=_version(version),
        source=_source(github, http, api_url, asset_pattern),
        digest=_digest(digest),
        ca_bundle=ca_bundle,
        patience=Patience(stall_seconds=stall_after, attempts=attempts),
    )

    def work(progress: Progress, tally: Tally) -> Finished:
        return _fetched(fetch(wanted, progress=progress, tally=tally))

    sys.exit(run(work, termination_message, version=wanted.version.text))


@app.command("fetch-models")
def fetch_models_command(
    into: Into,
    file: Annotated[list[str], typer.Option("--file", help="NAME:SIZE:SHA256; repeat for each file.")],
    github: GitHubOption = None,
    tag: Annotated[str, typer.Option("--tag", help="Of the release that holds the models.")] = "models",
    api_url: ApiOption = API,
    http: HttpOption = None,
    ca_bundle: CaOption = None,
    termination_message: TerminationOption = None,
    stall_after: StallOption = 30.0,
    attempts: AttemptsOption = 6,
) -> None:
    """Fetch model files into a folder; those that are there already stay."""
    wanted = ModelsRequest(
        into=into,
        files=tuple(_model(text) for text in file),
        source=_source(github, http, api_url, "*"),
        tag=tag,
        ca_bundle=ca_bundle,
        patience=Patience(stall_seconds=stall_after, attempts=attempts),
    )

    def work(progress: Progress, tally: Tally) -> Finished:
        new = fetch_models(wanted, progress=progress, tally=tally)
        reason = "Fetched" if new else "AlreadyThere"
        return Finished(reason, f"{len(wanted.files)} model files are in {into}, {len(new)} of them new.")

    sys.exit(run(work, termination_message))


@app.command("verify")
def verify_command(
    folder: Annotated[Path, typer.Argument(help="An unpacked release.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    termination_message: TerminationOption = None,
) -> None:
    """Verify an unpacked release from its bytes; a receipt can only add reasons to refuse it."""

    def work(progress: Progress, tally: Tally) -> Finished:
        return _described(verify_release(folder, progress=progress), folder)

    def told(outcome: Outcome) -> None:
        typer.echo(outcome.to_json() if as_json else _human(outcome))

    sys.exit(run(work, termination_message, quiet=as_json or not sys.stdout.isatty(), told=told))


@app.command("inspect")
def inspect_command(
    path: Annotated[Path, typer.Argument(help="A release's zip, or its folder.")],
    termination_message: TerminationOption = None,
) -> None:
    """Say what is in a zip or folder, without unpacking or verifying it."""

    def work(progress: Progress, tally: Tally) -> Finished:
        if path.is_dir():
            facts = [
                {"name": p.name, "size": p.stat().st_size} for p in sorted(path.iterdir()) if p.is_file()
            ]
        else:
            contents = read_contents(LocalArchive(path), PROFILE)
            facts = [{k: v for k, v in asdict(m).items() if k != "flags"} for m in contents.members]
        typer.echo(json.dumps(facts, indent=2))
        return Finished("Inspected", f"{path} holds {len(facts)} files.")

    sys.exit(run(work, termination_message, quiet=True))


def main() -> None:
    """Run the command line."""
    app()


def _fetched(done: Fetched) -> Finished:
    receipt = done.receipt
    verb = "was there already" if done.already_there else "was fetched and verified"
    return Finished(
        reason="AlreadyThere" if done.already_there else "Fetched",
        message=f"Release {receipt.version} {verb}: {receipt.performer_count} performers, "
        f"{receipt.face_count} faces.",
        version=receipt.version,
        digest=receipt.digest,
        performer_count=receipt.performer_count,
        face_count=receipt.face_count,
        warnings=receipt.warnings,
    )


def _described(good: Verified, folder: Path) -> Finished:
    manifest = good.manifest
    return Finished(
        reason="Verified",
        message=f"{folder} holds a good release {manifest.version}: {manifest.performer_count} performers, "
        f"{manifest.face_count} faces.",
        version=manifest.version.text,
        performer_count=manifest.performer_count,
        face_count=manifest.face_count,
        warnings=good.warnings,
    )


def _human(outcome: Outcome) -> str:
    lines = [outcome.message if outcome.ok else f"{outcome.reason}: {outcome.message}"]
    lines += [
        f"  {key}: {value}" for key in ("expected", "found") if (value := getattr(outcome, key)) is not None
    ]
    return "\n".join([*lines, *(f"  warning: {w}" for w in outcome.warnings)])


def _version(text: str) -> Version:
    try:
        return parse_version(text)
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--version") from e


def _digest(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise typer.BadParameter("not of the form sha256:<64 lower-case hex digits>", param_hint="--digest")
    return text


def _source(github: str | None, http: list[str] | None, api_url: str, pattern: str) -> Source:
    if (github is None) == (not http):
        raise typer.BadParameter("exactly one of --github and --http is wanted", param_hint="--github/--http")
    if github is None:
        return Mirrors(tuple(http or ()))
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", github):
        raise typer.BadParameter("not of the form OWNER/REPO", param_hint="--github")
    return GitHub(github, api_url, pattern)


def _model(text: str) -> ModelFile:
    form = re.fullmatch(r"([A-Za-z0-9][\w.-]*):([0-9]+):(?:sha256:)?([0-9a-f]{64})", text)
    if form is None:
        raise typer.BadParameter(f"not of the form NAME:SIZE:SHA256: {text!r}", param_hint="--file")
    return ModelFile(form[1], int(form[2]), form[3])


if __name__ == "__main__":
    main()
