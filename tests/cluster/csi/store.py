"""Volumes and snapshots as folders: what the driver keeps, without a word of gRPC.

``volumes/ID`` and ``snapshots/ID`` hold files; ``ID.json`` beside each says what it is and is written last: a
folder without one is a copy that was never finished. A snapshot is a copy (by reference where the file
system can): what a pod writes during the copy may be in it or not, as after a power cut.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.csi import limits

_ID = re.compile(r"(vol|snap)-[0-9a-f]{32}")


@dataclass(frozen=True)
class Origin:
    """What a volume was filled from; both empty for an empty volume."""

    snapshot: str = ""
    volume: str = ""


@dataclass(frozen=True)
class Volume:
    """A volume. ``capacity`` is bytes as promised; only where it is ``limited`` is a pod held to it."""

    id: str
    name: str
    capacity: int
    origin: Origin
    limited: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A snapshot. ``size``: the least capacity in bytes of a volume made from it; ``at``: ns since 1970."""

    id: str
    name: str
    volume: str
    size: int
    at: int
    namespace: str = ""


class NotThereError(Exception):
    """No volume or snapshot of this id."""


class OtherwiseError(Exception):
    """There is one of this name already, made from something else."""


class TooSmallError(Exception):
    """The capacity asked for holds less than what the volume is made from."""


class Store:
    """Everything that the driver keeps, below one folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._volumes = folder / "volumes"
        self._snapshots = folder / "snapshots"
        for made in (self._volumes, self._snapshots):
            made.mkdir(parents=True, exist_ok=True)
        # One change at a time: who asks again during a copy waits for it, and finds it done.
        self._lock = threading.Lock()

    def files(self, volume: str) -> Path:
        """The folder with a volume's files.

        Raises:
            NotThereError: there is no such volume.
        """
        self.volume(volume)
        return self._volumes / volume

    def volume(self, volume: str) -> Volume:
        """A volume by its id.

        Raises:
            NotThereError: there is none.
        """
        said = _read(self._volumes, volume)
        return Volume(**{**said, "origin": Origin(**said["origin"])})

    def snapshot(self, snapshot: str) -> Snapshot:
        """A snapshot by its id.

        Raises:
            NotThereError: there is none.
        """
        return Snapshot(**_read(self._snapshots, snapshot))

    def snapshots(self) -> list[Snapshot]:
        """All snapshots, oldest first."""
        with self._lock:
            found = [Snapshot(**json.loads(f.read_text())) for f in self._snapshots.glob("snap-*.json")]
        return sorted(found, key=lambda s: (s.at, s.id))

    def create_volume(
        self, name: str, least: int, most: int, origin: Origin, *, limited: bool = False
    ) -> Volume:
        """Make a volume of at least ``least`` and at most ``most`` bytes (0: no bound), or find it made.

        ``limited``: it holds no more than that.

        Raises:
            NotThereError: what it shall be made from is gone.
            OtherwiseError: this name was made with another size or from something else.
            TooSmallError: ``most`` is below ``least`` or below what it is made from.
        """
        with self._lock:
            source, needed = self._source(origin)
            wanted = Volume(_id("vol", name), name, max(least, needed), origin, limited)
            try:
                found = self.volume(wanted.id)
            except NotThereError:
                found = None
            if found is not None:
                if found.origin != origin or found.capacity < least or 0 < most < found.capacity:
                    raise OtherwiseError(f"the volume {name} exists with another size or from another source")
                return found
            if 0 < most < wanted.capacity or 0 < least < needed:
                raise TooSmallError(
                    f"{least} to {most or 'any'} bytes were asked for, {wanted.capacity} are needed"
                )
            _fill(self._volumes / wanted.id, source, wanted.capacity if limited else 0)
            _write(self._volumes, wanted.id, asdict(wanted))
            return wanted

    def create_snapshot(self, name: str, volume: str, namespace: str = "") -> Snapshot:
        """Copy a volume into a snapshot of this name, or find it made.

        Raises:
            NotThereError: there is no such volume.
            OtherwiseError: this name was made from another volume.
        """
        with self._lock:
            identity = _id("snap", name)
            try:
                found = self.snapshot(identity)
            except NotThereError:
                found = None
            if found is not None:
                if found.volume != volume:
                    raise OtherwiseError(f"the snapshot {name} exists, of another volume")
                return found
            source = self.volume(volume)
            made = Snapshot(identity, name, volume, source.capacity, time.time_ns(), namespace)
            _fill(self._snapshots / identity, self._volumes / volume)
            _write(self._snapshots, identity, asdict(made))
            return made

    def delete_volume(self, volume: str) -> None:
        """Delete a volume with its files; one that is gone is no error. Snapshots of it stay whole."""
        with self._lock:
            _delete(self._volumes, volume)

    def delete_snapshot(self, snapshot: str) -> None:
        """Delete a snapshot; one that is gone is no error. Volumes made from it stay whole."""
        with self._lock:
            _delete(self._snapshots, snapshot)

    def _source(self, origin: Origin) -> tuple[Path | None, int]:
        """The folder to copy, and the bytes that a volume made from it must promise."""
        if origin.snapshot:
            return self._snapshots / origin.snapshot, self.snapshot(origin.snapshot).size
        if origin.volume:
            return self._volumes / origin.volume, self.volume(origin.volume).capacity
        return None, 0


def _id(kind: str, name: str) -> str:
    """An id from a name: who asks twice with one name gets one thing."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _read(folder: Path, identity: str) -> dict[str, object]:
    try:
        # An id comes from outside and becomes a path: only ours are looked up.
        found: dict[str, object] = json.loads((folder / f"{_checked(identity)}.json").read_text())
    except (FileNotFoundError, ValueError):
        raise NotThereError(f"{identity} is not known") from None
    return found


def _checked(identity: str) -> str:
    if not _ID.fullmatch(identity):
        raise ValueError(identity)
    return identity


def _write(folder: Path, identity: str, said: dict[str, object]) -> None:
    part = folder / f"{identity}.part"
    part.write_text(json.dumps(said))
    part.replace(folder / f"{identity}.json")


def _fill(target: Path, source: Path | None, limit: int = 0) -> None:
    # Left over from a copy that was cut off.
    limits.take_away(target)
    shutil.rmtree(target, ignore_errors=True)
    # As a new file system's root is: what runs as a user gets in by its pod's fsGroup.
    target.mkdir(mode=0o755)
    if limit:
        limits.put(target, limit)
    if source is not None:
        command = ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"copying {source.name} failed: {done.stderr.strip()}")


def _delete(folder: Path, identity: str) -> None:
    try:
        _checked(identity)
    except ValueError:
        return
    # Files first: as long as the record stands, a second try finds what to delete.
    limits.take_away(folder / identity)
    shutil.rmtree(folder / identity, ignore_errors=True)
    (folder / f"{identity}.json").unlink(missing_ok=True)
