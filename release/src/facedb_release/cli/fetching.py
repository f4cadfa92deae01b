"""`facedb fetch` and `facedb versions`: bring a release, and see which there are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.cli import options
from facedb_release.cli.answers import Answer, json_line, size_text, table
from facedb_release.fetching.fetch import Fetched, FetchRequest, fetch
from facedb_release.fetching.lookup import pick
from facedb_release.fetching.remote import Tally
from facedb_release.fetching.windows import CONNECTIONS
from facedb_release.progress import Progress
from facedb_release.run import Finished, run
from facedb_release.sources.github import API
from facedb_release.sources.offers import PATTERN, Available, CheckCache, Source, available, described
from facedb_release.transport import Patience, open_client
from facedb_release.version import Exact, Version, Wanted


def fetch_command(
    into: options.Into,
    version: options.VersionOption,
    digest: Annotated[str | None, typer.Option("--digest", help="sha256:HEX the archive must have.")] = None,
    github: options.GitHubOption = None,
    api_url: options.ApiOption = API,
    asset_pattern: options.PatternOption = PATTERN,
    http: options.HttpOption = None,
    s3: options.S3Option = None,
    s3_endpoint: options.EndpointOption = None,
    s3_region: options.RegionOption = None,
    oci: options.OciOption = None,
    folder: options.FolderOption = None,
    previous: Annotated[
        Path | None, typer.Option("--previous", help="A verified release, whose unchanged files are taken.")
    ] = None,
    public_key: options.KeyOption = None,
    warn_signature: options.LenientOption = False,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=32, help="Parts fetched at the same time.")
    ] = CONNECTIONS,
    limit_rate: Annotated[
        str | None, typer.Option("--limit-rate", help="Bytes a second, such as 20M.")
    ] = None,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON lines also on a terminal; the last one is the outcome.")
    ] = False,
    termination_message: options.TerminationOption = None,
    stall_after: options.StallOption = 30.0,
    attempts: options.AttemptsOption = 6,
) -> None:
    """Fetch a release into a folder and verify it; nothing to do when it is there already."""
    source = options.source_of(
        github,
        http,
        s3,
        oci,
        folder,
        api_url=api_url,
        pattern=asset_pattern,
        endpoint=s3_endpoint,
        region=s3_region,
    )
    wish, pinned = options.wish_of(version), options.digest_of(digest)
    policy = options.policy_of(public_key, strict=not warn_signature)
    rate = options.rate_of(limit_rate)
    patience = Patience(stall_seconds=stall_after, attempts=attempts)

    def work(progress: Progress, tally: Tally) -> Finished:
        wanted = FetchRequest(
            into=into,
            version=_chosen(wish, version, source, patience, ca_bundle, proxy),
            source=source,
            digest=pinned,
            previous=previous,
            ca_bundle=ca_bundle,
            proxy=proxy,
            patience=patience,
            policy=policy,
            connections=connections,
            bytes_per_second=rate,
        )
        return _fetched(fetch(wanted, progress=progress, tally=tally))

    shown = wish.version.text if isinstance(wish, Exact) else None
    told = json_line if as_json else None
    sys.exit(run(work, termination_message, version=shown, lines=as_json, told=told))


def versions_command(
    wanted: Annotated[str, typer.Argument(help="Only those that fit: a version or a range.")] = "",
    github: options.GitHubOption = None,
    api_url: options.ApiOption = API,
    asset_pattern: options.PatternOption = PATTERN,
    http: options.HttpOption = None,
    s3: options.S3Option = None,
    s3_endpoint: options.EndpointOption = None,
    s3_region: options.RegionOption = None,
    oci: options.OciOption = None,
    folder: options.FolderOption = None,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask now, also within ten minutes of the last time.")
    ] = False,
    as_json: options.JsonOption = False,
) -> None:
    """List the versions that a source offers, the newest first."""
    source = options.source_of(
        github,
        http,
        s3,
        oci,
        folder,
        api_url=api_url,
        pattern=asset_pattern,
        endpoint=s3_endpoint,
        region=s3_region,
    )
    wish = options.wish_of(wanted) if wanted else None
    answer = Answer(as_json=as_json)

    def work(progress: Progress, _: Tally) -> Finished:
        with open_client(Patience(), ca_bundle=ca_bundle, proxy=proxy) as client:
            found = available(source, client, Patience(), None if fresh else CheckCache())
        fitting = found if wish is None else tuple(a for a in found if wish.allows(a.version))
        answer.details = {"versions": [_facts(a) for a in fitting]}
        answer.lines = table([_row(a) for a in fitting], right=[2])
        count = f"{len(found)} version{'s' * (len(found) != 1)}"
        fit = "" if wish is None else f", {len(fitting) or 'none'} of them fitting {wanted!r}"
        return Finished("Listed", f"{described(source)} offers {count}{fit}.")

    sys.exit(run(work, None, quiet=True, told=answer))


def _chosen(
    wish: Wanted,
    text: str,
    source: Source,
    patience: Patience,
    ca_bundle: Path | None,
    proxy: str | None,
) -> Version:
    """Return the version that is wished for; only a range has to ask which there are."""
    if isinstance(wish, Exact):
        return wish.version
    with open_client(patience, ca_bundle=ca_bundle, proxy=proxy) as client:
        return pick(source, wish, text, client, patience, CheckCache()).version


def _facts(one: Available) -> dict[str, object]:
    when = one.published_at.isoformat() if one.published_at else None
    return {
        "version": str(one.version),
        "published_at": when,
        "name": one.name,
        "size": one.size,
        "digest": one.digest,
        "url": one.url,
    }


def _row(one: Available) -> tuple[str, ...]:
    when = f"{one.published_at:%Y-%m-%d}" if one.published_at else ""
    return (str(one.version), when, size_text(one.size) if one.size is not None else "", one.name)


def _fetched(done: Fetched) -> Finished:
    receipt = done.receipt
    verb = "was there already" if done.already_there else "was fetched and verified"
    signed = f", signed by {receipt.signed_by}" if receipt.signed_by else ""
    return Finished(
        reason="AlreadyThere" if done.already_there else "Fetched",
        message=f"Release {receipt.version} {verb}: {receipt.performer_count} performers, "
        f"{receipt.face_count} faces{signed}.",
        version=receipt.version,
        digest=receipt.digest,
        performer_count=receipt.performer_count,
        face_count=receipt.face_count,
        warnings=receipt.warnings,
        signed_by=receipt.signed_by,
    )
