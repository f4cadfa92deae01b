"""How a Job's container reaches a source: words of `facedb`, variables, volumes. Pure.

What a user wrote goes behind an equals sign: whatever it begins with, it stays that option's value. Secrets
are referred to; no value of theirs is in an object.
"""

from dataclasses import dataclass

from facedb_operator.objects.fragments import Manifest, claim_volume, mount
from facedb_operator.spec.fields import ObjectKey
from facedb_operator.spec.network import Network
from facedb_operator.spec.sources import (
    GitHubSource,
    HttpSource,
    OciSource,
    Place,
    S3Source,
    Source,
    VolumeSource,
)

CA_DIR = "/etc/facedb/ca"
DOCKER_DIR = "/etc/facedb/docker"
SOURCE_DIR = "/source"
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Reach:
    """What a container needs to reach a source; add it to the container's and the pod's own."""

    words: tuple[str, ...]
    env: tuple[Manifest, ...] = ()
    mounts: tuple[Manifest, ...] = ()
    volumes: tuple[Manifest, ...] = ()

    def __add__(self, other: "Reach") -> "Reach":
        """Both."""
        return Reach(
            self.words + other.words,
            self.env + other.env,
            self.mounts + other.mounts,
            self.volumes + other.volumes,
        )


def reach(source: Source, network: Network) -> Reach:
    """How to reach a source: as it says itself, else as the operator was told. A volume needs no network."""
    found = _place(source.place)
    if isinstance(source.place, VolumeSource):
        network = Network()
    if (ca := source.ca_bundle or network.ca_bundle) is not None:
        items = [{"key": ca.key, "path": "ca.crt"}]
        volume: Manifest = {"name": "ca", "configMap": {"name": ca.name, "items": items}}
        words = (f"--ca-bundle={CA_DIR}/ca.crt",)
        found += Reach(words, mounts=(mount("ca", CA_DIR, read_only=True),), volumes=(volume,))
    if source.proxy is not None:
        found += Reach((_word("--proxy", source.proxy),))
    else:
        found += Reach((), env=tuple({"name": n, "value": _plain(v)} for n, v in network.proxies))
    if source.headers is not None:
        found += Reach((), env=(from_secret("FACEDB_HEADERS", source.headers),))
    return found


def from_secret(variable: str, key: ObjectKey, *, optional: bool = False) -> Manifest:
    """A variable with the value of a Secret's key."""
    ref: Manifest = {"name": key.name, "key": key.key}
    if optional:
        ref["optional"] = True
    return {"name": variable, "valueFrom": {"secretKeyRef": ref}}


def _place(place: Place) -> Reach:
    match place:
        case GitHubSource():
            options = {
                "--github": place.repository,
                "--api-url": place.api_url,
                "--asset-pattern": place.asset_pattern,
                "--tag": place.tag,
            }
            token = (from_secret("FACEDB_TOKEN", place.token),) if place.token else ()
            return Reach(_given(options), env=token)
        case HttpSource():
            return Reach(tuple(_word("--http", url) for url in place.urls))
        case S3Source():
            options = {"--s3": place.url, "--s3-endpoint": place.endpoint, "--s3-region": place.region}
            return Reach(_given(options), env=_aws(place.credentials))
        case OciSource():
            return Reach((_word("--oci", place.reference),)) + _docker(place.credentials)
        case VolumeSource():
            folder = f"{SOURCE_DIR}/{place.path}".rstrip("/")
            return Reach(
                (_word("--folder", folder),),
                mounts=(mount("source", SOURCE_DIR, read_only=True),),
                volumes=(claim_volume("source", place.claim, read_only=True),),
            )


def _given(options: dict[str, str | None]) -> tuple[str, ...]:
    return tuple(_word(option, value) for option, value in options.items() if value)


def _word(option: str, value: str) -> str:
    return f"{option}={_plain(value)}"


def _plain(value: str) -> str:
    # The kubelet puts variables' values for $(NAME) into a command or a variable, a token's too; $$ is a
    # plain dollar.
    # https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    return value.replace("$", "$$")


def _aws(secret: str | None) -> tuple[Manifest, ...]:
    if secret is None:
        return ()
    return tuple(from_secret(key, ObjectKey(secret, key), optional=key == AWS_KEYS[-1]) for key in AWS_KEYS)


def _docker(secret: str | None) -> Reach:
    if secret is None:
        return Reach(())
    items = [{"key": ".dockerconfigjson", "path": "config.json"}]
    return Reach(
        (),
        env=({"name": "DOCKER_CONFIG", "value": DOCKER_DIR},),
        mounts=(mount("docker", DOCKER_DIR, read_only=True),),
        volumes=({"name": "docker", "secret": {"secretName": secret, "items": items}},),
    )
