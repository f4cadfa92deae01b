"""The chart's Lua files → the ConfigMap that Argo CD reads; run as a program, it writes the example's.

`python tests/gitops/argocd_cm.py`. Argo CD gives a script no way to load another, so that what several
of them share stands in a file of its own, which takes the place of their line `-- needs NAME.lua`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "charts" / "facedb" / "files" / "argocd"
CONFIG_MAP = ROOT / "examples" / "09-argo-cd" / "argocd-cm.yaml"
KEY = "facedb.dev_FaceDatabase"
NEEDS = re.compile(r"^-- needs (\w+\.lua)\n", re.MULTILINE)
VERBS = ("promote", "abort", "retry", "rollback", "approve", "pause", "resume")
HEAD = """# What Argo CD knows of FaceDatabases: their health, and the verbs of `kubectl facedb` as actions.
# `kubectl -n argocd patch configmap argocd-cm --type=merge --patch-file=argocd-cm.yaml` adds these two keys.
# Do not apply it: that may take away keys of the installation.
# Made out of charts/facedb/files/argocd by `python tests/gitops/argocd_cm.py`.
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def script(path: Path) -> str:
    """A script as Argo CD runs it."""
    return NEEDS.sub(lambda needed: (LUA / needed[1]).read_text(), path.read_text())


def config_map() -> dict[str, Any]:
    """The ConfigMap, as an object."""
    definitions = [
        {"name": verb, "action.lua": script(LUA / "actions" / verb / "action.lua")} for verb in VERBS
    ]
    actions = {"discovery.lua": script(LUA / "actions" / "discovery.lua"), "definitions": definitions}
    labels = {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd", "labels": labels},
        "data": {
            f"resource.customizations.health.{KEY}": script(LUA / "health.lua"),
            f"resource.customizations.actions.{KEY}": _yaml(actions),
        },
    }


def page() -> str:
    """The file of the example."""
    return HEAD + _yaml(config_map())


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=110)


if __name__ == "__main__":
    CONFIG_MAP.write_text(page())
