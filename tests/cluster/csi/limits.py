"""Volumes that are really full when they are full: a file system of the size asked for, in memory.

Everything else of the driver is folders, which hold whatever the disk holds.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# Of a StorageClass: its volumes hold no byte more than was asked for.
PARAMETER = "limited"


def is_mounted(target: Path) -> bool:
    """Whether something is mounted here; os.path.ismount overlooks bind mounts from the same disk."""
    table = Path("/proc/self/mounts").read_text().splitlines()
    return str(target) in (line.split()[1].encode().decode("unicode_escape") for line in table)


def put(folder: Path, size: int) -> None:
    """Mount an empty file system of so many bytes on this folder.

    Raises:
        OSError: it could not be mounted.
    """
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder))


def take_away(folder: Path) -> None:
    """Unmount what ``put`` mounted here, if it did; its content is gone then.

    Raises:
        OSError: it is still in use.
    """
    if is_mounted(folder):
        _run("umount", str(folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{command[0]} failed: {done.stderr.strip()}")
