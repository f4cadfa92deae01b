"""The files of a verified release → its zip: the same files give the same bytes, whoever packs them.

The manifest comes first, so that a reader who streams can judge early. Indices are stored: deflate takes 8 %
off them and doubles the time of everybody who unpacks (measured). Called by export.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from facedb_release import manifest as manifests
from facedb_release.copying import BLOCK, hash_file
from facedb_release.errors import Reason, SourceTrouble, WrongRelease
from facedb_release.receipt import FileRecord, sync_folder

# The earliest time a zip can tell: a later one would say when, and differ.
_TIME = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
Told = Callable[[int, str | None], None]


def write_zip(folder: Path, files: Sequence[FileRecord], target: Path, *, stored: bool, told: Told) -> None:
    """Write the archive; durable when this returns.

    Args:
        folder: holds the files.
        files: as they were verified; each is compared with its record while it is packed.
        target: a name that is free.
        stored: whether to deflate nothing at all.
        told: gets the bytes packed so far, and the file at hand.

    Raises:
        SourceTrouble: InUse, when a file is not as it was verified.
    """
    done = 0
    with target.open("xb") as raw:
        with zipfile.ZipFile(raw, "w") as archive:
            for file in sorted(files, key=lambda f: (not f.name.startswith(manifests.NAME), f.name)):
                done = _member(archive, folder, file, stored=stored, done=done, told=told)
        raw.flush()
        os.fsync(raw.fileno())


def put_in_place(made: Path, target: Path) -> tuple[FileRecord, bool]:
    """Give a finished file its published name, unless that is taken by other bytes.

    Returns:
        The file's record, and whether the same bytes were there before.

    Raises:
        WrongRelease: AnotherRelease, when a different file has the name.
    """
    record = hash_file(made)
    if target.exists():
        there = hash_file(target)
        if there.sha256 != record.sha256:
            raise WrongRelease(
                Reason.ANOTHER_RELEASE,
                f"{target} exists and holds other bytes; what was published is never changed. "
                "Choose another version, or another folder.",
                file=target.name,
                expected=f"sha256:{record.sha256}",
                found=f"sha256:{there.sha256}",
            )
        made.unlink()
        return there, True
    made.replace(target)
    sync_folder(target.parent)
    return FileRecord(target.name, record.size, record.sha256), False


def _member(
    archive: zipfile.ZipFile, folder: Path, file: FileRecord, *, stored: bool, done: int, told: Told
) -> int:
    """Pack one file; return the bytes packed so far."""
    info = zipfile.ZipInfo(file.name, _TIME)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    info.file_size = file.size
    keep = stored or file.name.endswith(".voy")
    info.compress_type = zipfile.ZIP_STORED if keep else zipfile.ZIP_DEFLATED
    # Python 3.13 made the level public; before, ZipInfo has it with an underscore and open() takes none.
    setattr(info, "compress_level" if hasattr(info, "compress_level") else "_compresslevel", _LEVEL)
    sha = hashlib.sha256()
    with (folder / file.name).open("rb", buffering=0) as source, archive.open(info, "w") as packed:
        while block := source.read(BLOCK):
            sha.update(block)
            packed.write(block)
            done += len(block)
            told(done, file.name)
    if sha.hexdigest() != file.sha256:
        raise SourceTrouble(
            Reason.IN_USE,
            f"{file.name} changed between its check and its packing; export again.",
            file=file.name,
        )
    return done
