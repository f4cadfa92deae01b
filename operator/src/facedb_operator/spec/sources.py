"""Where releases and models come from. Pure."""

from dataclasses import dataclass

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import ObjectKey, Raw, object_key


@dataclass(frozen=True)
class GitHubSource:
    """Assets of a GitHub repository's releases. ``tag`` is set for models only."""

    repository: str
    api_url: str | None
    asset_pattern: str | None
    token: ObjectKey | None
    tag: str | None = None


@dataclass(frozen=True)
class HttpSource:
    """Ordered mirrors; ``{version}`` (releases) or ``{file}`` (models) stands in each URL."""

    urls: tuple[str, ...]


@dataclass(frozen=True)
class S3Source:
    """Objects of an S3-compatible store.

    Attributes:
        url: ``s3://BUCKET/PREFIX/KEY`` with ``{version}`` or ``{file}`` in the key.
        credentials: a Secret whose keys are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if need be,
            AWS_SESSION_TOKEN.
    """

    url: str
    endpoint: str | None
    region: str | None
    credentials: str | None


@dataclass(frozen=True)
class OciSource:
    """Artifacts of a registry.

    Attributes:
        reference: ``REGISTRY/NAME:{version}``.
        credentials: a Secret of type kubernetes.io/dockerconfigjson.
    """

    reference: str
    credentials: str | None


@dataclass(frozen=True)
class VolumeSource:
    """A folder of a claim in the database's namespace: the air gap."""

    claim: str
    path: str


Place = GitHubSource | HttpSource | S3Source | OciSource | VolumeSource


@dataclass(frozen=True)
class Source:
    """A place, and how it is reached.

    Attributes:
        ca_bundle: a ConfigMap's key with own authorities, PEM.
        proxy: ``http://HOST:PORT``.
        headers: a Secret's key with one `Name: value` a line.
    """

    place: Place
    ca_bundle: ObjectKey | None = None
    proxy: str | None = None
    headers: ObjectKey | None = None


def read_source(raw: Raw, path: str, github: Raw) -> Source:
    """Read one source; ``github`` holds what a GitHub source that does not say otherwise has.

    Raises:
        InvalidSpec: it names no place, or more than one.
    """
    found = [kind for kind in _PLACES if raw.get(kind) is not None]
    if len(found) != 1:
        raise InvalidSpec(
            path, f"names {', '.join(found) or 'no place'}; expected one of {', '.join(_PLACES)}"
        )
    return Source(
        place=_PLACES[found[0]]({**(github if found == ["github"] else {}), **raw[found[0]]}),
        ca_bundle=object_key(raw.get("caBundleRef")),
        proxy=raw.get("proxy"),
        headers=object_key(raw.get("headersSecretRef")),
    )


def _github(raw: Raw) -> Place:
    return GitHubSource(
        repository=raw["repository"],
        api_url=raw.get("apiURL"),
        asset_pattern=raw.get("assetPattern"),
        token=object_key(raw.get("tokenSecretRef")),
        tag=raw.get("tag"),
    )


def _http(raw: Raw) -> Place:
    return HttpSource(urls=tuple(raw["urls"]))


def _s3(raw: Raw) -> Place:
    secret = (raw.get("credentialsSecretRef") or {}).get("name")
    return S3Source(raw["url"], raw.get("endpoint"), raw.get("region"), secret)


def _oci(raw: Raw) -> Place:
    return OciSource(raw["reference"], (raw.get("credentialsSecretRef") or {}).get("name"))


def _volume(raw: Raw) -> Place:
    return VolumeSource(raw["claimName"], raw.get("path", ""))


_PLACES = {"github": _github, "http": _http, "s3": _s3, "oci": _oci, "volume": _volume}
