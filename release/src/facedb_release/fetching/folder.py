"""An unpacked release on a mounted volume → its files in the workplace, hashed. For air gaps."""

from __future__ import annotations

from pathlib import Path

from facedb_release import volume
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.digests import sha256
from facedb_release.fetching.sink import Sink, Written
from facedb_release.fetching.unpack import Told
from facedb_release.profiles import Profile
from facedb_release.receipt import FileRecord

PIECE = 1 << 20


def copy_release(source: Path, profile: Profile, into: Path, told: Told) -> tuple[FileRecord, ...]:
    """Copy a release's files; whether they are a good release is for verification to say.

    Args:
        source: folder of an unpacked release; what does not belong into one is left there.
        profile: the kind of release.
        into: the folder to fill, that of the new release.
        told: gets the bytes done and the file at hand.

    Raises:
        NoSpace: before anything is written.
        SourceTrouble: SourceUnavailable, if a file cannot be read.
    """
    partial = volume.claim(into, profile)
    volume.clear(into)
    try:
        names = [n for n in profile.known if (source / n).is_file()]
        volume.require_space(into, sum((source / n).stat().st_size for n in names))
        records, done = [], 0
        for name in names:
            records.append(_copy(source / name, partial / name))
            done += records[-1].size
            told(done, name)
    except _Unreadable as e:
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE,
            f"{source} cannot be read: {e.error.strerror}. Check what is mounted there.",
        ) from e.error
    return tuple(records)


class _Unreadable(Exception):
    """Reading failed; an OSError of writing is the volume's matter."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _copy(source: Path, target: Path) -> FileRecord:
    with Sink(target, Written(0, 0, None), sha256()) as sink:
        try:
            with source.open("rb", buffering=0) as f:
                while piece := f.read(PIECE):
                    sink.put_bytes(piece)
        except OSError as e:
            if e.filename is None or Path(e.filename) != target:
                raise _Unreadable(e) from e
            raise
        sha = sink.finish()
        return FileRecord(source.name, sink.written.size, sha)
