"""Programs of Debian's packages, unpacked into the cache, not installed: no service of the machine starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster.node.layout import cache_dir


def unpacked(program: str, *packages: str) -> Path:
    """Where a program of these packages is, fetched if need be; the first package names their folder."""
    folder = cache_dir() / packages[0]
    binary = folder / "usr" / "bin" / program
    if not binary.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(["apt-get", "-qq", "download", *packages], cwd=folder, check=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
            package.unlink()
    return binary
