"""The project's two images: built from their Dockerfiles with buildah, imported into the node.

There is no registry to pull a base image from, so one is made from Debian's packages; the Dockerfiles'
``PYTHON_IMAGE`` argument swaps it in. An image's tag is the hash of what went into it: same inputs, same tag.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.node import archives, ownership, runtime
from cluster.node.layout import REPOSITORY, buildah_storage, cache_dir
from cluster.node.say import NodeError, step

BASE_IMAGE = "localhost/facedb-python:3.13-trixie"
SUITE = "trixie"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
HOST_CA = "/etc/ssl/certs/ca-certificates.crt"
_SHARED = ("pyproject.toml", "uv.lock", "release", "operator/pyproject.toml", "sidecar/pyproject.toml")


@dataclass(frozen=True)
class Recipe:
    """One image: its name, its Dockerfile, and the files that decide what is in it.

    Attributes:
        stages: of the Dockerfile that are no ancestors of the image but hold what is made from the inputs.
    """

    name: str
    dockerfile: str
    inputs: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


OPERATOR = Recipe("facedb-operator", "Dockerfile.operator", (*_SHARED, "operator"), stages=("code",))
SIDECAR = Recipe("facedb-sidecar", "Dockerfile.sidecar", (*_SHARED, "sidecar"), ("CUDA=0",), ("code",))


def tag(recipe: Recipe, root: Path = REPOSITORY) -> str:
    """The image's full name; the tag stands for the content of its inputs."""
    digest = hashlib.sha256(repr((recipe.arguments, BASE_IMAGE)).encode())
    for path in sorted(_files(root, (recipe.dockerfile, *recipe.inputs))):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return f"localhost/{recipe.name}:{digest.hexdigest()[:12]}"


def ensure_loaded() -> tuple[str, str]:
    """Build what changed, import what the node lacks.

    Returns:
        The operator's and the sidecar's full image names.

    Raises:
        NodeError: a build failed; the message ends with buildah's words.
    """
    return ensure(OPERATOR), ensure(SIDECAR)


def ensure(recipe: Recipe) -> str:
    """Build one image if its inputs changed, import it if the node lacks it; its full name.

    Raises:
        NodeError: the build failed; the message ends with buildah's words.
    """
    with ownership.alone():
        try:
            return _ensure(recipe)
        except NodeError:
            # A build that failed leaves its working containers mounted.
            subprocess.run(_command("rm", "--all"), capture_output=True, check=False)
            raise


def ensure_base_loaded() -> str:
    """Import the base image, for pods that need no more than Python and a shell: no edit makes it anew.

    Returns:
        Its full name.

    Raises:
        NodeError: as ensure_loaded.
    """
    with ownership.alone():
        if not _is_loaded(BASE_IMAGE):
            _ensure_base()
            with step(f"Importing {BASE_IMAGE}"):
                _import("facedb-python", BASE_IMAGE)
    return BASE_IMAGE


def _ensure(recipe: Recipe) -> str:
    name = tag(recipe)
    if _is_loaded(name):
        return name
    _ensure_base()
    if not _has(name):
        with step(f"Building {name}"):
            for stage in recipe.stages:
                _build(recipe, _stage(name, stage), "--target", stage)
            _build(recipe, name)
            _forget_earlier(recipe, name)
    with step(f"Importing {name}"):
        _import(recipe.name, name)
    return name


def _ensure_base() -> None:
    if not _has(BASE_IMAGE):
        with step("Making the Python base image from Debian packages"):
            _make_base()


def _is_loaded(name: str) -> bool:
    return name in runtime.ctr("images", "ls", "-q").split()


def _files(root: Path, inputs: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for entry in inputs:
        path = root / entry
        found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return [p for p in found if "__pycache__" not in p.parts]


def _make_base() -> None:
    tar = cache_dir() / f"{SUITE}.tar"
    if not tar.exists():
        part = tar.with_suffix(".part.tar")
        _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, str(part))
        part.replace(tar)
    container = _buildah("from", "scratch").strip()
    _buildah("add", "--quiet", container, str(tar))
    _buildah("commit", "--quiet", container, BASE_IMAGE)
    _buildah("rm", container)


def _stage(name: str, stage: str) -> str:
    repository, _, version = name.rpartition(":")
    return f"{repository}-{stage}:{version}"


def _forget_earlier(recipe: Recipe, name: str) -> None:
    """Forget the image's earlier builds: gigabytes. Layers that this one shares with them stay."""
    now = {name, *(_stage(name, stage) for stage in recipe.stages)}
    repositories = {one.rpartition(":")[0] for one in now}
    known = _buildah("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}").split()
    for one in known:
        if one not in now and one.rpartition(":")[0] in repositories:
            # One that another image is built upon stays as long as that.
            subprocess.run(_command("rmi", one), capture_output=True, check=False)


def _build(recipe: Recipe, name: str, *more: str) -> None:
    packages = cache_dir() / "uv"
    packages.mkdir(parents=True, exist_ok=True)
    arguments = [word for a in recipe.arguments for word in ("--build-arg", a)]
    # The host's certificates and package cache are lent to the build and never become part of the image.
    volumes = ["--volume", f"{packages}:/root/.cache/uv"]
    if Path(HOST_CA).exists():
        volumes += ["--volume", f"{HOST_CA}:{HOST_CA}:ro"]
    _buildah(
        *("build", "--quiet", "--layers", "--isolation", "chroot", "--network", "host", "--pull=never"),
        *("--build-arg", f"PYTHON_IMAGE={BASE_IMAGE}", *arguments, *volumes),
        *("--file", str(REPOSITORY / recipe.dockerfile), "--tag", name, *more, str(REPOSITORY)),
    )


def _import(work: str, name: str) -> None:
    """Hand the image to the node, by a folder called ``work``: only the layers that are new to it."""
    folder, archive = cache_dir() / work, cache_dir() / f"{work}.tar"
    shutil.rmtree(folder, ignore_errors=True)
    # Packed and unpacked on the same machine: gzip would cost a minute of processor time.
    _buildah("push", "--quiet", "--disable-compression", name, f"dir:{folder}")
    archives.missing_parts(folder, name, archive, has=runtime.has_blob)
    runtime.load_image(archive)
    archive.unlink()
    shutil.rmtree(folder)


def _has(name: str) -> bool:
    return (
        subprocess.run(
            _command("inspect", "--type", "image", name), capture_output=True, check=False
        ).returncode
        == 0
    )


def _command(*args: str) -> list[str]:
    storage = buildah_storage()
    return ["buildah", "--root", str(storage / "root"), "--runroot", str(storage / "run"), *args]


def _buildah(*args: str) -> str:
    return _run(*_command(*args))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode != 0:
        raise NodeError(f"{' '.join(command[:6])} … failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
