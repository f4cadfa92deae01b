"""Files beside a data folder's own → in their places, all or none, whatever ends the process.

Every move is a rename on one file system, and a journal says which moves and how far:

    (no journal)  nothing was moved: the workplace is thrown away
    leaving       the old files move out, one by one
    arriving      all old files are out; the new ones move in, one by one
    arrived       all new files are in; the old ones become the backup

The next run goes on from there, or goes back when it cannot. Called by install; knows nothing of releases.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from facedb_release.receipt import sync_folder, write_whole

WORKPLACE = ".facedb-import"
BACKUP = ".facedb-backup"
NEW, OLD = f"{WORKPLACE}/new", f"{WORKPLACE}/old"
_JOURNAL = f"{WORKPLACE}/journal.json"
Step = Callable[[str], None]


def no_step(what: str) -> None:
    """Do nothing after a step; tests die here."""


class Stage(StrEnum):
    """How far the moves are."""

    LEAVING = "leaving"
    ARRIVING = "arriving"
    ARRIVED = "arrived"


class Recovered(StrEnum):
    """What became of a swap that was broken off."""

    COMPLETED = "completed"
    UNDONE = "undone"
    CLEARED = "cleared"  # nothing had been moved, or all had; only the workplace was left


@dataclass(frozen=True)
class Swap:
    """The moves.

    Attributes:
        out: names that leave the data folder, in this order.
        into: names that come → their sizes in bytes, in this order.
        source: the folder that they come from: NEW or BACKUP.
        stage: how far the moves are.
    """

    out: tuple[str, ...]
    into: Mapping[str, int]
    source: str = NEW
    stage: Stage = Stage.LEAVING


def begin(data: Path, step: Step = no_step) -> None:
    """Make an empty workplace; the caller fills NEW, and may put notes for the backup into OLD."""
    shutil.rmtree(data / WORKPLACE, ignore_errors=True)
    for name in (WORKPLACE, NEW, OLD):
        (data / name).mkdir()
        step(f"made {name}")
    sync_folder(data / WORKPLACE)
    sync_folder(data)


def abandon(data: Path) -> None:
    """Throw the workplace away, unless its journal says that moves have begun."""
    if not (data / _JOURNAL).exists():
        shutil.rmtree(data / WORKPLACE, ignore_errors=True)


def swap(
    data: Path, wanted: Swap, *, confirm: Callable[[Path], object] = lambda _: None, step: Step = no_step
) -> None:
    """Make the moves; the old files, with what else lies in OLD, are then the backup.

    Args:
        data: the folder.
        wanted: the moves.
        confirm: looks at the folder once all is in; what it raises undoes the moves.
        step: is told of every step.

    Raises:
        OSError: when a move fails; and what `confirm` raises. All moves were undone then, or the next
            `recover` brings them to an end.
    """
    for folder in (wanted.source, OLD):
        sync_folder(data / folder)
    _write(data, wanted)
    step("wrote the journal")
    try:
        _forward(data, wanted, step, confirm)
    except (Exception, KeyboardInterrupt):
        _back(data, _read(data), step)
        raise


def recover(data: Path, step: Step = no_step) -> Recovered | None:
    """Bring a swap that was broken off to its end, or undo it; None when there was none.

    Raises:
        OSError: when neither can be done now.
    """
    if not (data / WORKPLACE).exists():
        return None
    begun = _read(data)
    if begun is None:
        shutil.rmtree(data / WORKPLACE)
        step("threw the workplace away")
        return Recovered.CLEARED
    if _can_go_on(data, begun):
        _forward(data, begun, step)
        return Recovered.COMPLETED
    _back(data, begun, step)
    return Recovered.UNDONE


def _can_go_on(data: Path, begun: Swap) -> bool:
    """Whether every file that is to come is where it should be, with its size."""
    if begun.stage is Stage.ARRIVED:
        return True
    places = [begun.source] if begun.stage is Stage.LEAVING else [begun.source, "."]
    return all(any(_is(data / p / name, size) for p in places) for name, size in begun.into.items())


def _forward(data: Path, now: Swap, step: Step, confirm: Callable[[Path], object] = lambda _: None) -> None:
    """Go on from the stage to the end."""
    if now.stage is Stage.LEAVING:
        for name in now.out:
            if not os.path.lexists(data / OLD / name):
                (data / name).rename(data / OLD / name)
                step(f"moved {name} out")
        now = _enter(data, now, Stage.ARRIVING, step)
    if now.stage is Stage.ARRIVING:
        for name in now.into:
            if os.path.lexists(data / now.source / name):
                (data / now.source / name).rename(data / name)
                step(f"moved {name} in")
        confirm(data)
        now = _enter(data, now, Stage.ARRIVED, step)
    _keep_old(data, now, step)
    _end(data, step)


def _back(data: Path, now: Swap | None, step: Step) -> None:
    """Go back from the stage to the beginning; from the last one there is no way back, and none is needed."""
    if now is None or now.stage is Stage.ARRIVED:
        return
    if now.stage is Stage.ARRIVING:
        for name in reversed(list(now.into)):
            if os.path.lexists(data / name) and not os.path.lexists(data / now.source / name):
                (data / name).rename(data / now.source / name)
                step(f"moved {name} back out")
        now = _enter(data, now, Stage.LEAVING, step)
    for name in reversed(now.out):
        if os.path.lexists(data / OLD / name):
            (data / OLD / name).rename(data / name)
            step(f"moved {name} back in")
    sync_folder(data)
    _end(data, step)


def _enter(data: Path, now: Swap, stage: Stage, step: Step) -> Swap:
    """Make the moves durable, and write down that the next stage has begun."""
    for folder in (OLD, now.source, "."):
        sync_folder(data / folder)
    entered = replace(now, stage=stage)
    _write(data, entered)
    step(f"wrote down: {stage}")
    return entered


def _keep_old(data: Path, now: Swap, step: Step) -> None:
    """Make the old files the backup, in place of the one before; without old files that one stays."""
    if now.out and (data / OLD).exists():
        if (data / BACKUP).exists():
            shutil.rmtree(data / BACKUP)
            step("removed the backup before")
        (data / OLD).rename(data / BACKUP)
        step("made the old files the backup")
        sync_folder(data)


def _end(data: Path, step: Step) -> None:
    """Forget the moves: the journal first, since without its files it would mislead."""
    (data / _JOURNAL).unlink()
    sync_folder(data / WORKPLACE)
    step("removed the journal")
    shutil.rmtree(data / WORKPLACE, ignore_errors=True)
    step("removed the workplace")


def _is(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _write(data: Path, now: Swap) -> None:
    write_whole(data / _JOURNAL, json.dumps(asdict(now)).encode())


def _read(data: Path) -> Swap | None:
    """Return the journal; None without one."""
    try:
        raw = json.loads((data / _JOURNAL).read_bytes())
    except FileNotFoundError:
        return None
    return Swap(tuple(raw["out"]), dict(raw["into"]), raw["source"], Stage(raw["stage"]))
