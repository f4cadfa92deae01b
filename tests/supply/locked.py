"""The lock file → what an image holds, as a requirements file with hashes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cluster.node.layout import cache_dir

ROOT = Path(__file__).resolve().parents[2]
# Image → the workspace's member, and its extras as the Dockerfile's defaults install them.
IMAGES = {"operator": ("facedb-operator",), "sidecar": ("facedb-sidecar", "--extra", "cuda")}


def uv() -> str:
    """The Makefile's uv, also where pytest runs without make; else the one on PATH."""
    installed = map(str, sorted(cache_dir().glob("uv-*/bin/uv")))
    return os.environ.get("UV") or next(installed, "uv")


def requirements(image: str) -> str:
    """What this image's environment is installed from, one package with its hashes after the other."""
    member, *extras = IMAGES[image]
    words = [
        "export",
        "--frozen",
        "--no-dev",
        "--no-emit-workspace",
        "--no-header",
        "--no-annotate",
        "--quiet",
    ]
    command = [uv(), *words, "--package", member, *extras]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tool(name: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a tool of the dependency group `supply` in an environment of its own."""
    command = [uv(), "run", "--isolated", "--frozen", "--quiet", "--only-group", "supply", name, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, input=given)
