"""The small parts of a fetch, each by itself: inflating from the middle, hashing in two goes, windows."""

from __future__ import annotations

import hashlib
import resource
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.digests import sha256
from facedb_release.fetching.inflate import WINDOW_BYTES, InflateError, Inflater, Point
from facedb_release.fetching.journal import NOTHING, Begun, Half, Journal, Passed, read_journal
from facedb_release.fetching.sink import Sink, Written
from facedb_release.fetching.throttle import Throttle
from facedb_release.fetching.windows import AHEAD, Windows
from facedb_release.receipt import FileRecord


def packed(plain: bytes, level: int) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(plain) + deflate.flush()


def points_of(data: bytes, step: int) -> tuple[bytes, list[Point]]:
    """Inflate in pieces of this size; return the result and every place between two blocks."""
    out, points, room = bytearray(), [], bytearray(4096)
    with Inflater() as stream:
        at = 0
        while not stream.ended:
            if stream.hungry:
                stream.offer(data[at : at + step])
                at += step
            filled = stream.into(room, 0, stop_at_block=True)
            out += room[:filled]
            point = stream.point()
            points += [point] if point else []
    return bytes(out), points


def inflated_from(point: Point, data: bytes, before: bytes) -> bytes:
    out, room = bytearray(), bytearray(4096)
    last = data[point.packed - 1] if point.packed else 0
    with Inflater(point, last_byte=last, window=before[-WINDOW_BYTES:]) as stream:
        stream.offer(data[point.packed :])
        while not stream.ended:
            out += room[: stream.into(room, 0)]
        assert stream.plain == len(before) + len(out)
    return bytes(out)


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.integers(1, 400)), min_size=1, max_size=12),
    st.sampled_from([0, 1, 6, 9]),
    st.integers(1, 5000),
)
def test_inflating_can_go_on_from_every_place_between_two_blocks(
    parts: list[tuple[bytes, int]], level: int, step: int
) -> None:
    plain = b"".join(text * times for text, times in parts)
    data = packed(plain, level)

    whole, points = points_of(data, step)

    assert whole == plain
    for point in points:
        assert inflated_from(point, data, plain[: point.plain]) == plain[point.plain :]


@given(st.binary(max_size=500), st.binary(min_size=1, max_size=50))
def test_inflating_rubbish_is_an_error_and_nothing_worse(good: bytes, rubbish: bytes) -> None:
    data = packed(good, 6)[:-1] + rubbish
    room = bytearray(4096)
    with Inflater() as stream:
        stream.offer(data)
        try:
            while not stream.ended and not stream.hungry:
                stream.into(room, 0)
        except InflateError:
            pass


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 8))
def test_a_sha256_put_aside_goes_on_as_if_nothing_had_been(pieces: list[bytes], cut: int) -> None:
    first = sha256()
    for piece in pieces[:cut]:
        first.update(piece)
    second = sha256(first.state())
    for piece in pieces[cut:]:
        second.update(bytearray(piece))

    assert second.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert first.hexdigest() == hashlib.sha256(b"".join(pieces[:cut])).hexdigest()


def test_a_state_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        sha256(b"short")


class Bytes:
    """An archive in memory that notes what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.slow_down: Callable[[], None] | None = None
        self.read: list[tuple[int, int]] = []
        self.hold = threading.Event()
        self.hold.set()

    def pieces(self, start: int, end: int, *, still_wanted: object = None) -> list[bytes]:
        self.hold.wait()
        self.read.append((start, end))
        middle = (start + end) // 2
        return [p for p in (self.data[start:middle], self.data[middle:end]) if p]


@given(
    st.binary(min_size=1, max_size=2000),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)), min_size=1, max_size=4),
    st.integers(1, 300),
    st.integers(1, 5),
)
def test_every_lane_gets_its_own_bytes_in_order(
    data: bytes, spans: list[tuple[int, int]], window: int, connections: int
) -> None:
    cut = [tuple(sorted((a % len(data), b % len(data)))) for a, b in spans]
    parts = Bytes(data)
    with Windows(parts, connections=connections, window_bytes=window) as windows:
        lanes = [windows.lane(a, b, rank=i) for i, (a, b) in enumerate(cut)]
        assert [b"".join(lane) for lane in lanes] == [data[a:b] for a, b in cut]
    assert sum(b - a for a, b in parts.read) == sum(b - a for a, b in cut)


def test_a_lane_is_never_further_ahead_than_it_may_so_memory_stays_bounded() -> None:
    parts = Bytes(bytes(1000))
    with Windows(parts, connections=4, window_bytes=10) as windows:
        lane = windows.lane(0, 1000)
        next(lane)
        assert len(parts.read) <= AHEAD + 1


def test_what_a_connection_meets_is_raised_to_every_reader() -> None:
    class Bad(Bytes):
        def pieces(self, start: int, end: int, *, still_wanted: object = None) -> list[bytes]:
            if start >= 50:
                raise SourceTrouble(Reason.SOURCE_UNAVAILABLE, "gone")
            return super().pieces(start, end)

    with Windows(Bad(bytes(100)), connections=2, window_bytes=10) as windows:
        with pytest.raises(SourceTrouble, match="gone"):
            b"".join(windows.lane(0, 100))
        with pytest.raises(SourceTrouble, match="gone"):
            b"".join(windows.lane(60, 100))


def test_a_closed_window_ends_its_readers() -> None:
    parts = Bytes(bytes(100))
    parts.hold.clear()
    ended: list[str] = []
    with Windows(parts, connections=1, window_bytes=10) as windows:

        def read() -> None:
            with pytest.raises(SourceTrouble) as caught:
                b"".join(windows.lane(0, 100))
            ended.append(caught.value.reason)

        reader = threading.Thread(target=read)
        reader.start()
        windows.close()
        reader.join()
    parts.hold.set()
    assert ended == [Reason.INTERRUPTED]


def test_a_server_that_is_crowded_gets_half_the_connections() -> None:
    parts = Bytes(bytes(10))
    with Windows(parts, connections=8) as windows:
        for expected in (4, 2, 1, 1):
            assert parts.slow_down is not None
            parts.slow_down()
            assert windows.limit == expected


@given(st.lists(st.integers(0, 10_000), max_size=50), st.integers(1, 5000))
def test_a_bandwidth_limit_is_kept_whatever_the_sizes_of_the_pieces(sizes: list[int], rate: int) -> None:
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    throttle = Throttle(rate, clock=lambda: now[0], wait=wait)
    for size in sizes:
        throttle.passed(size)
    assert now[0] == pytest.approx(sum(sizes) / rate)


@given(st.lists(st.binary(max_size=2000), max_size=10))
def test_a_sink_writes_and_hashes_what_it_gets_in_order(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("sink") / "file"
    with Sink(path, Written(0, 0, None)) as sink:
        for piece in pieces:
            sink.put_bytes(piece)
        sha = sink.finish()
        whole = b"".join(pieces)
        assert (path.read_bytes(), sha) == (whole, hashlib.sha256(whole).hexdigest())
        assert (sink.written.size, sink.written.crc32) == (len(whole), zlib.crc32(whole))


def test_what_the_disk_says_reaches_whoever_fills_a_sink(tmp_path: Path) -> None:
    def fill() -> None:
        with Sink(tmp_path / "file", Written(0, 0, None)) as sink:
            sink.put_bytes(bytes(2000))
            sink.finish()

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def state_of(data: bytes) -> str:
    sha = sha256()
    sha.update(data)
    return (sha.state() or b"").hex()


HALF = Half(begin=40, packed=7, bits=3, last_byte=255, plain=5, crc32=9, sha256=state_of(b"12345"))
PASSED = Passed(12, state_of(b"of the archive"))


def test_a_journal_says_again_what_was_noted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"1234567")
    journal = Journal(tmp_path / "journal", "identity")
    journal.note_half("b", HALF)
    done = FileRecord("a", 5, hashlib.sha256(b"12345").hexdigest())
    journal.note_done(done, PASSED)

    found = read_journal(tmp_path / "journal", "identity", tmp_path)

    assert found == Begun({"a": done}, {"b": HALF}, PASSED)
    assert read_journal(tmp_path / "journal", "another archive", tmp_path) == NOTHING


@pytest.mark.parametrize("content", [b"1234", b"12x45", b""], ids=["short", "changed", "empty"])
def test_a_journal_is_believed_only_as_far_as_the_files_bear_it_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content + b"and what was not noted any more")
    journal = Journal(tmp_path / "journal", "identity")
    journal.note_half("b", HALF, PASSED)
    journal.note_half("c", HALF, PASSED)
    journal.note_done(FileRecord("a", 5, hashlib.sha256(b"12345").hexdigest()), PASSED)

    assert read_journal(tmp_path / "journal", "identity", tmp_path) == NOTHING


@pytest.mark.parametrize("state", ["", "zz", "00" * 112, "11" * 112, "ff" * 112])
def test_a_state_of_a_hash_that_is_damaged_is_not_given_to_c_code(tmp_path: Path, state: str) -> None:
    (tmp_path / "b").write_bytes(b"12345")
    Journal(tmp_path / "journal", "identity").note_half("b", replace(HALF, sha256=state))
    assert read_journal(tmp_path / "journal", "identity", tmp_path) == NOTHING

    Journal(tmp_path / "journal", "identity").note_half("b", HALF, Passed(12, state))
    assert read_journal(tmp_path / "journal", "identity", tmp_path) == NOTHING


@given(st.one_of(st.binary(max_size=200), st.text().map(lambda s: s.encode("utf-8", "replace"))))
def test_a_journal_of_rubbish_is_no_journal(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    path.write_bytes(rubbish)
    assert read_journal(path, "identity", path.parent) == NOTHING
