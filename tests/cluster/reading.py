"""Objects read over one kept connection: a kubectl for each look costs what the pods could use."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kubernetes import config
from kubernetes.client import ApiClient, ApiException
from urllib3.exceptions import HTTPError

CORE, APPS, RBAC = "api/v1", "apis/apps/v1", "apis/rbac.authorization.k8s.io/v1"

# What kubectl calls a kind → where the API has it.
RESOURCES = {
    "deployment": (APPS, "deployments"),
    "event": (CORE, "events"),
    "fdb": ("apis/facedb.dev/v1alpha1", "facedatabases"),
    "job": ("apis/batch/v1", "jobs"),
    "namespace": (CORE, "namespaces"),
    "pdb": ("apis/policy/v1", "poddisruptionbudgets"),
    "poddisruptionbudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "pod": (CORE, "pods"),
    "pv": (CORE, "persistentvolumes"),
    "pvc": (CORE, "persistentvolumeclaims"),
    "role": (RBAC, "roles"),
    "rolebinding": (RBAC, "rolebindings"),
    "service": (CORE, "services"),
    "serviceaccount": (CORE, "serviceaccounts"),
    "volumesnapshot": ("apis/snapshot.storage.k8s.io/v1", "volumesnapshots"),
}
OF_THE_CLUSTER = frozenset({"namespaces", "persistentvolumes"})
TIMEOUT_S = 30.0

Json = dict[str, Any]


def one(kubeconfig: Path | None, kind: str, name: str, namespace: str) -> Json:
    """One object; empty when there is none.

    Raises:
        RuntimeError: the API server did not answer, or refused.
    """
    return _read(kubeconfig, f"{_path(kind, namespace)}/{name}") or {}


def many(kubeconfig: Path | None, kinds: str, namespace: str, selector: str = "") -> list[Json]:
    """All objects of these kinds, which commas part, as kubectl lists them: each tells its kind.

    Raises:
        RuntimeError: the API server did not answer, or refused.
    """
    query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
    found: list[Json] = []
    for kind in kinds.split(","):
        told = _read(kubeconfig, _path(kind, namespace) + query)
        if told is None:
            raise RuntimeError(f"the server has no resource {kind!r}")
        known = {"apiVersion": told["apiVersion"], "kind": told["kind"].removesuffix("List")}
        found += [{**known, **item} for item in told["items"]]
    return found


def _path(kind: str, namespace: str) -> str:
    api, plural = RESOURCES[kind] if kind in RESOURCES else RESOURCES[kind.removesuffix("s")]
    return f"/{api}/{plural}" if plural in OF_THE_CLUSTER else f"/{api}/namespaces/{namespace}/{plural}"


def _read(kubeconfig: Path | None, path: str) -> Json | None:
    """None for what is not there."""
    client = _client(kubeconfig)
    wanted = {"Accept": "application/json"}
    _, url, headers, _, _ = client.param_serialize(
        "GET", path, header_params=wanted, auth_settings=["BearerToken"]
    )
    try:
        answer = client.call_api("GET", url, headers, _request_timeout=TIMEOUT_S)
        text = answer.read()
    except (ApiException, HTTPError, OSError) as error:
        raise RuntimeError(f"GET {path} failed: {error}") from error
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"GET {path} failed: {answer.status} {text!r}")
    found: Json = json.loads(text)
    return found


@cache
def _client(kubeconfig: Path | None) -> ApiClient:
    return config.new_client_from_config(str(kubeconfig) if kubeconfig else None)
