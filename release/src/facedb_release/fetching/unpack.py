"""A judged archive → its members' files, in a few lanes side by side; the zip itself is never stored.

With a digest to be checked the archive is read in order, in one lane, and hashed as it passes; without one,
every member is a lane of its own, and several are inflated at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from facedb_release.archive.contents import Archive, Contents
from facedb_release.archive.directory import Member
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.digests import sha256
from facedb_release.fetching.journal import NOTHING, Begun, Half, Journal
from facedb_release.fetching.member import Reader, Tap, Target, damaged, unpack_member
from facedb_release.fetching.windows import CONNECTIONS, Windows
from facedb_release.receipt import FileRecord

LANES = 2
Told = Callable[[int, str | None], None]


@dataclass(frozen=True)
class Unpacking:
    """How to unpack.

    Attributes:
        folder: of the files.
        order: names of the members to unpack, the first to be done first.
        journal: of what is done.
        begun: what an earlier run did.
        hashed: whether the archive's own digest is wanted; then it is read in order.
        connections: parts fetched at the same time.
        lanes: members unpacked at the same time.
        told: gets the archive's bytes done and the file at hand.
        finished: gets each file as soon as it is whole.
    """

    folder: Path
    order: tuple[str, ...]
    journal: Journal
    begun: Begun = NOTHING
    hashed: bool = False
    connections: int = CONNECTIONS
    lanes: int = LANES
    told: Told = lambda done, file: None
    finished: Callable[[FileRecord], None] = lambda record: None


@dataclass(frozen=True)
class Unpacked:
    """What was written: the archive's `sha256:<hex>` where it was hashed, and each file's record."""

    digest: str | None
    files: tuple[FileRecord, ...]


@dataclass
class _Meter:
    """Adds up what all lanes have done."""

    told: Told
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int, file: str | None) -> None:
        with self.lock:
            self.done += count
            self.told(self.done, file)


def unpack(archive: Archive, contents: Contents, how: Unpacking) -> Unpacked:
    """Write the wanted members into the folder.

    Raises:
        WrongRelease: WrongArchive, UnsafeArchive or WrongChecksum; and whatever the archive's reading raises.
    """
    if how.hashed and not how.begun.passed:
        how = replace(how, begun=NOTHING)
    members = {m.name: m for m in contents.members}
    wanted = [members[name] for name in how.order]
    records = {r.name: r for r in how.begun.done.values() if r.name in how.order}
    meter = _Meter(how.told, sum(members[name].end - members[name].offset for name in records))
    for record in records.values():
        how.finished(record)
    left = [m for m in wanted if m.name not in records]
    with Windows(archive, connections=how.connections) as windows:
        if how.hashed:
            made, digest = _in_order(archive, contents, how, windows, meter)
        else:
            made, digest = _side_by_side(left, how, windows, meter), None
    records |= {r.name: r for r in made}
    return Unpacked(digest, tuple(records[name] for name in how.order))


def _in_order(
    archive: Archive, contents: Contents, how: Unpacking, windows: Windows, meter: _Meter
) -> tuple[list[FileRecord], str]:
    """Read the archive from its first new byte to its last."""
    begun = how.begun
    left = [m for m in contents.members if m.name not in begun.done]
    start = _start(left[0], begun.half) if left else contents.place.offset
    tap = Tap(0, sha256())
    if begun.passed:
        tap = Tap(begun.passed.at, sha256(bytes.fromhex(begun.passed.sha256)))
    name: str | None = None
    pieces = windows.lane(start, archive.size)
    reader = Reader(pieces, start, tap=tap, told=lambda count: meter.add(count, name))
    made = []
    for member in left:
        name = member.name
        target = Target(how.folder / name, begun.half.get(name), how.journal)
        made.append(unpack_member(reader, member, target))
        how.finished(made[-1])
    rest = reader.take(archive.size - contents.place.offset)
    if rest[: len(contents.directory)] != contents.directory:
        damaged("its directory is not the one that was judged")
    return made, "sha256:" + tap.sha.hexdigest()


def _side_by_side(
    members: Iterable[Member], how: Unpacking, windows: Windows, meter: _Meter
) -> list[FileRecord]:
    """Let each of a few threads take the next member until none is left."""
    tasks = iter(list(enumerate(members)))
    made: list[FileRecord] = []
    failures: list[BaseException] = []
    lock = threading.Lock()

    def next_task() -> tuple[int, Member] | None:
        with lock:
            return None if failures else next(tasks, None)

    def work() -> None:
        try:
            while (task := next_task()) is not None:
                record = _one(task[1], task[0], how, windows, meter)
                with lock:
                    made.append(record)
                how.finished(record)
        except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised again below
            failures.append(e)
            windows.close()

    _run_all(work, how.lanes, windows)
    if failures:
        raise _first(failures)
    return made


def _run_all(work: Callable[[], None], count: int, windows: Windows) -> None:
    """Run the work in so many threads; when told to stop, only after all of them ended."""
    threads = [threading.Thread(target=work, name=f"facedb-lane-{i}", daemon=True) for i in range(count)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        # Nobody may still write when the caller tidies up.
        windows.close()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        raise


def _first(failures: list[BaseException]) -> BaseException:
    """Return what went wrong, rather than that the others were stopped because of it."""
    own = [f for f in failures if not (isinstance(f, SourceTrouble) and f.reason is Reason.INTERRUPTED)]
    return (own or failures)[0]


def _one(member: Member, rank: int, how: Unpacking, windows: Windows, meter: _Meter) -> FileRecord:
    half = how.begun.half.get(member.name)
    start = _start(member, how.begun.half)
    meter.add(start - member.offset, member.name)
    pieces: Iterator[bytes] = windows.lane(start, member.end, rank=rank)
    reader = Reader(pieces, start, told=lambda count: meter.add(count, member.name))
    return unpack_member(reader, member, Target(how.folder / member.name, half, how.journal))


def _start(member: Member, half: Mapping[str, Half]) -> int:
    """Return where the next byte that a member needs lies in the archive."""
    begun = half.get(member.name)
    return member.offset if begun is None else begun.begin + begun.packed
