"""An artifact in an OCI registry → its layers as assets, and the versions that its tags name.

Spec: https://github.com/opencontainers/distribution-spec and image-spec. The archive is the layer whose title
matches, or the only one; patches are further layers of the same artifact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import httpx

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import same_place, session_of
from facedb_release.sources.asset import (
    Asset,
    Available,
    filled,
    newest_first,
    no_file,
    no_version,
    plain_name,
    sha256_or_none,
    version_in,
)
from facedb_release.sources.reference import Oci, Repository, repository_of
from facedb_release.sources.registrykey import RegistryKey
from facedb_release.strictjson import parse_json
from facedb_release.transport import Patience, Refused, patiently, read_answer, request, unavailable
from facedb_release.version import Version, parse_version

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_MAX_MANIFEST = 4 << 20
_MAX_PAGES = 100
_MAX_INDEXED = 16


@dataclass(frozen=True)
class _Layer:
    digest: str
    size: int
    title: str | None


@dataclass(frozen=True)
class _Artifact:
    layers: tuple[_Layer, ...]
    version: str | None


def resolve(source: Oci, version: Version, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the address of the version's archive, with its digest and size.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    repository = repository_of(source)
    pattern = filled(source.asset_pattern, version)
    layers = _artifact(repository, version, client, patience, pattern).layers
    found = [layer for layer in layers if fnmatchcase(layer.title or "", pattern)] or list(layers)
    if len(found) != 1:
        titles = ", ".join(layer.title or layer.digest for layer in layers)[:300] or "no layer at all"
        raise SourceTrouble(
            Reason.ASSET_NOT_FOUND,
            f"The artifact {version} of {repository.shown} has no single layer with a title ({TITLE}) that "
            f"matches {pattern!r}. Set the asset pattern, or push the archive with its title.",
            expected=pattern,
            found=titles,
        )
    return (_asset(repository, found[0], found[0].title or pattern),)


def sibling(
    source: Oci, version: Version, name: str, client: httpx.Client, patience: Patience
) -> tuple[Asset, ...]:
    """Return the layer with this title in the version's artifact, if there is one.

    Raises:
        SourceTrouble: as resolve.
    """
    repository, wanted = repository_of(source), plain_name(name)
    layers = _artifact(repository, version, client, patience, wanted).layers
    return tuple(_asset(repository, layer, wanted) for layer in layers if layer.title == wanted)


def named(
    source: Oci, tag: str, names: tuple[str, ...], client: httpx.Client, patience: Patience
) -> dict[str, tuple[Asset, ...]]:
    """Return the layers with these titles; a tag without `{version}` in the reference wins over `tag`.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    repository = repository_of(source)
    own = repository.digest or (repository.tag if "{version}" not in (repository.tag or "") else None)
    missing = SourceTrouble(Reason.VERSION_NOT_FOUND, f"{repository.shown} has no artifact {own or tag}.")
    artifact = _read(repository, own or tag, client, patience, missing, names[0] if names else "")
    layers = {layer.title: layer for layer in artifact.layers}
    for name in names:
        if name not in layers:
            raise no_file(name, f"The artifact {own or tag} of {repository.shown}")
    return {name: (_asset(repository, layers[name], name),) for name in names}


def available(source: Oci, client: httpx.Client, patience: Patience) -> tuple[Available, ...]:
    """Return the versions that the tags name; of one fixed artifact, the version that it says of itself.

    Raises:
        SourceTrouble: VersionNotFound, SourceForbidden or SourceUnavailable.
    """
    repository = repository_of(source)
    if repository.tag is None or "{version}" not in repository.tag:
        return _fixed(source, repository, client, patience)
    tags = list(_tags(repository, client, patience))
    found = [(tag, version_in(tag, repository.tag)) for tag in tags]
    return newest_first(
        [
            Available(v, None, filled(source.asset_pattern, v), None, None, f"{repository.shown}:{tag}")
            for tag, v in found
            if v is not None
        ]
    )


def _fixed(
    source: Oci, repository: Repository, client: httpx.Client, patience: Patience
) -> tuple[Available, ...]:
    name = repository.digest or repository.tag or ""
    missing = SourceTrouble(Reason.VERSION_NOT_FOUND, f"{repository.shown} has no artifact {name}.")
    artifact = _read(repository, name, client, patience, missing, "")
    try:
        version = parse_version(artifact.version or "")
    except ValueError as e:
        raise SourceTrouble(
            Reason.VERSION_NOT_FOUND,
            f"The artifact {name} of {repository.shown} does not say its version ({VERSION}). Name the exact "
            "version, or use a tag with {version}.",
            found=artifact.version,
        ) from e
    between = "@" if repository.digest else ":"
    return (
        Available(
            version,
            None,
            filled(source.asset_pattern, version),
            None,
            None,
            f"{repository.shown}{between}{name}",
        ),
    )


def _artifact(
    repository: Repository, version: Version, client: httpx.Client, patience: Patience, pattern: str
) -> _Artifact:
    reference = repository.digest or filled(repository.tag or "", version)
    return _read(repository, reference, client, patience, no_version(version, repository.shown), pattern)


def _read(
    repository: Repository,
    reference: str,
    client: httpx.Client,
    patience: Patience,
    missing: SourceTrouble,
    pattern: str,
) -> _Artifact:
    """Read a manifest; of an index, the first manifest with a layer whose title fits, else its first."""
    raw = _manifest(repository, reference, client, patience, missing)
    try:
        if raw.get("mediaType") not in _INDEXES and "manifests" not in raw:
            return _understood(raw)
        digests = [str(one["digest"]) for one in raw["manifests"] if not _is_attestation(one)]
        artifacts: list[_Artifact] = []
        for digest in digests[:_MAX_INDEXED]:
            artifacts.append(_understood(_manifest(repository, digest, client, patience, missing)))
            if any(fnmatchcase(layer.title or "", pattern) for layer in artifacts[-1].layers):
                return artifacts[-1]
        return artifacts[0] if artifacts else _Artifact((), None)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise unavailable(repository.address, f"its manifest {reference} cannot be understood ({e})") from e


def _is_attestation(raw: dict[str, Any]) -> bool:
    return "vnd.docker.reference.type" in (raw.get("annotations") or {})


def _manifest(
    repository: Repository, reference: str, client: httpx.Client, patience: Patience, missing: SourceTrouble
) -> dict[str, Any]:
    """Get one manifest; one asked for by digest must have it."""
    url = f"{repository.address}/manifests/{quote(reference, safe=':')}"
    body = _get(repository, url, client, patience, missing, accept=", ".join(_INDEXES + _MANIFESTS))[0]
    found = "sha256:" + hashlib.sha256(body).hexdigest()
    if reference.startswith("sha256:") and found != reference:
        raise unavailable(url, f"it answers with the manifest {found}")
    try:
        raw = parse_json(body, max_bytes=_MAX_MANIFEST)
    except ValueError as e:
        raise unavailable(url, f"its manifest is no JSON ({e})") from e
    if not isinstance(raw, dict):
        raise unavailable(url, "its manifest is no JSON object")
    return raw


def _understood(raw: dict[str, Any]) -> _Artifact:
    """Read an image manifest.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: if it is none.
    """
    layers = tuple(
        _Layer(str(one["digest"]), int(one["size"]), (one.get("annotations") or {}).get(TITLE))
        for one in raw["layers"]
    )
    if any(sha256_or_none(layer.digest) is None for layer in layers):
        raise ValueError("a layer has no sha256")
    return _Artifact(layers, (raw.get("annotations") or {}).get(VERSION))


def _tags(repository: Repository, client: httpx.Client, patience: Patience) -> Iterator[str]:
    """Yield all tags, page after page."""
    url: str | None = f"{repository.address}/tags/list?n=1000"
    missing = SourceTrouble(
        Reason.VERSION_NOT_FOUND, f"The registry has no repository {repository.shown}.", found="404"
    )
    for _ in range(_MAX_PAGES):
        if url is None:
            return
        body, following = _get(repository, url, client, patience, missing, accept="application/json")
        try:
            yield from (str(tag) for tag in parse_json(body, max_bytes=_MAX_MANIFEST)["tags"] or [])
        except (ValueError, KeyError, TypeError) as e:
            raise unavailable(url, f"it does not speak the registry's API ({e})") from e
        url = following


def _get(
    repository: Repository,
    url: str,
    client: httpx.Client,
    patience: Patience,
    missing: SourceTrouble,
    *,
    accept: str,
) -> tuple[bytes, str | None]:
    """Return a short answer and the next page's address; the session gets the registry's key."""
    start = f"{repository.address}/"
    session_of(client).keys.setdefault(start, RegistryKey(repository.host, repository.address))
    following: list[str | None] = []

    def ask() -> bytes:
        with request(client, url, {"Accept": accept}) as response:
            if response.status_code != 200:
                raise missing
            following.append(_following(response, url))
            return read_answer(response, url, max_bytes=_MAX_MANIFEST)

    return patiently(patience, ask), following[-1]


def _following(response: httpx.Response, url: str) -> str | None:
    link = response.links.get("next", {}).get("url")
    if link is None:
        return None
    following = httpx.URL(url).join(link)
    if not same_place(httpx.URL(url), following):
        raise Refused(unavailable(url, f"its next page is elsewhere, at {following.host}"))
    return str(following)


def _asset(repository: Repository, layer: _Layer, name: str) -> Asset:
    return Asset(
        url=f"{repository.address}/blobs/{layer.digest}",
        name=name,
        size=layer.size,
        digest=layer.digest,
        headers=(),
        missing=no_file(name, f"{repository.shown} lists it, but its blob is gone. The registry"),
    )
