"""Who uses a data folder: a lock that sidecars share and an import takes alone, and a look at open files.

The lock is for the sidecar of this project (`hold`); others are found by the files they have open, on Linux,
as far as this process may look. Never ends a process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from facedb_release import volume
from facedb_release.errors import Reason, SourceTrouble

NAME = ".facedb-in-use"
_PROC = Path("/proc")


@dataclass(frozen=True)
class User:
    """A process that has a file of the folder open."""

    pid: int
    command: str
    file: str


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Say that this process reads the folder; for the sidecar, as long as it serves from it.

    On a volume that cannot be written the lock file may be missing; then nothing is locked, as nobody can
    import through that mount either.

    Raises:
        SourceTrouble: InUse, while an import changes the folder.
    """
    try:
        handle: int | None = os.open(folder / NAME, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError:
        handle = None
        with suppress(OSError):
            handle = os.open(folder / NAME, os.O_RDONLY)
    try:
        if handle is not None:
            _lock(handle, fcntl.LOCK_SH, f"An import is changing {folder}; start again when it is done.")
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def alone(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Change the folder while nobody else reads or changes it.

    Args:
        folder: made when its parent is there.
        names: of the files in it that others may have open.

    Raises:
        SourceTrouble: InUse, with the process where it is known; VolumeUnavailable.
        NoSpace: when the volume runs full meanwhile.
    """
    with volume.writing(folder), unused(folder, names):
        yield


@contextmanager
def unused(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Keep readers out; for whoever holds the folder's lock of writing already.

    Args:
        folder: of the files.
        names: of those that others may have open.

    Raises:
        SourceTrouble: InUse, with the process where it is known.
    """
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, fcntl.LOCK_EX, _advice(f"A sidecar uses {folder}"))
        _require_closed(folder, names)
        yield
    finally:
        os.close(handle)


def require_unused(folder: Path, names: Iterable[str]) -> None:
    """Check that nobody uses the folder now.

    Raises:
        SourceTrouble: InUse.
    """
    with alone(folder, names):
        pass


def users(paths: Iterable[Path]) -> Iterator[User]:
    """Yield the other processes that have one of the files open or mapped, as far as this one may see.

    Files are compared by device and inode: a container sees them under other paths.
    """
    wanted = {}
    for path in paths:
        with suppress(OSError):
            stat = path.stat()
            wanted[stat.st_dev, stat.st_ino] = path.name
    for entry in _PROC.iterdir() if wanted and _PROC.is_dir() else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            file = _opened(entry, wanted) or _mapped(entry, wanted)
            if file is not None:
                yield User(int(entry.name), _command(entry), file)


def _require_closed(folder: Path, names: Iterable[str]) -> None:
    user = next(users(folder / name for name in names), None)
    if user is not None:
        raise SourceTrouble(
            Reason.IN_USE,
            _advice(f"Process {user.pid} ({user.command}) has {user.file} in {folder} open"),
            file=user.file,
            expected="a folder that nobody uses",
            found=f"process {user.pid}: {user.command}",
        )


def _lock(handle: int, kind: int, message: str) -> None:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError as e:
        raise SourceTrouble(Reason.IN_USE, message) from e


def _advice(what: str) -> str:
    return f"{what}; a release is not changed under a running sidecar. Stop it, then start again."


def _opened(process: Path, wanted: Mapping[tuple[int, int], str]) -> str | None:
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                stat = link.stat()
                if (stat.st_dev, stat.st_ino) in wanted:
                    return wanted[stat.st_dev, stat.st_ino]
    return None


def _mapped(process: Path, wanted: Mapping[tuple[int, int], str]) -> str | None:
    with suppress(OSError):
        for line in (process / "maps").read_text("utf-8", "replace").splitlines():
            _, _, _, device, inode, *_ = line.split(maxsplit=5)
            if inode != "0":
                major, minor = (int(part, 16) for part in device.split(":"))
                file = wanted.get((os.makedev(major, minor), int(inode)))
                if file is not None:
                    return file
    return None


def _command(process: Path) -> str:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode("utf-8", "replace").strip()[:80]
    return "unknown"
