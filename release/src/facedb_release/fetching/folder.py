"""An unpacked release on a mounted volume → its files in the workplace, hashed. For air gaps."""

from __future__ import annotations

from pathlib import Path

from facedb_release import volume
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.digests import sha256
from facedb_release.fetching.inplace import give_up_old
from facedb_release.fetching.sink import Sink, Written
from facedb_release.fetching.unpack import Told
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.manifest import parse_manifest
from facedb_release.receipt import FileRecord
from facedb_release.verify.release import check_manifest

PIECE = 1 << 20


def copy_release(
    source: Path, wanted: FetchRequest, told: Told, *, replaced: bool = False
) -> tuple[FileRecord, ...]:
    """Copy a release's files; whether they are a good release is for verification to say.

    Args:
        source: folder of an unpacked release; what does not belong into one is left there.
        wanted: what was asked for, and the folder to fill.
        told: gets the bytes done and the file at hand.
        replaced: whether the folder holds another release, which goes once the manifest was checked.

    Raises:
        NoSpace: before anything is written.
        SourceTrouble: SourceUnavailable, if a file cannot be read; InUse.
        WrongRelease: what is wrong with the manifest, before the other release is touched.
    """
    into, profile = wanted.into, wanted.profile
    partial = volume.claim(into, profile)
    volume.clear(into)
    try:
        names = [n for n in profile.known if (source / n).is_file()]
        needed = sum((source / n).stat().st_size for n in names)
        if replaced:
            _check_manifest(source, wanted)
            give_up_old(into, profile, needed)
        volume.require_space(into, needed)
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


def _check_manifest(source: Path, wanted: FetchRequest) -> None:
    path = source / wanted.profile.manifest.name
    try:
        content = path.read_bytes() if path.stat().st_size <= wanted.profile.max_bytes[path.name] else b""
    except OSError as e:
        raise _Unreadable(e) from e
    if wanted.version is not None:
        check_manifest(parse_manifest(content, wanted.profile), wanted.version, wanted.profile)


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
        return FileRecord(source.name, sink.written.size, sha, sink.written.crc32)
