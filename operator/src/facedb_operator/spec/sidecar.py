"""The serving pods: image, device, settings, state. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from facedb_operator.spec.fields import ObjectKey, Raw, object_key, quantity, switch, word


class Device(Enum):
    """Where inference runs."""

    GPU = "gpu"
    CPU = "cpu"


@dataclass(frozen=True)
class Stash:
    """The Stash that the sidecar serves, and the Secret's key that it lets the sidecar in by."""

    url: str
    api_key: ObjectKey | None


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
    api_key: ObjectKey | None
    updates: bool


def read_sidecar(raw: Raw, default_image: str) -> Sidecar:
    """Read ``spec.sidecar``; ``default_image`` where it names no image.

    Raises:
        InvalidSpec: a word or the state's size is none.
    """
    path, stash, state = "spec.sidecar", raw.get("stash"), raw.get("state") or {}
    return Sidecar(
        replicas=int(raw.get("replicas", 1)),
        image=raw.get("image") or default_image,
        device=word(Device, raw.get("device", "gpu"), f"{path}.device"),
        resources=raw.get("resources") or {},
        placement={k: raw[k] for k in ("nodeSelector", "tolerations", "affinity") if raw.get(k)},
        runtime_class=raw.get("runtimeClassName"),
        env=tuple(raw.get("env") or ()),
        service=raw.get("service") or {},
        pull_secrets=tuple(ref["name"] for ref in raw.get("imagePullSecrets") or ()),
        stash=Stash(stash["url"], object_key(stash.get("apiKeySecretRef"))) if stash else None,
        state=State(
            size=quantity(state.get("size", "1Gi"), f"{path}.state.size"),
            class_name=state.get("storageClassName"),
            retain=switch(
                state.get("deletionPolicy", "Retain"), "Retain", "Delete", f"{path}.state.deletionPolicy"
            ),
        ),
        api_key=object_key(raw.get("apiKeySecretRef")),
        updates=switch(raw.get("updates", "Enabled"), "Enabled", "Disabled", f"{path}.updates"),
    )
