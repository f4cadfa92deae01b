"""What networks, disks and ends of processes do to a fetch: all or nothing, and the next one goes on."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import with_changed_json
from facedb_release import volume
from facedb_release.archive.directory import DEFLATED, LOCAL, Member
from facedb_release.errors import Reason, ReleaseError, SourceTrouble
from facedb_release.fetching import arrive as arriving
from facedb_release.fetching import member as unpacking
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.journal import Journal
from facedb_release.fetching.member import Reader, Target, unpack_member
from facedb_release.fetching.sink import Sink, Written
from facedb_release.fetching.windows import Windows
from facedb_release.receipt import FileRecord
from facedb_release.sources.offers import Folder, Mirrors
from release_chaos import ENDLESS_SECONDS, Chaos, ChaosServer, small_steps
from release_server import ReleaseServer
from release_story import tell, variants

from .conftest import VERSION, Wanted

STORIES = range(8)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return variants(tmp_path_factory.mktemp("variants"), performers=60)


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what the stories change."""
    monkeypatch.setattr(unpacking, "MARK_BYTES", unpacking.MARK_BYTES)
    monkeypatch.setitem(Windows.__init__.__kwdefaults__, "window_bytes", 2 << 20)


def mirror(server: ReleaseServer) -> Mirrors:
    return Mirrors((f"{server.url}/files/owner/data/v{{version}}/stash-sense-data-v{{version}}.zip",))


def holds(into: Path, archive: Path) -> bool:
    with zipfile.ZipFile(archive) as z:
        return all((into / n).read_bytes() == z.read(n) for n in z.namelist())


# Interrupted at any instruction, a socket may be left for the collector, who says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", STORIES)
def test_on_a_bad_network_a_release_is_there_whole_or_not_at_all(
    seed: int, archives: dict[str, Path]
) -> None:
    # Longer: python tests/release_story.py SECONDS SEED
    tell(seed, archives)
    gc.collect()


def test_whatever_went_wrong_no_thread_and_no_file_stays_open(
    tmp_path: Path, archives: dict[str, Path], wanted: Wanted
) -> None:
    small_steps()
    # A story before this one may have been interrupted between a thread's start and the note of it.
    others = set(threading.enumerate())
    with ChaosServer(tmp_path / "root") as server:
        server.publish(archives["deflated"], tag=f"v{VERSION}")

        def failing(seed: int) -> None:
            server.chaos = Chaos(seed, rate=0.5)
            with pytest.raises((SourceTrouble, ZeroDivisionError)):
                fetch(wanted(source=mirror(server)), progress=_divides(seed))

        failing(0)
        before = _open_files()
        for seed in range(1, 9):
            failing(seed)
        _until(lambda: not [t for t in _own_threads() if t not in others])
        _until(lambda: _open_files() <= before)


def _own_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("facedb")]


def _open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def _divides(seed: int) -> Callable[..., None]:
    def told(phase: object, done: int, total: int | None, file: str | None) -> None:
        if done > 100_000 + 10_000 * seed:
            raise ZeroDivisionError

    return told


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


# --- what the stories found


@pytest.mark.parametrize("length", [0, 1, 70_000, 300_000])
@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_a_mark_that_is_due_at_the_very_end_makes_no_good_file_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, piece: int
) -> None:
    monkeypatch.setattr(unpacking, "MARK_BYTES", 0)
    plain = random.Random(length).randbytes(length // 2) + bytes(length - length // 2)
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = squeeze.compress(plain) + squeeze.flush()
    crc, end = zlib.crc32(plain), LOCAL.size + 1 + len(data)
    member = Member("a", DEFLATED, 0, crc, len(data), length, 0, end)
    head = LOCAL.pack(b"PK\3\4", 20, 0, DEFLATED, 0, 0, crc, len(data), length, 1, 0)
    whole = head + b"a" + data
    reader = Reader((whole[at : at + piece] for at in range(0, end, piece)), 0, told=lambda _: None)

    made = unpack_member(reader, member, Target(tmp_path / "a", None, Journal(tmp_path / "journal")))

    assert made == FileRecord("a", length, hashlib.sha256(plain).hexdigest())


def test_a_part_that_nobody_wanted_whole_is_never_taken_for_whole() -> None:
    entered, go = threading.Event(), threading.Event()

    class Slow:
        size = 100
        slow_down: Callable[[], None] | None = None

        def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool]) -> list[bytes]:
            entered.set()
            go.wait()
            return [b"x"] if not still_wanted() else [bytes(end - start)]

    got: list[bytes] = []
    windows = Windows(Slow(), connections=2, window_bytes=50)  # type: ignore[arg-type]
    with windows:
        lane = windows.lane(0, 100)

        def read() -> None:
            with pytest.raises(SourceTrouble):
                got.extend(lane)

        reader = threading.Thread(target=read)
        reader.start()
        entered.wait()
        with windows._changed:
            windows._closed = True  # closed, and the reader has not woken up yet
        go.set()
        _until(lambda: not any(t.is_alive() for t in windows._threads) or windows._busy == 0)
        windows.close()
        reader.join(60)
    assert got == []


def test_whatever_is_raised_beside_a_sink_reaches_whoever_fills_it(tmp_path: Path) -> None:
    def bad(_: Written) -> None:
        raise ZeroDivisionError

    def fill() -> None:
        with Sink(tmp_path / "file", Written(0, 0, None)) as sink:
            sink.mark(bad)
            for _ in range(100):
                sink.put(sink.room(), 10)

    with pytest.raises(ZeroDivisionError):
        fill()


@pytest.mark.parametrize("kind", ["odd header", "odd etag", "no etag", "weak etag"])
def test_headers_out_of_the_ordinary_hinder_nobody(
    tmp_path: Path, wanted: Wanted, archives: dict[str, Path], kind: str
) -> None:
    with ChaosServer(tmp_path / "root") as server:
        server.publish(archives["deflated"], tag=f"v{VERSION}")
        server.chaos = Chaos(0, rate=1.0, kinds=(kind,))
        fetch(wanted(source=mirror(server)))
    assert holds(wanted().into, archives["deflated"])


def test_a_first_answer_without_end_is_hung_up_on(
    tmp_path: Path, wanted: Wanted, archives: dict[str, Path]
) -> None:
    with ChaosServer(tmp_path / "root") as server:
        server.publish(archives["deflated"], tag=f"v{VERSION}")
        server.chaos = Chaos(0, rate=1.0, kinds=("endless",))
        begun = time.monotonic()
        with pytest.raises(SourceTrouble) as caught:
            fetch(wanted(source=mirror(server)))
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE
    assert time.monotonic() - begun < ENDLESS_SECONDS


def test_an_update_that_was_stopped_still_moves_only_what_changed(
    server: ReleaseServer, wanted: Wanted, archives: dict[str, Path], tmp_path: Path
) -> None:
    old = archives["deflated"]
    server.publish(old, tag=f"v{VERSION}")
    fetch(wanted(into=tmp_path / "old"))
    new = with_changed_json(
        old, "performers.json", lambda people: {k: v | {"country": "FR"} for k, v in people.items()}
    )
    server.publish(new, tag=f"v{VERSION}")
    update = wanted(previous=tmp_path / "old")

    def stops(phase: object, done: int, total: int | None, file: str | None) -> None:
        if file == "performers.json":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(update, progress=stops)
    before = server.bytes_sent
    fetch(update)

    with zipfile.ZipFile(new) as z:
        assert server.bytes_sent - before <= z.getinfo("performers.json").compress_size + 20_000
    assert holds(update.into, new)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "by its CRC"])
def test_a_release_before_that_goes_away_meanwhile_is_no_obstacle(
    server: ReleaseServer,
    wanted: Wanted,
    archives: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listed: bool,
) -> None:
    server.publish(archives["deflated"], tag=f"v{VERSION}")
    old = tmp_path / "old"
    fetch(wanted(into=old))
    known = arriving.same_files

    def vanishing(*facts: object) -> tuple[FileRecord, ...]:
        files = known(*facts) if listed else ()  # type: ignore[arg-type]
        for path in old.glob("*.*"):
            path.unlink()
        return files or known(*facts)  # type: ignore[arg-type]

    monkeypatch.setattr(arriving, "same_files", vanishing)
    fetch(wanted(previous=old))
    assert holds(wanted().into, archives["deflated"])


def test_the_rests_of_a_journal_are_no_part_of_a_release(
    server: ReleaseServer, wanted: Wanted, archives: dict[str, Path]
) -> None:
    server.publish(archives["deflated"], tag=f"v{VERSION}")
    server.faults.no_ranges = True
    (wanted().into / volume.PARTIAL).mkdir(parents=True)
    (wanted().into / (volume.JOURNAL + ".new")).write_text("{")
    fetch(wanted())
    assert not [p.name for p in wanted().into.iterdir() if "journal" in p.name]


@pytest.mark.parametrize("fate", ["cut", "gone"])
def test_a_mounted_archive_that_changes_meanwhile_is_the_sources_trouble(
    wanted: Wanted, archives: dict[str, Path], tmp_path: Path, fate: str
) -> None:
    mounted = tmp_path / archives["stored"].name
    mounted.write_bytes(archives["stored"].read_bytes())
    small_steps()

    def told(phase: object, done: int, total: int | None, file: str | None) -> None:
        if done > 100_000 and fate == "cut":
            os.truncate(mounted, 150_000)
        elif done > 100_000:
            mounted.unlink(missing_ok=True)

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(source=Folder(mounted)), progress=told)
    assert not caught.value.permanent or fate == "cut", caught.value
    assert caught.value.reason is not Reason.VOLUME_UNAVAILABLE
    mounted.write_bytes(archives["stored"].read_bytes())
    fetch(wanted(source=Folder(mounted)))
    assert holds(wanted().into, archives["stored"])


def test_a_mirror_that_only_seems_to_be_there_is_passed_over(
    wanted: Wanted, archives: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_steps()
    folders = [tmp_path / name for name in "abc"]
    with (
        ReleaseServer(folders[0]) as dies,
        ReleaseServer(folders[1]) as seems,
        ReleaseServer(folders[2]) as good,
    ):
        for server in (dies, seems, good):
            server.publish(archives["stored"], tag=f"v{VERSION}")
        asked: list[str] = []
        # It answers the first question, and no other.
        monkeypatch.setattr(
            seems.faults, "take_failure", lambda path: bool(asked) or bool(asked.append(path))
        )
        urls = tuple(mirror(server).urls[0] for server in (dies, seems, good))

        def told(phase: object, done: int, total: int | None, file: str | None) -> None:
            if done > 100_000:
                dies.faults.fail_times = 10_000

        fetch(wanted(source=Mirrors(urls), connections=1), progress=told)
        assert good.bytes_sent > 0
    assert holds(wanted().into, archives["stored"])
