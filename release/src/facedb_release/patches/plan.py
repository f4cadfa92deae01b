"""What a patch archive offers and what the receiver holds → where each file comes from. Pure.

Called by fetch, which falls back to the full archive when something is lacking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facedb_release.patches.listing import PatchedFile, PatchList
from facedb_release.receipt import FileRecord
from facedb_release.version import Version


@dataclass(frozen=True)
class Take:
    """Take the receiver's file `source` as it is, and call it record.name."""

    record: FileRecord
    source: str


@dataclass(frozen=True)
class Whole:
    """Unpack the member; it is the file."""

    record: FileRecord
    member: str


@dataclass(frozen=True)
class Apply:
    """Apply the member, a patch, to the receiver's file `source`."""

    record: FileRecord
    member: str
    source: str


@dataclass(frozen=True)
class Lacking:
    """The receiver does not hold what the patch starts from: the full archive is needed."""

    file: str
    sha256: str


Step = Take | Whole | Apply


def plan(patch: PatchList, have: Mapping[str, str]) -> tuple[Step, ...] | Lacking:
    """Decide where each file comes from; the first that cannot come makes the patch useless.

    Args:
        patch: as parsed.
        have: of the receiver's verified files, name → sha256 as 64 lower-case hex digits.
    """
    holders = {sha256: name for name, sha256 in sorted(have.items(), reverse=True)}
    steps: list[Step] = []
    for file in patch.files:
        step = _step(file, have, holders)
        if isinstance(step, Lacking):
            return step
        steps.append(step)
    return tuple(steps)


def _step(file: PatchedFile, have: Mapping[str, str], holders: Mapping[str, str]) -> Step | Lacking:
    record, member = file.record, file.member

    def holder(sha256: str) -> str | None:
        return record.name if have.get(record.name) == sha256 else holders.get(sha256)

    # Held already, whatever the patch offers.
    source = holder(record.sha256)
    if source is not None:
        return Take(record, source)
    # It should have been held.
    if member is None:
        return Lacking(record.name, record.sha256)
    # It stands alone.
    if file.from_sha256 is None:
        return Whole(record, member)
    source = holder(file.from_sha256)
    return Lacking(record.name, file.from_sha256) if source is None else Apply(record, member, source)


def patch_archive_name(archive: str, old: Version) -> str:
    """Return the name, beside a release's archive, of the patch from another version.

    `stash-sense-data-v2026.03.01.zip` → `stash-sense-data-v2026.03.01.from-v2026.02.18.zip`.
    """
    return f"{archive.removesuffix('.zip')}.from-v{old.text}.zip"
