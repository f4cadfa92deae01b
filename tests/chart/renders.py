"""The chart as Helm renders it, for sets of values; how it looks in golden files."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cluster.node import binaries

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "facedb"
CRD = ROOT / "crds" / "facedatabases.yaml"
HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
SETS = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
NAMESPACE = "facedb-system"
# What `helm template` would otherwise ask a cluster.
SERVED = (
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
    "facedb.dev/v1alpha1/FaceDatabase",
    "monitoring.coreos.com/v1",
)
Manifest = dict[str, Any]


class HelmError(Exception):
    """Helm's words."""


def helm(*args: str, kubeconfig: Path | None = None) -> str:
    """Run Helm and return what it prints.

    Raises:
        HelmError: it failed.
    """
    env = {**os.environ, "KUBECONFIG": str(kubeconfig)} if kubeconfig else dict(os.environ)
    program = binaries.bin_dir() / "helm"
    if not program.exists():
        binaries.ensure()
    done = subprocess.run([str(program), *args], capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise HelmError(done.stderr or done.stdout)
    return done.stdout


def template(*args: str, served: tuple[str, ...] = SERVED, release: str = "facedb") -> str:
    """What the chart renders to, as text."""
    words = ("template", release, str(CHART), "--namespace", NAMESPACE, "--kube-version", "1.36.0")
    return helm(*words, *(w for s in served for w in ("--api-versions", s)), *args)


@cache
def rendered(name: str) -> tuple[Manifest, ...]:
    """The objects of one set of values; a set says nothing of others."""
    text = template("--values", str(HERE / "values" / f"{name}.yaml"))
    return tuple(found for found in yaml.safe_load_all(text) if found)


class _Readable(yaml.SafeDumper):
    """Text of several lines stays so."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def hooks_only(manifest: Manifest) -> bool:
    """Whether it is made by `helm test` only."""
    return "helm.sh/hook" in (manifest["metadata"].get("annotations") or {})


def golden_text(name: str) -> str:
    """The objects in an order, without what is a file of its own elsewhere."""
    found = sorted(rendered(name), key=lambda m: (hooks_only(m), m["kind"], m["metadata"]["name"]))
    texts = (yaml.dump(_cut(m), Dumper=_Readable, sort_keys=False, width=110) for m in found)
    return "\n---\n".join(text.strip() for text in texts) + "\n"


def _cut(manifest: Manifest) -> Manifest:
    if manifest["kind"] == "CustomResourceDefinition":
        assert manifest["spec"] == yaml.safe_load(CRD.read_text())["spec"]
        return {**manifest, "spec": "(that of crds/facedatabases.yaml)"}
    if manifest["kind"] == "ConfigMap":
        files = {p.name: p.read_text().strip() for p in (CHART / "files" / "dashboards").iterdir()}
        assert manifest["data"] == files
        return {**manifest, "data": {name: f"(files/dashboards/{name})" for name in files}}
    return manifest


def write() -> None:
    """Write every golden file."""
    GOLDEN.mkdir(exist_ok=True)
    for name in SETS:
        (GOLDEN / f"{name}.yaml").write_text(golden_text(name))


if __name__ == "__main__":
    write()
