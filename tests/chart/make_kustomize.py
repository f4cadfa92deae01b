"""The chart → charts/kustomize/base; run as a program, it writes the folder.

For those who do not use Helm: the default values, in the namespace facedb-system. Nothing in it names Helm.
"""

from __future__ import annotations

import yaml

from chart.renders import NAMESPACE, ROOT, Manifest, hooks_only, template

BASE = ROOT / "charts" / "kustomize" / "base"
HEAD = """# Made from charts/facedb: PYTHONPATH=tests python -m chart.make_kustomize; a test keeps it in step.
"""
ORDER = {
    "namespace.yaml": ("Namespace",),
    "definition.yaml": ("CustomResourceDefinition",),
    "rights.yaml": ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    "policies.yaml": ("NetworkPolicy", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    "operator.yaml": ("Service", "Deployment"),
}


def files() -> dict[str, str]:
    """Every file of the base, by name."""
    found = [_without_helm(m) for m in yaml.safe_load_all(template("--no-hooks")) if m and not hooks_only(m)]
    found.append(_namespace())
    strangers = {m["kind"] for m in found} - {kind for kinds in ORDER.values() for kind in kinds}
    if strangers:
        raise ValueError(f"no file of the base is for {strangers}")
    made = {name: _file([m for m in found if m["kind"] in kinds]) for name, kinds in ORDER.items()}
    made["kustomization.yaml"] = HEAD + yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": list(ORDER),
        },
        sort_keys=False,
    )
    return made


def _namespace() -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _without_helm(manifest: Manifest) -> Manifest:
    meta = manifest["metadata"]
    _strip(meta)
    if manifest["kind"] == "Deployment":
        _strip(manifest["spec"]["template"]["metadata"])
    return manifest


def _strip(meta: Manifest) -> None:
    labels = meta["labels"]
    labels.pop("helm.sh/chart")
    labels["app.kubernetes.io/managed-by"] = "kustomize"
    notes = {k: v for k, v in (meta.pop("annotations", None) or {}).items() if not k.startswith("helm.sh/")}
    if notes:
        meta["annotations"] = notes


def _file(manifests: list[Manifest]) -> str:
    return HEAD + "---\n".join(yaml.safe_dump(m, sort_keys=False, width=110) for m in manifests)


if __name__ == "__main__":
    BASE.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (BASE / name).write_text(text)
