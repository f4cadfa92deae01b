"""A Service → which edition it is, unless somebody has edited it. Pure."""

from collections.abc import Mapping
from typing import Any

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.observe.readings import read_key

EDITED = "edited"


def read_service(raw: Mapping[str, Any]) -> str:
    """Its key; ``EDITED``, which is no key, where it leads to other pods, or to another port of them.

    Nobody would be served, while all pods are ready.
    """
    spec, labels = raw.get("spec") or {}, raw["metadata"].get("labels") or {}
    pods = {names.DATABASE_LABEL: labels.get(names.DATABASE_LABEL), names.COMPONENT_LABEL: Component.SIDECAR}
    ports = {port.get("name"): port.get("targetPort") for port in spec.get("ports") or ()}
    right = spec.get("selector") == pods and ports.get("http") == "http"
    return read_key(raw) if right else EDITED
