"""Options that several commands share, and what they mean together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from facedb_release.sources.offers import S3, Folder, GitHub, Mirrors, Oci, Source
from facedb_release.verify.signature import Policy
from facedb_release.version import Wanted, parse_wanted

Into = Annotated[Path, typer.Option("--into", help="Folder for this release alone.")]
VersionOption = Annotated[
    str,
    typer.Option("--version", help="Such as 2026.02.18, latest, or a range such as '>=2026.02 <2026.04'."),
]
GitHubOption = Annotated[str | None, typer.Option("--github", help="OWNER/REPO whose releases hold it.")]
ApiOption = Annotated[str, typer.Option("--api-url", help="Of a GitHub Enterprise server or a mirror.")]
PatternOption = Annotated[
    str, typer.Option("--asset-pattern", help="Glob of the archive's name; may hold {version}.")
]
HttpOption = Annotated[
    list[str] | None, typer.Option("--http", help="URL with {version}; repeat for mirrors, tried in order.")
]
S3Option = Annotated[
    str | None, typer.Option("--s3", help="s3://BUCKET/PREFIX/KEY with {version} in the key.")
]
EndpointOption = Annotated[
    str | None, typer.Option("--s3-endpoint", help="Of a store that is not Amazon's; http:// is plain HTTP.")
]
RegionOption = Annotated[str | None, typer.Option("--s3-region", help="Else AWS_REGION, else us-east-1.")]
OciOption = Annotated[
    str | None, typer.Option("--oci", help="REGISTRY/NAME:{version} or REGISTRY/NAME@sha256:…")
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Something mounted: archives, one archive, or a release.")
]
CaOption = Annotated[Path | None, typer.Option("--ca-bundle", help="PEM file of own authorities.")]
ProxyOption = Annotated[
    str | None, typer.Option("--proxy", help="http://HOST:PORT; else HTTPS_PROXY and its kin decide.")
]
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
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key",
        help="minisign public key, or its file; repeatable: one of them must have signed.",
    ),
]
LenientOption = Annotated[
    bool,
    typer.Option(
        "--warn-signature", help="A missing or wrong signature is a warning. Hashes are never softened."
    ),
]

_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.\-]+)/(?:(?P<prefix>.*)/)?(?P<key>[^/]+)")
_RATE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[kKmMgG]?)i?[bB]?(?:/s)?")
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}


def source_of(
    github: str | None = None,
    http: list[str] | None = None,
    s3: str | None = None,
    oci: str | None = None,
    folder: Path | None = None,
    *,
    api_url: str,
    pattern: str,
    endpoint: str | None = None,
    region: str | None = None,
) -> Source:
    """Return the one source that the options name.

    Raises:
        typer.BadParameter: for none, for two, and for one that cannot be read.
    """
    named = {"--github": github, "--http": http, "--s3": s3, "--oci": oci, "--folder": folder}
    given = [option for option, value in named.items() if value]
    if len(given) != 1:
        wanted = ", ".join(named)
        found = " and ".join(given) or "none of them"
        raise typer.BadParameter(
            f"exactly one of {wanted} is wanted, and {found} was given", param_hint="source"
        )
    if github:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", github):
            raise typer.BadParameter("not of the form OWNER/REPO", param_hint="--github")
        return GitHub(github, api_url, pattern)
    if http:
        return Mirrors(tuple(http))
    if s3:
        return _s3(s3, endpoint, region)
    if folder:
        return Folder(folder, pattern)
    try:
        return Oci(oci or "", pattern)
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--oci") from e


def _s3(text: str, endpoint: str | None, region: str | None) -> S3:
    form = _S3.fullmatch(text)
    if form is None:
        raise typer.BadParameter("not of the form s3://BUCKET/PREFIX/KEY", param_hint="--s3")
    return S3(form["bucket"], form["prefix"] or "", form["key"], region=region, endpoint=endpoint)


def wish_of(text: str) -> Wanted:
    """Return the wish for a version.

    Raises:
        typer.BadParameter: if it is none.
    """
    try:
        return parse_wanted(text)
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--version") from e


def digest_of(text: str | None) -> str | None:
    """Return a pinned digest.

    Raises:
        typer.BadParameter: if it is none.
    """
    if text is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise typer.BadParameter("not of the form sha256:<64 lower-case hex digits>", param_hint="--digest")
    return text


def rate_of(text: str | None) -> float | None:
    """Return bytes a second of `20M`, `800k`, `1.5 GB/s`; powers of 1000.

    Raises:
        typer.BadParameter: if it is no rate, or nothing at all.
    """
    if text is None:
        return None
    form = _RATE.fullmatch(text.replace(" ", ""))
    rate = float(form["number"]) * _UNITS[form["unit"].lower()] if form else 0.0
    if not rate:
        raise typer.BadParameter("not a rate such as 20M (bytes a second)", param_hint="--limit-rate")
    return rate


def _key_text(key: str) -> str:
    """Return the key itself, or what stands in the file of that name."""
    path = Path(key)
    try:
        return path.read_text(encoding="ascii") if path.is_file() else key
    except (OSError, ValueError):
        return key


def policy_of(keys: list[str] | None, *, strict: bool = True) -> Policy | None:
    """Return whose signature is wanted, and whether a release without it is refused.

    Raises:
        typer.BadParameter: if a key is none.
    """
    if not keys:
        return None
    try:
        return Policy(tuple(_key_text(key) for key in keys), strict=strict)
    except ValueError as e:
        raise typer.BadParameter(str(e), param_hint="--public-key") from e
