"""One member's record, as its bytes come → its file, with points noted from which another run can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from facedb_release.archive.directory import DEFLATED, LOCAL, Member
from facedb_release.archive.records import judge_descriptor, judge_local, judge_local_name
from facedb_release.errors import Reason, WrongRelease
from facedb_release.fetching.digests import Sha256
from facedb_release.fetching.inflate import WINDOW_BYTES, InflateError, Inflater, Point
from facedb_release.fetching.journal import Half, Journal, Passed
from facedb_release.fetching.sink import Sink, Written
from facedb_release.receipt import FileRecord

# How much may have to be fetched again after a kill, for each file, beside the windows under way.
MARK_BYTES = 2 << 20


@dataclass
class Tap:
    """The archive's own hash: all bytes before `at` are in it."""

    at: int
    sha: Sha256

    def see(self, start: int, piece: bytes) -> None:
        """Hash what is new of the piece that begins at `start`."""
        new = start + len(piece) - self.at
        if new > 0:
            self.sha.update(piece[len(piece) - new :] if new < len(piece) else piece)
            self.at += new

    def passed(self) -> Passed | None:
        """Return how far it is, where that can be put aside."""
        state = self.sha.state()
        return Passed(self.at, state.hex()) if state is not None else None


class Reader:
    """A span of the archive, to be taken by length.

    Args:
        pieces: the bytes from `at` on, in order.
        at: where the next byte lies in the archive.
        tap: hashes whatever passes.
        told: gets the length of each piece.
    """

    def __init__(
        self, pieces: Iterator[bytes], at: int, *, tap: Tap | None = None, told: Callable[[int], None]
    ) -> None:
        self._pieces = iter(pieces)
        self._left = b""
        self._tap = tap
        self._told = told
        self.at = at

    def pieces(self, length: int) -> Iterator[bytes]:
        """Yield exactly this many bytes, in pieces.

        Raises:
            WrongRelease: WrongArchive, if there are fewer.
        """
        while length:
            piece = self._left or self._next()
            self._left = b""
            if len(piece) > length:
                piece, self._left = piece[:length], piece[length:]
            length -= len(piece)
            self.at += len(piece)
            yield piece

    def take(self, length: int) -> bytes:
        """Return exactly this many bytes."""
        return b"".join(self.pieces(length))

    def unread(self, data: bytes) -> None:
        """Lay back what was just taken."""
        self._left = data + self._left
        self.at -= len(data)

    def passed(self) -> Passed | None:
        """Return how far the archive's hash is, where one is made."""
        return self._tap.passed() if self._tap else None

    def _next(self) -> bytes:
        piece = next(self._pieces, b"")
        if not piece:
            damaged("it ends early")
        if self._tap:
            self._tap.see(self.at, piece)
        self._told(len(piece))
        return piece


@dataclass(frozen=True)
class Target:
    """Where a member goes: its file, how much of it is there, and the journal that knows."""

    path: Path
    half: Half | None
    journal: Journal


def unpack_member(reader: Reader, member: Member, target: Target) -> FileRecord:
    """Unpack the member whose bytes come next: its record, or what is left of its data.

    Raises:
        WrongRelease: WrongArchive, UnsafeArchive or WrongChecksum.
        OSError: if the file cannot be written.
    """
    half = target.half
    if half is None:
        fixed = reader.take(LOCAL.size)
        follows = judge_local(member, fixed)
        judge_local_name(member, reader.take(follows), fixed)
        begin, there = reader.at, Written(0, 0, None)
    else:
        begin, there = half.begin, Written(half.plain, half.crc32, bytes.fromhex(half.sha256))
    with Sink(target.path, there) as sink:
        copy = _inflated if member.method == DEFLATED else _stored
        copy(_Work(reader, member, target, sink, begin))
        sha = sink.finish()
        _check(member, sink.written)
    judge_descriptor(member, reader.take(member.end - begin - member.packed))
    record = FileRecord(member.name, member.size, sha, sink.written.crc32)
    target.journal.note_done(record, reader.passed())
    return record


@dataclass(frozen=True)
class _Work:
    """What both ways of copying need."""

    reader: Reader
    member: Member
    target: Target
    sink: Sink
    begin: int

    def mark(self, point: Point, last_byte: int) -> None:
        """Note this place in the journal, once everything before it is written."""
        passed = self.reader.passed()

        def told(written: Written) -> None:
            if written.state is not None and written.size == point.plain:
                state = written.state.hex()
                half = Half(
                    self.begin, point.packed, point.bits, last_byte, point.plain, written.crc32, state
                )
                self.target.journal.note_half(self.member.name, half, passed)

        self.sink.mark(told)


def _stored(work: _Work) -> None:
    """Copy the data as it is."""
    done = marked = work.target.half.plain if work.target.half else 0
    for piece in work.reader.pieces(work.member.size - done):
        work.sink.put_bytes(piece)
        done += len(piece)
        if done - marked >= MARK_BYTES:
            marked = done
            work.mark(Point(done, 0, done), 0)


def _inflated(work: _Work) -> None:
    """Inflate the data; a mark lies between two deflate blocks."""
    half = work.target.half
    point = Point(half.packed, half.bits, half.plain) if half else None
    window = _tail(work.target.path, half.plain) if half else b""
    last = half.last_byte if half else 0
    name = work.member.name
    try:
        with Inflater(point, last_byte=last, window=window) as stream:
            filler = _Filler(work, stream, last)
            for piece in work.reader.pieces(work.member.packed - stream.packed):
                if stream.ended:
                    damaged("there are bytes after the compressed data", file=name)
                filler.take(piece)
            if not filler.finish():
                damaged("its compressed data ends early", file=name)
    except InflateError as e:
        damaged(f"its data cannot be inflated ({e})", file=name)


class _Filler:
    """Fills the sink's rooms with what an inflater makes of pieces."""

    def __init__(self, work: _Work, stream: Inflater, last_byte: int) -> None:
        self._work = work
        self._stream = stream
        self._last = last_byte
        self._room = work.sink.room()
        self._filled = 0
        self._marked = stream.packed

    def take(self, piece: bytes) -> None:
        """Inflate one piece to its end."""
        stream = self._stream
        stream.offer(piece)
        more = True
        while more and not stream.ended:
            due = stream.packed - self._marked >= MARK_BYTES
            self._filled = stream.into(self._room, self._filled, stop_at_block=due)
            if stream.plain > self._work.member.size:
                damaged("it has another size than promised", file=self._work.member.name)
            more = not stream.hungry or self._filled == len(self._room)
            point = stream.point() if due else None
            if point or self._filled == len(self._room):
                self.flush()
            if point:
                self._marked = point.packed
                used = len(piece) - stream.left
                self._work.mark(point, piece[used - 1] if used else self._last)
        if stream.left:
            damaged("there are bytes after the compressed data", file=self._work.member.name)
        self._last = piece[-1]

    def finish(self) -> bool:
        """Hand over the rest; false when the stream has not ended."""
        if not self._stream.ended:
            # Stopped behind the last block, zlib has yet to say that it was the last.
            self._filled = self._stream.into(self._room, self._filled)
        self.flush()
        return self._stream.ended

    def flush(self) -> None:
        """Hand over what is filled."""
        self._work.sink.put(self._room, self._filled)
        self._room, self._filled = self._work.sink.room(), 0


def _tail(path: Path, size: int) -> bytes:
    """Return the last bytes before this size: the window that deflate refers to."""
    with path.open("rb") as f:
        f.seek(max(0, size - WINDOW_BYTES))
        return f.read(min(size, WINDOW_BYTES))


def _check(member: Member, written: Written) -> None:
    if written.size != member.size:
        damaged("it has another size than promised", file=member.name)
    if written.crc32 != member.crc32:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"{member.name} does not have the CRC that the archive promises: it was damaged after packing.",
            file=member.name,
            expected=f"crc32:{member.crc32:08x}",
            found=f"crc32:{written.crc32:08x}",
        )


def damaged(what: str, *, file: str | None = None) -> NoReturn:
    """Refuse an archive whose bytes are not what its directory promises."""
    where = f" ({file})" if file else ""
    raise WrongRelease(Reason.WRONG_ARCHIVE, f"The archive is damaged{where}: {what}.", file=file)
