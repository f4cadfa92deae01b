"""`registry/name:{version}` → where its registry is, which repository, which tag or digest. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facedb_release.sources.asset import PATTERN

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_FORM = re.compile(
    r"(?P<scheme>https?://|oci://)?(?P<host>[A-Za-z0-9.\-]+(?::[0-9]+)?|\[[0-9a-fA-F:]+\](?::[0-9]+)?)/"
    rf"(?P<name>{_PART}(?:/{_PART})*)(?::(?P<tag>[\w.{{}}\-]+))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Oci:
    """An artifact.

    Attributes:
        reference: `registry/repo:{version}` (the default tag), `registry/repo@sha256:…`; `http://` before it
            means that plain HTTP is wanted.
        asset_pattern: glob of the archive's title; `{version}` stands for the version.
        insecure: plain HTTP is wanted.

    Raises:
        ValueError: if the reference is none.
    """

    reference: str
    asset_pattern: str = PATTERN
    insecure: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no reference where it is written, not where it is used."""
        repository_of(self)


@dataclass(frozen=True)
class Repository:
    """A reference, read.

    Attributes:
        address: `https://registry/v2/name`.
        shown: as people write it.
        tag: pattern; None when a digest is given.
        digest: of the manifest.
        host: as docker's config names it.
    """

    address: str
    shown: str
    tag: str | None
    digest: str | None
    host: str


def repository_of(source: Oci) -> Repository:
    """Read the reference.

    Raises:
        ValueError: if it is none.
    """
    form = _FORM.fullmatch(source.reference)
    if form is None:
        raise ValueError(
            f"not of the form REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:…: {source.reference[:200]!r}"
        )
    tag = form["tag"] or (None if form["digest"] else "{version}")
    if tag is not None and not _TAG.fullmatch(tag.replace("{version}", "2026.02.18")):
        raise ValueError(f"not a tag: {tag!r}")
    plain = source.insecure or form["scheme"] == "http://"
    host, name = form["host"], form["name"]
    at = "registry-1.docker.io" if host == "docker.io" else host
    if host == "docker.io" and "/" not in name:
        name = f"library/{name}"
    return Repository(
        address=f"{'http' if plain else 'https'}://{at}/v2/{name}",
        shown=f"{host}/{name}",
        tag=None if form["digest"] else tag,
        digest=form["digest"],
        host=host,
    )
