"""What a power cut finds, and what a file system that gives out is called."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from facedb_release import volume
from facedb_release.errors import NoSpace, Reason, SourceTrouble
from facedb_release.fetching.fetch import fetch
from facedb_release.receipt import NAME, read_receipt
from release_server import ReleaseServer

from .conftest import Wanted

Happened = list[tuple[str, object]]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> Happened:
    """Every fsync with its inode, and every rename with the name that came of it, in their order."""
    seen: Happened = []
    fsync, replace, rename = os.fsync, os.replace, os.rename

    def noted_fsync(handle: int) -> None:
        fsync(handle)
        seen.append(("durable", os.fstat(handle).st_ino))

    def noted(call: Any) -> Any:
        def move(old: Any, new: Any, **more: Any) -> None:
            call(old, new, **more)
            seen.append(("named", Path(new).name))

        return move

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted(replace))
    monkeypatch.setattr(os, "rename", noted(rename))
    return seen


def test_a_receipt_is_written_only_once_every_file_that_it_names_is_on_the_disk(
    published: ReleaseServer, wanted: Wanted, happened: Happened
) -> None:
    fetch(wanted())

    folder = wanted().into
    at = happened.index(("named", NAME))
    before, after = happened[:at], happened[at:]
    names = [file.name for file in read_receipt(folder).files]
    assert names
    assert [n for n in names if ("durable", (folder / n).stat().st_ino) not in before] == []
    # The receipt's own bytes come before its name, and its name before anybody is told.
    assert ("durable", (folder / NAME).stat().st_ino) in before
    assert ("durable", folder.stat().st_ino) in after


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        # As a file system without inodes says it too.
        pytest.param(errno.ENOSPC, NoSpace, Reason.NO_SPACE, id="full"),
        pytest.param(errno.EDQUOT, NoSpace, Reason.NO_SPACE, id="over its quota"),
        pytest.param(errno.EROFS, SourceTrouble, Reason.VOLUME_UNAVAILABLE, id="read-only"),
        pytest.param(errno.EIO, SourceTrouble, Reason.VOLUME_UNAVAILABLE, id="broken"),
    ],
)
def test_whenever_the_volume_gives_out_it_has_its_word_and_the_release_in_it_is_not_touched(
    published: ReleaseServer,
    wanted: Wanted,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type,
    reason: Reason,
) -> None:
    def give_out(handle: int) -> None:
        raise OSError(number, os.strerror(number), "face_arcface.voy")

    fetch(wanted())
    folder = wanted().into
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    with pytest.raises(kind) as caught, volume.writing(folder):
        raise OSError(number, os.strerror(number), "face_arcface.voy")
    assert (caught.value.reason, caught.value.file, caught.value.permanent) == (
        reason,
        "face_arcface.voy",
        False,
    )
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before

    monkeypatch.setattr(os, "fsync", give_out)
    with pytest.raises(kind) as caught:
        fetch(wanted(into=folder.parent / "another"))
    assert caught.value.reason is reason
    assert not (folder.parent / "another" / NAME).exists()
