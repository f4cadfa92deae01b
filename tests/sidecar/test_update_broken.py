"""Broken releases, sources and disks: the release before serves on, and the status says why."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builders import with_changed_file, with_changed_json, with_flipped_byte, without_member
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import Unreachable
from facedb_sidecar.updater.machine import Status
from facedb_sidecar.updater.note import read_note
from updating import (
    NEW,
    OLD,
    Published,
    Running,
    data_of,
    forget_checks,
    play,
    pointed,
    refusing,
    serves,
    versions,
    with_updates,
)


@pytest.mark.parametrize("memory", ["two", "one"])
def test_a_release_that_fails_its_self_check_is_not_taken(installed: Settings, memory: str) -> None:
    async def story(run: Running) -> None:
        said = await run.update()
        assert (said.status, said.current_version) == (Status.FAILED, OLD)
        assert said.error == (
            f"CorruptIndex: {NEW} did not find its own faces. The release before still serves."
        )
        assert (run.version, pointed(installed)) == (OLD, OLD)
        refusal = (await run.local.check()).refused
        assert refusal is not None
        assert "CorruptIndex" in refusal

    play(with_updates(installed, memory=memory), story, load=refusing(NEW))
    assert versions(installed) == {OLD}
    play(installed, serves(OLD))


def test_a_refused_release_is_tried_again_when_somebody_asks(installed: Settings) -> None:
    async def fails(run: Running) -> None:
        assert (await run.update()).status is Status.FAILED

    async def works(run: Running) -> None:
        assert (await run.local.check()).refused is not None
        assert (await run.update()).status is Status.COMPLETE
        assert (await run.local.check()).refused is None

    play(installed, fails, load=refusing(NEW))
    play(installed, works)


def test_models_that_are_missing_say_nothing_against_a_release(installed: Settings) -> None:
    async def story(run: Running) -> None:
        said = await run.update()
        assert (said.status, run.version) == (Status.FAILED, OLD)
        assert (await run.local.check()).refused is None

    play(installed, story, load=refusing(NEW, reason="ModelMissing"))


def test_the_first_release_is_installed_although_its_models_are_still_missing(
    settings: Settings, source: Published
) -> None:
    source.publish(NEW)

    async def story(run: Running) -> None:
        said = await run.update()
        assert (said.status, said.current_version, run.version) == (Status.COMPLETE, NEW, None)
        assert said.error is not None
        assert "not serving yet" in said.error

    play(settings, story, load=refusing(NEW, reason="ModelMissing"))
    assert pointed(settings) == NEW
    play(settings, serves(NEW))


def scrambled(index: bytes) -> bytes:
    """An index with noise behind its header."""
    return index[:200] + random.Random(7).randbytes(len(index) - 400) + index[-200:]


BROKEN: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "flipped byte": (lambda a, b: with_flipped_byte(a, "face_facenet.voy", out=b), "WrongChecksum"),
    "missing file": (lambda a, b: without_member(a, "face_arcface.voy", out=b), "MissingFile"),
    "wrong count": (
        lambda a, b: with_changed_json(a, "manifest.json", lambda m: {**m, "face_count": 7}, out=b),
        "CountMismatch",
    ),
    "no zip": (lambda _, b: b.write_bytes(b"nothing like a zip" * 1000), "WrongArchive"),
    "cut zip": (lambda a, b: b.write_bytes(a.read_bytes()[:-4000]), "WrongArchive"),
    "cut index, right checksum": (
        lambda a, b: with_changed_file(a, "face_facenet.voy", lambda c: c[:-5000], out=b),
        "CorruptIndex",
    ),
    "corrupt index, right checksum": (
        lambda a, b: with_changed_file(a, "face_facenet.voy", scrambled, out=b),
        "CorruptIndex",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_release_is_refused_with_a_reason_and_leaves_nothing(
    installed: Settings, source: Published, tmp_path: Path, how: str
) -> None:
    broken, reason = tmp_path / f"stash-sense-data-v{NEW}.zip", BROKEN[how][1]
    BROKEN[how][0](source.archives[NEW], broken)
    source.publish(NEW, broken)

    async def story(run: Running) -> None:
        said = await run.update()
        assert (said.status, said.current_version, run.version) == (Status.FAILED, OLD, OLD)
        assert said.error is not None
        assert reason in said.error
        assert (await run.local.check()).refused is not None

    play(installed, story)
    assert (versions(installed), pointed(installed)) == ({OLD}, OLD)


def test_a_source_that_is_down_is_an_answer_and_not_an_error(installed: Settings, source: Published) -> None:
    source.server.faults.fail_times = 1000

    async def story(run: Running) -> None:
        found = await run.local.check()
        assert (found.current_version, found.latest_version, found.update_available) == (OLD, None, False)
        assert found.error is not None
        assert "503" in found.error
        with pytest.raises(Unreachable, match="503"):
            await run.local.start()

    play(installed, story)


def test_a_source_without_releases_says_so(settings: Settings, source: Published) -> None:
    source.publish(NEW)
    source.withdraw(NEW)

    async def story(run: Running) -> None:
        found = await run.local.check()
        assert found.error is not None
        assert not found.update_available

    play(settings, story)


def test_a_source_that_breaks_off_fails_the_update_and_the_next_one_goes_on(
    installed: Settings, source: Published, large: Path
) -> None:
    source.publish(NEW, large)
    size = large.stat().st_size
    one = with_updates(installed, source=(*installed.updates.source, "--connections", "1"))
    source.server.faults.dies_after = source.server.bytes_sent + size // 2

    async def fails(run: Running) -> None:
        said = await run.update()
        assert (said.status, run.version) == (Status.FAILED, OLD)
        assert (await run.local.check()).refused is None

    async def works(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    play(one, fails)
    assert versions(installed) == {OLD, NEW}
    source.server.faults.dies_after = None
    before = source.server.bytes_sent
    forget_checks(data_of(installed))
    play(one, works)
    assert source.server.bytes_sent - before < size


def test_a_slow_source_shows_its_progress(installed: Settings, source: Published, large: Path) -> None:
    source.publish(NEW, large)
    source.server.faults.bytes_per_second = 1_500_000
    one = with_updates(installed, source=(*installed.updates.source, "--connections", "1"))
    seen: set[int] = set()

    async def story(run: Running) -> None:
        await run.local.start()
        while (now := await run.local.status()).status is Status.DOWNLOADING:
            seen.add(now.progress_pct)
            await asyncio.sleep(0.05)
        assert (await run.until_over()).status is Status.COMPLETE

    play(one, story)
    assert len(seen) > 1


def test_closing_stops_the_fetch_and_the_next_process_goes_on_by_itself(
    installed: Settings, source: Published, large: Path
) -> None:
    source.publish(NEW, large)
    source.server.faults.bytes_per_second = 300_000
    already = source.server.bytes_sent

    async def cut(run: Running) -> None:
        await run.local.start()
        while source.server.bytes_sent - already < 100_000:
            await asyncio.sleep(0.01)

    async def goes_on(run: Running) -> None:
        assert (await run.local.status()).status is not Status.IDLE
        assert (await run.until_over()).status is Status.COMPLETE
        assert run.version == NEW

    play(installed, cut)
    assert read_note(data_of(installed)).status is Status.DOWNLOADING
    source.server.faults.bytes_per_second = None
    play(installed, goes_on)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_full_disk_fails_the_update_and_the_old_release_serves_on(
    installed: Settings, source: Published, with_old: Path, large: Path, tmp_path: Path
) -> None:
    source.publish(NEW, large)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        data = shutil.copytree(with_old, small / "data", symlinks=True)

        async def story(run: Running) -> None:
            said = await run.update()
            assert (said.status, run.version) == (Status.FAILED, OLD)
            assert said.error is not None
            assert said.error.startswith("NoSpace")
            assert (await run.local.check()).refused is None

        play(replace(installed, data_dir=data), story)
    finally:
        # Lazily: after a failure the traceback may still hold a file.
        subprocess.run(["umount", "--lazy", str(small)], check=True)
