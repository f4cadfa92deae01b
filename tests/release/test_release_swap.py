"""The moves of an import, ended at every step: then there is the old set or the new one, never a mixture."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.publish.swap import (
    BACKUP,
    NEW,
    OLD,
    WORKPLACE,
    Recovered,
    Swap,
    abandon,
    begin,
    recover,
    swap,
)

# Each of some thousand runs makes its moves durable: in memory that takes no time.
MEMORY = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None

Files = Mapping[str, str]
STRANGERS: Files = {"stash_sense.db": "a user's", "other": "somebody's"}
OLD_FILES: Files = {"a": "old a", "b": "old b", "gone": "old alone"}
NEW_FILES: Files = {"a": "new a!", "b": "new b!", "added": "new alone"}
BEFORE: Files = {"a": "older a", "note": "of the older"}


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing more is done, no handler runs."""


@dataclass
class Dying:
    """Dies, or fails, after so many steps."""

    left: int
    error: BaseException
    seen: int = 0

    def __call__(self, what: str) -> None:
        self.seen += 1
        if self.seen == self.left:
            raise self.error


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY) as made:
        yield Path(made)


def write(folder: Path, files: Files) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)


def read(folder: Path) -> Files:
    return {p.name: p.read_text() for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}


def prepared(data: Path, old: Files = OLD_FILES) -> None:
    write(data, {**STRANGERS, **old})
    write(data / BACKUP, BEFORE)


def exchange(data: Path, step: Dying, old: Files = OLD_FILES, new: Files = NEW_FILES) -> None:
    """Make the moves as install does."""
    begin(data, step)
    write(data / NEW, new)
    write(data / OLD, {"note": "of the old"})
    swap(data, Swap(tuple(old), {name: len(content) for name, content in new.items()}), step=step)


def check(data: Path, old: Files = OLD_FILES, new: Files = NEW_FILES) -> str:
    """Return which set is in place; fail on a mixture, a lost backup or a touched stranger."""
    there = dict(read(data))
    assert {name: there.pop(name) for name in STRANGERS} == STRANGERS
    if there == new and (not old or read(data / BACKUP) == {**old, "note": "of the old"}):
        return "new"
    assert there == old
    assert read(data / BACKUP) == BEFORE
    return "old"


def steps_of_a_whole_run() -> int:
    with TemporaryDirectory(dir=MEMORY) as place:
        data, counting = Path(place) / "data", Dying(0, Killed())
        prepared(data)
        exchange(data, counting)
        assert check(data) == "new"
        assert not (data / WORKPLACE).exists()
        return counting.seen


STEPS = steps_of_a_whole_run()
LAST_STEPS = ("removed the journal", "removed the workplace")


def killed_at(data: Path, at: int) -> None:
    prepared(data)
    with pytest.raises(Killed):
        exchange(data, Dying(at, Killed()))


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_kill_after_any_step_is_completed_or_undone_by_the_next_run(place: Path, at: int) -> None:
    killed_at(place / "data", at)
    recover(place / "data")

    assert check(place / "data") in ("old", "new")
    assert not (place / "data" / WORKPLACE).exists()
    assert recover(place / "data") is None


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_recovery_that_is_killed_is_recovered_too(place: Path, at: int) -> None:
    for again in itertools.count(1):
        data, step = place / str(again), Dying(again, Killed())
        killed_at(data, at)
        try:
            recover(data, step)
        except Killed:
            recover(data)
        assert check(data) in ("old", "new")
        if step.seen < again:
            break


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_an_error_at_any_step_leaves_the_old_set_or_one_that_the_next_run_completes(
    place: Path, at: int
) -> None:
    data = place / "data"
    prepared(data)
    with pytest.raises(OSError, match="No space"):
        exchange(data, Dying(at, OSError(errno.ENOSPC, "No space left on device")))
    abandon(data)
    done = recover(data)

    assert check(data) == ("old" if done is None and at <= STEPS - len(LAST_STEPS) else "new")


def test_what_a_last_look_refuses_is_undone(place: Path) -> None:
    prepared(place)

    def refuse(data: Path) -> None:
        assert read(data).items() >= NEW_FILES.items()
        raise ValueError("not good enough")

    begin(place)
    write(place / NEW, NEW_FILES)
    with pytest.raises(ValueError, match="enough"):
        swap(place, Swap(tuple(OLD_FILES), {n: len(c) for n, c in NEW_FILES.items()}), confirm=refuse)

    assert check(place) == "old"
    assert not (place / WORKPLACE).exists()


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_recovery_without_all_new_files_goes_back(place: Path, at: int) -> None:
    killed_at(place, at)
    if not (place / NEW / "added").exists():
        return
    (place / NEW / "added").write_text("cut")

    assert recover(place) in (Recovered.UNDONE, Recovered.CLEARED)
    assert check(place) == "old"


def test_the_first_set_leaves_an_older_backup_alone(place: Path) -> None:
    prepared(place, old={})
    exchange(place, Dying(0, Killed()), old={})

    assert check(place, old={}) == "new"
    assert read(place / BACKUP) == BEFORE


names = st.dictionaries(st.sampled_from("abcdefg"), st.text("xyz", max_size=3), max_size=5)


@settings(max_examples=60)
@given(old=names, new=names, at=st.integers(1, 30), again=st.integers(1, 30))
def test_any_sets_survive_two_kills(old: Files, new: Files, at: int, again: int) -> None:
    with TemporaryDirectory(dir=MEMORY) as place:
        data = Path(place) / "data"
        prepared(data, old)
        try:
            exchange(data, Dying(at, Killed()), old, new)
        except Killed:
            with suppress(Killed):
                recover(data, Dying(again, Killed()))
            recover(data)
        kept = dict(read(data))
        assert {n: kept.pop(n) for n in STRANGERS} == STRANGERS
        assert kept in (old, new)
        shutil.rmtree(data)
