"""DATA_DIR: what is kept, what goes, what is adopted, and a pointer that is lost."""

from __future__ import annotations

import asyncio
import os
import zipfile
from pathlib import Path

import pytest

from facedb_release.publish.in_use import hold
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import InProgress
from facedb_sidecar.updater.machine import Status
from updating import (
    NEW,
    NEWER,
    OLD,
    Gate,
    Published,
    Running,
    data_of,
    forget_checks,
    light_load,
    play,
    pointed,
    running,
    serves,
    versions,
    with_updates,
)


def test_two_sidecars_on_one_folder_do_not_update_at_once(installed: Settings) -> None:
    gate = Gate()

    def slow(folder: Path) -> object:
        if folder.name == NEW:
            gate()
        return light_load(folder)

    async def first(run: Running) -> None:
        await run.local.start()
        await asyncio.to_thread(gate.reached.wait, 30)
        async with running(installed) as other:
            assert other.version == OLD
            assert (await other.local.status()).status is Status.IDLE
            with pytest.raises(InProgress, match="Another sidecar"):
                await other.local.start()
            gate.opened.set()
            assert (await run.until_over()).status is Status.COMPLETE
            # What the other one serves stays, and it can follow.
            assert OLD in versions(installed)
            assert (await other.update()).status is Status.COMPLETE
            assert other.version == NEW

    play(installed, first, load=slow)


def test_only_as_many_releases_stay_as_are_wanted(installed: Settings, source: Published) -> None:
    async def update(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    play(installed, update)
    source.publish(NEWER)
    forget_checks(data_of(installed))
    play(installed, update)
    assert versions(installed) == {NEW, NEWER}
    play(with_updates(installed, keep=1), serves(NEWER))
    assert versions(installed) == {NEWER}


def test_a_release_that_somebody_reads_is_not_removed(installed: Settings, source: Published) -> None:
    async def update(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    with hold(data_of(installed) / "versions" / OLD):
        play(with_updates(installed, keep=1), update)
        assert versions(installed) == {OLD, NEW}
    play(with_updates(installed, keep=1), serves(NEW))
    assert versions(installed) == {NEW}


def test_halves_of_other_versions_go_at_start_and_what_is_not_ours_stays(installed: Settings) -> None:
    data = data_of(installed)
    half = data / "versions" / "2026.01.01" / ".facedb-partial"
    half.mkdir(parents=True)
    (half / "faces.json").write_text("[")
    (data / "versions" / "mine").mkdir()
    (data / "stash_sense.db").write_text("mine")
    (data / ".facedb-current").symlink_to("versions/nowhere")

    play(installed, serves(OLD))

    assert versions(installed) == {OLD, "mine"}
    assert (data / "stash_sense.db").read_text() == "mine"
    assert not (data / ".facedb-current").is_symlink()


@pytest.mark.parametrize("pointer", ["missing", "dangling", "leads away", "a file"])
def test_a_pointer_that_is_lost_is_found_again(installed: Settings, pointer: str) -> None:
    link = data_of(installed) / "current"
    link.unlink()
    if pointer == "dangling":
        link.symlink_to("versions/2020.01.01")
    elif pointer == "leads away":
        link.symlink_to("/etc")
    elif pointer == "a file":
        link.write_text(f"versions/{OLD}\n")

    play(installed, serves(OLD))

    assert OLD in (link.read_text() if link.is_file() else os.readlink(link))


def test_a_release_that_was_damaged_on_the_disk_is_left_for_the_one_before(
    installed: Settings, source: Published
) -> None:
    async def update(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    play(installed, update)
    (data_of(installed) / "versions" / NEW / "face_facenet.voy").write_bytes(b"short")

    play(installed, serves(OLD))
    assert pointed(installed) == OLD


def flat(settings: Settings, archive: Path) -> Path:
    """A folder of the reference sidecar."""
    data = data_of(settings)
    with zipfile.ZipFile(archive) as z:
        z.extractall(data)
    (data / "stash_sense.db").write_bytes(b"user state")
    return data


def test_a_folder_of_the_reference_sidecar_is_adopted_and_left_as_it_was(
    settings: Settings, source: Published
) -> None:
    data = flat(settings, source.archives[OLD])
    before = {p.name: p.read_bytes() for p in data.iterdir() if p.is_file()}
    source.publish(NEW)

    async def story(run: Running) -> None:
        assert (run.version, pointed(settings)) == (OLD, OLD)
        assert (await run.update()).status is Status.COMPLETE

    play(settings, story)
    assert {n: (data / n).read_bytes() for n in before} == before
    adopted = data / "versions" / OLD
    assert (adopted / "face_facenet.voy").stat().st_ino == (data / "face_facenet.voy").stat().st_ino
    # SQLite writes in place: a link would let that change the verified file.
    assert (adopted / "performers.db").stat().st_ino != (data / "performers.db").stat().st_ino
    play(settings, serves(NEW))


def test_a_damaged_flat_folder_is_refused_and_an_update_still_comes(
    settings: Settings, source: Published
) -> None:
    data = flat(settings, source.archives[OLD])
    (data / "face_arcface.voy").write_bytes((data / "face_arcface.voy").read_bytes()[:-100])
    source.publish(NEW)

    async def story(run: Running) -> None:
        assert (run.version, run.serving.trouble.reason) == (None, "WrongChecksum")
        assert (await run.update()).status is Status.COMPLETE
        assert run.version == NEW

    play(settings, story)


def test_the_first_release_is_installed_at_start_where_that_is_wanted(
    settings: Settings, source: Published
) -> None:
    source.publish(NEW)

    async def story(run: Running) -> None:
        while run.version is None:
            await asyncio.sleep(0.01)
        assert (await run.until_over()).status is Status.COMPLETE

    play(with_updates(settings, install=True), story)
