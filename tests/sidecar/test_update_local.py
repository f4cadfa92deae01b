"""The local backend: every release that serves is whole, whatever the source, the disk or a user does."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builders import make_release, with_changed_file, with_changed_json, with_flipped_byte, without_member
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.publish.in_use import hold
from facedb_release.sources.offers import Folder
from facedb_release.version import parse_version
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import InProgress, Unreachable, UpToDate
from facedb_sidecar.updater.machine import Status
from facedb_sidecar.updater.note import read_note
from facedb_sidecar.updater.releases import Releases
from release_server import ReleaseServer
from updating import (
    NEW,
    NEWER,
    OLD,
    Gate,
    Published,
    Running,
    forget_checks,
    light_load,
    make_archives,
    refusing,
    running,
    update_settings,
    with_updates,
)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NEW in some 7 MB, which take several requests."""
    folder = tmp_path_factory.mktemp("large")
    return make_release(folder, NEW, performers=800, faces_per_performer=2, ef_construction=20)


@pytest.fixture
def source(tmp_path: Path, archives: dict[str, Path]) -> Iterator[Published]:
    with ReleaseServer(tmp_path / "root") as server:
        yield Published(server, archives)


@pytest.fixture
def settings(tmp_path: Path, source: Published) -> Settings:
    (tmp_path / "data").mkdir()
    return update_settings(source.server.url, tmp_path / "data", memory="two")


@pytest.fixture(scope="module")
def with_old(archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR in which OLD is installed."""
    data = tmp_path_factory.mktemp("installed") / "data"
    source = Folder(archives[OLD])
    fetch(FetchRequest(into=data / "versions" / OLD, version=parse_version(OLD), source=source))
    Releases(data).point(data / "versions" / OLD)
    return data


@pytest.fixture
def installed(settings: Settings, source: Published, with_old: Path) -> Settings:
    """OLD serves; NEW is offered."""
    data_of(settings).rmdir()
    shutil.copytree(with_old, data_of(settings), symlinks=True)
    source.publish(OLD)
    source.publish(NEW)
    return settings


def data_of(settings: Settings) -> Path:
    assert settings.data_dir is not None
    return settings.data_dir


def play(settings: Settings, story: Callable[[Running], Awaitable[None]], **how: object) -> None:
    async def all_of_it() -> None:
        async with running(settings, **how) as run:  # type: ignore[arg-type]
            await story(run)

    asyncio.run(all_of_it())


def versions(settings: Settings) -> set[str]:
    return {p.name for p in (data_of(settings) / "versions").iterdir()}


def pointed(settings: Settings) -> str:
    return (data_of(settings) / "current").resolve().name


def test_without_any_release_the_sidecar_says_so_and_an_update_installs_one(
    settings: Settings, source: Published
) -> None:
    source.publish(NEW)

    async def story(run: Running) -> None:
        assert (run.serving.trouble.reason, run.version) == ("NoRelease", None)
        found = await run.local.check()
        assert (found.current_version, found.latest_version, found.update_available) == (None, NEW, True)
        assert found.error is None
        said = await run.update()
        assert (said.status, said.progress_pct, said.current_version) == (Status.COMPLETE, 100, NEW)
        assert (run.version, pointed(settings)) == (NEW, NEW)

    play(settings, story)


def test_a_check_has_the_contracts_fields(installed: Settings, source: Published) -> None:
    size = source.archives[NEW].stat().st_size

    async def story(run: Running) -> None:
        found = await run.local.check()
        assert (found.current_version, found.latest_version, found.update_available) == (OLD, NEW, True)
        assert found.release_name == f"Release v{NEW}"
        assert found.download_url is not None
        assert found.download_url.endswith(f"v{NEW}.zip")
        assert found.download_size_mb == round(size / 1e6)
        assert found.published_at is not None
        assert found.published_at.endswith("Z")
        assert found.error is None

    play(installed, story)


def test_checks_ask_the_source_once_also_after_a_restart(installed: Settings, source: Published) -> None:
    async def story(run: Running) -> None:
        await run.local.check()
        asked = len(source.server.seen)
        await run.local.check()
        assert len(source.server.seen) == asked

    play(installed, story)
    asked = len(source.server.seen)
    play(installed, story)
    assert len(source.server.seen) == asked


def test_versions_are_compared_as_the_calendar_has_them(installed: Settings, source: Published) -> None:
    source.withdraw(NEW)
    source.publish("2026.2.3", source.archives[NEW])

    async def story(run: Running) -> None:
        assert not (await run.local.check()).update_available
        with pytest.raises(UpToDate, match="Already on latest version"):
            await run.local.start()

    play(installed, story)


def test_an_update_takes_over_while_the_old_release_serves(installed: Settings) -> None:
    gate = Gate()

    def slow(folder: Path) -> object:
        if folder.name == NEW:
            gate()
        return light_load(folder)

    async def story(run: Running) -> None:
        await run.local.start()
        await asyncio.to_thread(gate.reached.wait, 30)
        during = await run.local.status()
        assert (run.version, during.status, during.progress_pct) == (OLD, Status.RELOADING, 90)
        assert (during.current_version, during.target_version) == (OLD, NEW)
        assert not run.serving.updating
        gate.opened.set()
        assert (await run.until_over()).status is Status.COMPLETE
        assert (run.version, pointed(installed)) == (NEW, NEW)

    play(installed, story, load=slow)
    play(installed, serves(NEW))


def serves(version: str) -> Callable[[Running], Awaitable[None]]:
    async def story(run: Running) -> None:
        assert run.version == version

    return story


def test_a_second_request_is_refused_while_one_runs(installed: Settings) -> None:
    async def story(run: Running) -> None:
        answers = await asyncio.gather(
            run.local.start(), run.local.start(), run.local.start(), return_exceptions=True
        )
        assert [type(a) for a in answers] == [str, InProgress, InProgress]
        assert str(answers[1]) == "Update already in progress"
        assert (await run.until_over()).status is Status.COMPLETE
        with pytest.raises(UpToDate):
            await run.local.start()

    play(installed, story)


def test_where_memory_allows_one_engine_requests_are_sent_away_meanwhile(installed: Settings) -> None:
    seen: list[bool] = []

    async def story(run: Running) -> None:
        def load(folder: Path) -> object:
            seen.append(run.serving.updating and run.serving.engine is None)
            return light_load(folder)

        run.local._load = load  # type: ignore[assignment]
        assert (await run.update()).status is Status.COMPLETE
        assert (run.version, run.serving.updating) == (NEW, False)

    play(with_updates(installed, memory="one"), story)
    assert seen == [True]


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


def test_the_first_release_is_installed_at_start_where_that_is_wanted(
    settings: Settings, source: Published
) -> None:
    source.publish(NEW)

    async def story(run: Running) -> None:
        while run.version is None:
            await asyncio.sleep(0.01)
        assert (await run.until_over()).status is Status.COMPLETE

    play(with_updates(settings, install=True), story)


def test_the_token_reaches_the_source_and_no_command_line(
    settings: Settings, source: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.publish(NEW)
    source.server.faults.token = "secret"
    monkeypatch.setenv("FACEDB_TOKEN", "secret")

    async def story(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    play(with_updates(settings, token="secret"), story)
    assert "secret" not in json.dumps([p.read_text() for p in data_of(settings).glob(".facedb-*.json")])
