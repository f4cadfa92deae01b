"""A release as a zip or a folder → a verified folder of its files. Used by export and import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedb_release import receipt, volume
from facedb_release.archive.contents import LocalArchive, read_contents
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.journal import Journal
from facedb_release.fetching.unpack import Unpacking, unpack
from facedb_release.profiles import Profile
from facedb_release.progress import Phase, Progress
from facedb_release.receipt import FileRecord
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import Verified, verify_release
from facedb_release.verify.signature import Policy


@dataclass(frozen=True)
class Opened:
    """A verified release.

    Attributes:
        folder: where its files lie.
        good: what the verification found.
        digest: `sha256:<hex>` of the archive; None when it is a folder of unknown origin.
        unpacked: whether the folder was made here, from a zip.
    """

    folder: Path
    good: Verified
    digest: str | None
    unpacked: bool


def open_release(
    place: Path,
    into: Path,
    profile: Profile,
    progress: Progress,
    *,
    limits: Limits | None = None,
    policy: Policy | None = None,
) -> Opened:
    """Verify a folder where it lies; unpack a zip first.

    Args:
        place: the zip or the folder.
        into: is made for a zip's files, on a volume with room for them; the caller removes it.
        profile: the kind of release.
        progress: is told both.
        limits: of the checks.
        policy: whose signature is wanted.

    Raises:
        ReleaseError: what is wrong with it.
    """
    if place.is_dir():
        good = verify_release(place, profile=profile, limits=limits, progress=progress, policy=policy)
        there = (place / receipt.NAME).exists()
        digest = receipt.read_receipt(place).digest if there else None
        return Opened(place, good, digest, unpacked=False)
    if not place.is_file():
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE, f"{place} is neither a zip nor a folder.", file=place.name
        )
    digest, files = _unpacked(place, into, profile, progress)
    good = verify_release(
        into, hashed=files, profile=profile, limits=limits, progress=progress, policy=policy
    )
    return Opened(into, good, digest, unpacked=True)


def _unpacked(
    place: Path, into: Path, profile: Profile, progress: Progress
) -> tuple[str | None, tuple[FileRecord, ...]]:
    """Unpack a zip; return its digest and its files' records."""
    into.mkdir()
    archive = LocalArchive(place)
    contents = read_contents(archive, profile)
    volume.require_space(into, contents.unpacked_bytes)
    how = Unpacking(
        folder=into,
        order=tuple(m.name for m in contents.members),
        journal=Journal(None),
        hashed=True,
        told=lambda done, file: progress(Phase.COPYING, done, archive.size, file),
    )
    unpacked = unpack(archive, contents, how)
    return unpacked.digest, unpacked.files
