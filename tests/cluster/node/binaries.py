"""Kubernetes and its neighbours, built from the Go module proxy and kept by version.

Each folder of ``go/`` is a module of its own whose ``tool`` lines name the programs; what is already in the
cache under the same module files is not built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.node.layout import GO_MODULES, cache_dir
from cluster.node.say import NodeError, say, step

_KUBERNETES_VERSION = "v1.36.3"
_VERSION_FLAGS = " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in (
        ("gitVersion", _KUBERNETES_VERSION),
        ("gitMajor", "1"),
        ("gitMinor", "36"),
        ("gitTreeState", "clean"),
    )
)


@dataclass(frozen=True)
class Program:
    """One program: the file's name, the module that builds it, and its package."""

    name: str
    module: str
    package: str
    tags: str = ""
    ldflags: str = ""


def _kubernetes(name: str) -> Program:
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", ldflags=_VERSION_FLAGS)


def _containerd(name: str) -> Program:
    tags = "no_btrfs,no_zfs,no_devmapper"
    return Program(name, "containerd", f"github.com/containerd/containerd/v2/cmd/{name}", tags=tags)


def _cni(name: str, kind: str) -> Program:
    return Program(name, "cni", f"github.com/containernetworking/plugins/plugins/{kind}/{name}")


def _csi(name: str, of: str) -> Program:
    return Program(name, "csi", f"github.com/kubernetes-csi/{of}/cmd/{name}")


PROGRAMS = (
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl"),
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    _containerd("containerd"),
    _containerd("containerd-shim-runc-v2"),
    _containerd("ctr"),
    _cni("bridge", "main"),
    _cni("host-local", "ipam"),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
    Program("coredns", "coredns", "github.com/coredns/coredns"),
    Program("pause", "pause", "."),
    _csi("snapshot-controller", "external-snapshotter/v8"),
    _csi("csi-snapshotter", "external-snapshotter/v8"),
    _csi("csi-provisioner", "external-provisioner/v6"),
)
# CSI's own test of a driver, for the driver of the tests.
CSI_SANITY = _csi("csi-sanity", "csi-test/v5")
# Nodes and pods that only pretend to run, built when somebody asks for them.
KWOK = Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok")
# Servers that releases are fetched from in tests of the release library; the node does without them.
REGISTRY = Program("registry", "registry", "github.com/distribution/distribution/v3/cmd/registry")
S3_GATEWAY = Program("versitygw", "s3", "github.com/versity/versitygw/cmd/versitygw")
# Argo CD in one program: which part it plays is its name's to say.
ARGOCD = Program("argocd", "argocd", "github.com/argoproj/argo-cd/v3/cmd")
# What of Flux applies to a cluster, and the library by which it judges, alone.
FLUX_KUSTOMIZE = Program("kustomize-controller", "fluxkustomize", "github.com/fluxcd/kustomize-controller")
KSTATUS = Program("kstatus", "kstatus", ".")
# Judges manifests by the schemas of Kubernetes.
KUBECONFORM = Program("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform")


def key(program: Program, modules: Path = GO_MODULES) -> str:
    """Stands for what a program is built from: its module files, package, tags and flags."""
    digest = hashlib.sha256()
    for file in sorted((modules / program.module).glob("*")):
        digest.update(file.name.encode() + file.read_bytes())
    digest.update(repr((program.package, program.tags, program.ldflags)).encode())
    return digest.hexdigest()[:12]


def bin_dir() -> Path:
    """The folder that holds every program under its plain name."""
    return cache_dir() / "bin"


def ensure() -> Path:
    """Build what is missing and return the folder with all programs.

    Raises:
        NodeError: a build failed; the message ends with the compiler's words.
    """
    store = cache_dir() / "programs"
    store.mkdir(parents=True, exist_ok=True)
    bin_dir().mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as lock:
        # Two checkouts share one cache: the second waits and finds everything built.
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [p for p in PROGRAMS if not (store / f"{p.name}-{key(p)}").exists()]
        if missing:
            say(
                f"Building {len(missing)} programs from the Go module proxy (all take 14 minutes on 2 cores)."
            )
        for number, program in enumerate(missing, 1):
            with step(f"  {number} of {len(missing)}: {program.name}"):
                _build(program, store)
        for program in PROGRAMS:
            _link(store / f"{program.name}-{key(program)}", bin_dir() / program.name)
    return bin_dir()


def ensure_one(program: Program) -> Path:
    """Build one program if it is missing and return it.

    Raises:
        NodeError: as ensure.
    """
    store = cache_dir() / "programs"
    store.mkdir(parents=True, exist_ok=True)
    target = store / f"{program.name}-{key(program)}"
    # What is there is whole, and is not waited for while another is built.
    if target.exists():
        return target
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with step(f"Building {program.name} from the Go module proxy (minutes)"):
                _build(program, store)
    return target


def _build(program: Program, store: Path) -> None:
    target = store / f"{program.name}-{key(program)}"
    part = target.with_suffix(".part")
    command = ["go", "build", "-trimpath", "-ldflags", f"-s -w {program.ldflags}".strip(), "-o", str(part)]
    if program.tags:
        command += ["-tags", program.tags]
    done = subprocess.run(
        [*command, program.package],
        cwd=GO_MODULES / program.module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NodeError(f"Building {program.name} failed:\n{done.stderr[-3000:]}")
    part.replace(target)


def _link(target: Path, link: Path) -> None:
    if link.is_symlink() and link.resolve() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def find(name: str) -> str:
    """A program's path: ours if built, else the one on PATH."""
    ours = bin_dir() / name
    return str(ours) if ours.exists() else (shutil.which(name) or name)
