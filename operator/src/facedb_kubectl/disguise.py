"""As whom the kubeconfig says to act: `as`, `as-uid`, `as-groups` and `as-user-extra` of a user.

Kubernetes' client for Python does not know them. Without them, somebody who has laid rights aside would act
with all of them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from urllib3 import HTTPHeaderDict

from facedb_kubectl.fields import text


def disguise(file: str | None, context: str | None) -> tuple[tuple[str, str], ...]:
    """Headers of every request, name and value; a name may come more than once.

    Args:
        file: the kubeconfig; None for where kubectl looks.
        context: of it; None for the current one.

    Raises:
        kubernetes.config.ConfigException, OSError, yaml.YAMLError: it cannot be read.
    """
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

    merged = KubeConfigMerger(file or KUBE_CONFIG_DEFAULT_LOCATION).config
    whole: Mapping[str, Any] = merged.value if merged is not None else {}
    chosen = _named(whole, "contexts", context or whole.get("current-context"))
    user = _named(whole, "users", text(chosen, "context", "user")).get("user") or {}
    found = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
    found += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
    for name, values in (user.get("as-user-extra") or {}).items():
        found += [(f"Impersonate-Extra-{quote(name, safe='')}", value) for value in values]
    return tuple((name, str(value)) for name, value in found if value)


def put_on(headers: Mapping[str, str], worn: tuple[tuple[str, str], ...]) -> HTTPHeaderDict:
    """A request's headers, and those of the disguise."""
    all_of_them = HTTPHeaderDict(headers)
    for name, value in worn:
        all_of_them.add(name, value)
    return all_of_them


def _named(whole: Mapping[str, Any], part: str, name: str | None) -> Mapping[str, Any]:
    # The merger wraps what it reads, to know of which file it is.
    entries = (getattr(each, "value", each) for each in whole.get(part) or ())
    return next((entry for entry in entries if entry.get("name") == name), {})
