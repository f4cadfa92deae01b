"""`facedb lookup`: which version a wish means, and what it takes; nothing is brought."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facedb_release.cli import options
from facedb_release.cli.answers import Answer, size_text
from facedb_release.fetching.lookup import Found, look_up
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Phase, Progress
from facedb_release.run import Finished, run
from facedb_release.sources.github import API
from facedb_release.sources.offers import PATTERN, CheckCache, described
from facedb_release.transport import Patience, open_client
from facedb_release.version import Exact

NO_RANGES = (
    "The server gives no ranges, so the archive's directory was not read: the size of the unpacked files "
    "is unknown."
)


def lookup_command(
    version: options.VersionOption,
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
    termination_message: options.TerminationOption = None,
    stall_after: options.StallOption = 30.0,
    attempts: options.AttemptsOption = 6,
) -> None:
    """Say which version a wish means and how large it is, from its archive's directory alone."""
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
    wish = options.wish_of(version)
    patience = Patience(stall_seconds=stall_after, attempts=attempts)
    answer = Answer(as_json=as_json)

    def work(progress: Progress, tally: Tally) -> Finished:
        progress(Phase.RESOLVING, 0, None, None)
        with open_client(patience, ca_bundle=ca_bundle, proxy=proxy) as client:
            cache = None if fresh else CheckCache()
            found = look_up(source, wish, version, client, patience, tally, cache)
        tally.total = found.bytes_total
        answer.lines = _lines(found)
        return _finished(found, described(source))

    asked = wish.version.text if isinstance(wish, Exact) else None
    sys.exit(run(work, termination_message, version=asked, quiet=True, told=answer))


def _finished(found: Found, where: str) -> Finished:
    packed = f"{size_text(found.bytes_total)} packed" if found.bytes_total is not None else "not packed"
    unpacked = f", {size_text(found.bytes_unpacked)} unpacked" if found.bytes_unpacked is not None else ""
    return Finished(
        reason="Found",
        message=f"{where} has release {found.version}: {packed}{unpacked}; not fetched, not verified.",
        version=found.version.text,
        digest=found.digest,
        warnings=() if found.bytes_unpacked is not None else (NO_RANGES,),
        bytes_unpacked=found.bytes_unpacked,
        name=found.name,
        url=found.url,
        published_at=found.published_at,
    )


def _lines(found: Found) -> list[str]:
    facts = {
        "name": found.name,
        "url": found.url,
        "published": found.published_at,
        "digest": found.digest and f"{found.digest} (promised)",
    }
    return [f"  {key}: {value}" for key, value in facts.items() if value]
