"""The body of a FaceDatabase → one frozen, typed value. Dicts end here.

Pure. The CRD's schema has already refused most mistakes; what it cannot see is refused here with
``InvalidSpec``, which names the field.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from facedb_operator import names
from facedb_operator.record import Bad, Record, parse_record


class InvalidSpec(Exception):
    """A field that the operator cannot act on.

    Attributes:
        field: the path of the field, as in ``spec.rollout.drain``.
        why: what was wrong with it and what was expected.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Device(Enum):
    """Where inference runs."""

    GPU = "gpu"
    CPU = "cpu"


class Strategy(Enum):
    """How a new set of pods takes over from the old one."""

    AUTO = "Auto"
    ROLLING = "Rolling"
    RECREATE = "Recreate"


@dataclass(frozen=True)
class SecretKey:
    """One key of a Secret in the database's namespace."""

    name: str
    key: str


@dataclass(frozen=True)
class GitHubSource:
    """Assets of a GitHub repository's releases. ``tag`` is set for models only."""

    repository: str
    api_url: str | None
    asset_pattern: str | None
    token: SecretKey | None
    tag: str | None = None


@dataclass(frozen=True)
class HttpSource:
    """Ordered mirrors; ``{version}`` (releases) or ``{file}`` (models) stands in each URL."""

    urls: tuple[str, ...]


Source = GitHubSource | HttpSource


@dataclass(frozen=True)
class ModelFile:
    """One ONNX file: name, size in bytes, sha256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Models:
    """The ONNX models and where they come from."""

    source: Source
    files: tuple[ModelFile, ...]


@dataclass(frozen=True)
class Storage:
    """Volumes: one claim per release. ``keep`` counts verified releases, the last good one always."""

    class_name: str | None
    size: str
    models_size: str
    keep: int


@dataclass(frozen=True)
class Stash:
    """The Stash that the sidecar serves, and the Secret's key that it lets the sidecar in by."""

    url: str
    api_key: SecretKey | None


@dataclass(frozen=True)
class State:
    """The volume of the users' state. ``retain``: it outlives its FaceDatabase."""

    size: str
    class_name: str | None
    retain: bool


@dataclass(frozen=True)
class Sidecar:
    """The serving pods. The mappings are passed through to the pod template.

    ``api_key`` is asked of clients. ``updates``: the pods may look at their own FaceDatabase, and approve.
    """

    replicas: int
    image: str
    device: Device
    resources: Mapping[str, Any]
    placement: Mapping[str, Any]
    runtime_class: str | None
    env: tuple[Mapping[str, Any], ...]
    service: Mapping[str, Any]
    pull_secrets: tuple[str, ...]
    stash: Stash | None
    state: State
    api_key: SecretKey | None
    updates: bool


@dataclass(frozen=True)
class Rollout:
    """How pods are replaced and how long that may take."""

    strategy: Strategy
    progress_deadline: timedelta
    drain: timedelta


@dataclass(frozen=True)
class FaceDatabase:
    """A FaceDatabase as the operator works with it: the spec, and what status remembers."""

    name: str
    namespace: str
    uid: str
    generation: int
    version: str
    digest: str | None
    source: Source
    models: Models
    storage: Storage
    sidecar: Sidecar
    rollout: Rollout
    suspend: bool
    retain: bool
    retry_token: str
    record: Record

    @property
    def release_key(self) -> str:
        """Stands for the release: uid, version, pinned digest."""
        return names.short_hash(self.uid, self.version, self.digest)

    @property
    def models_key(self) -> str:
        """Stands for the model files' names, sizes and hashes."""
        return names.short_hash(self.uid, [(f.name, f.size, f.sha256) for f in self.models.files])

    @property
    def fetch_key(self) -> str:
        """Stands for this way of fetching the release: another source or token makes another."""
        return names.short_hash(self.release_key, repr(self.source), self.retry_token)

    @property
    def models_fetch_key(self) -> str:
        """Stands for this way of fetching the models."""
        return names.short_hash(self.models_key, repr(self.models.source), self.retry_token)

    @property
    def claim_name(self) -> str:
        """The claim of the release that the spec asks for."""
        return names.release_claim(self.name, self.version, self.release_key)

    @property
    def models_claim_name(self) -> str:
        """The claim of the models that the spec asks for."""
        return names.models_claim(self.name, self.models_key)

    @property
    def state_claim_name(self) -> str:
        """The claim of the users' state, whatever release is served."""
        return names.state_claim(self.name)

    def revision_of(self, release_key: str) -> str:
        """Stands for what pods run: a release, the models, the pod settings; not how many pods."""
        s = self.sidecar
        pod = (s.image, s.device.value, s.resources, s.placement, s.runtime_class, s.env, s.pull_secrets)
        keys = (repr(s.stash), repr(s.api_key), s.updates)
        drain_s = self.rollout.drain.total_seconds()
        return names.short_hash(release_key, self.models_key, pod, keys, drain_s)

    @property
    def revision_key(self) -> str:
        """The revision that the spec asks for."""
        return self.revision_of(self.release_key)

    @property
    def service_key(self) -> str:
        """Stands for the Service's settings."""
        return names.short_hash(self.sidecar.service)

    @property
    def trial_key(self) -> str:
        """Stands for one try at rolling the revision out: a new retry token makes another."""
        return names.short_hash(self.revision_key, self.retry_token)

    @property
    def verdict(self) -> Bad | None:
        """The remembered judgement against what the spec asks for, if there is one."""
        keys = {self.fetch_key, self.models_fetch_key, self.trial_key}
        return next((b for b in reversed(self.record.bad) if keys.intersection(b.keys)), None)


def parse_spec(body: Mapping[str, Any], *, default_image: str) -> FaceDatabase:
    """Read a FaceDatabase.

    Args:
        body: the object as the API server returns it, defaults filled in.
        default_image: the sidecar image where ``spec.sidecar.image`` is absent.

    Raises:
        InvalidSpec: a field cannot be acted on.
    """
    meta, spec = body["metadata"], body.get("spec") or {}
    return FaceDatabase(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        version=_required(spec, "version"),
        digest=spec.get("digest"),
        source=_source(spec.get("source") or {}, "spec.source"),
        models=_models(spec.get("models") or {}),
        storage=_storage(spec.get("storage") or {}),
        sidecar=_sidecar(spec.get("sidecar") or {}, default_image),
        rollout=_rollout(spec.get("rollout") or {}),
        suspend=bool(spec.get("suspend", False)),
        retain=spec.get("deletionPolicy", "Delete") == "Retain",
        retry_token=(meta.get("annotations") or {}).get(names.RETRY_ANNOTATION, ""),
        record=parse_record(body.get("status") or {}),
    )


def _required(spec: Mapping[str, Any], field: str) -> str:
    value = spec.get(field)
    if not value:
        raise InvalidSpec(f"spec.{field}", "is missing; name the release to serve, such as 2026.02.18")
    return str(value)


def _source(raw: Mapping[str, Any], path: str) -> Source:
    if github := raw.get("github"):
        return GitHubSource(
            repository=github["repository"],
            api_url=github.get("apiURL"),
            asset_pattern=github.get("assetPattern"),
            token=_secret_key(github.get("tokenSecretRef")),
            tag=github.get("tag"),
        )
    if http := raw.get("http"):
        return HttpSource(urls=tuple(http["urls"]))
    raise InvalidSpec(path, "names no source; expected github or http")


def _secret_key(ref: Mapping[str, Any] | None) -> SecretKey | None:
    return SecretKey(ref["name"], ref["key"]) if ref else None


def _models(raw: Mapping[str, Any]) -> Models:
    files = tuple(ModelFile(f["name"], int(f["size"]), f["sha256"]) for f in raw.get("files") or ())
    if not files:
        raise InvalidSpec("spec.models.files", "is empty; list the ONNX files with size and sha256")
    return Models(source=_source(raw.get("source") or {}, "spec.models.source"), files=files)


def _storage(raw: Mapping[str, Any]) -> Storage:
    return Storage(
        class_name=raw.get("storageClassName"),
        size=str(raw.get("size", "4Gi")),
        models_size=str(raw.get("modelsSize", "1Gi")),
        keep=int(raw.get("keep", 2)),
    )


def _sidecar(raw: Mapping[str, Any], default_image: str) -> Sidecar:
    stash, state = raw.get("stash"), raw.get("state") or {}
    return Sidecar(
        replicas=int(raw.get("replicas", 1)),
        image=raw.get("image") or default_image,
        device=Device(raw.get("device", "gpu")),
        resources=raw.get("resources") or {},
        placement={k: raw[k] for k in ("nodeSelector", "tolerations", "affinity") if raw.get(k)},
        runtime_class=raw.get("runtimeClassName"),
        env=tuple(raw.get("env") or ()),
        service=raw.get("service") or {},
        pull_secrets=tuple(ref["name"] for ref in raw.get("imagePullSecrets") or ()),
        stash=Stash(stash["url"], _secret_key(stash.get("apiKeySecretRef"))) if stash else None,
        state=State(
            size=str(state.get("size", "1Gi")),
            class_name=state.get("storageClassName"),
            retain=state.get("deletionPolicy", "Retain") == "Retain",
        ),
        api_key=_secret_key(raw.get("apiKeySecretRef")),
        updates=raw.get("updates", "Enabled") == "Enabled",
    )


def _rollout(raw: Mapping[str, Any]) -> Rollout:
    return Rollout(
        strategy=Strategy(raw.get("strategy", "Auto")),
        progress_deadline=_duration(raw.get("progressDeadline", "10m"), "spec.rollout.progressDeadline"),
        drain=_duration(raw.get("drain", "10s"), "spec.rollout.drain"),
    )


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def _duration(text: str, path: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise InvalidSpec(path, f"is {text!r}; expected a duration such as 90s, 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
