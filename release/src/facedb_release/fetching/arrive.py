"""An archive at its origin → the files of the release, hashed, in the workplace of their folder.

Judges the archive's directory and manifest before anything else is moved; takes from the release before what
is the same; goes on where an earlier run stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from facedb_release import volume
from facedb_release.archive.contents import Contents, read_contents, read_member
from facedb_release.archive.directory import Member
from facedb_release.errors import AssetReplaced
from facedb_release.fetching.checks import EarlyChecks
from facedb_release.fetching.journal import NOTHING, Begun, Journal, read_journal
from facedb_release.fetching.onestream import unpack_stream
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.reuse import read_previous, same_files, take
from facedb_release.fetching.unpack import Unpacking, unpack
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.manifest import Manifest, parse_manifest
from facedb_release.progress import Phase, Progress
from facedb_release.receipt import FileRecord, Receipt
from facedb_release.verify.release import check_manifest


@dataclass(frozen=True)
class Arrived:
    """What came.

    Attributes:
        files: every file's record.
        digest: `sha256:<hex>` of the archive, where all of it passed.
    """

    files: tuple[FileRecord, ...]
    digest: str | None


def arrive(
    origin: Origin, wanted: FetchRequest, progress: Progress, checks: EarlyChecks, *, fresh: bool
) -> Arrived:
    """Bring the files.

    Args:
        origin: of the archive.
        wanted: what was asked for.
        progress: is told the archive's bytes.
        checks: begin with each file as soon as it is whole.
        fresh: leave unused what an earlier run left.

    Raises:
        ReleaseError: what is wrong with the archive, the source or the volume.
    """
    partial = volume.claim(wanted.into, wanted.profile)

    def told(done: int, file: str | None) -> None:
        progress(Phase.DOWNLOADING, done, origin.size, file)

    told(0, None)
    if not origin.ranges:
        volume.clear(wanted.into)
        whole = unpack_stream(origin, wanted.profile, partial, told, checks.begin)
        return Arrived(whole.files, whole.digest)
    contents = read_contents(origin, wanted.profile)
    origin.expect(contents)
    manifest_bytes = _manifest(origin, contents, wanted)
    manifest = parse_manifest(manifest_bytes, wanted.profile)
    if wanted.version is not None:
        check_manifest(manifest, wanted.version, wanted.profile)
    checks.expect([m.name for m in contents.members])
    # Under a pin every byte has to pass, so nothing of the release before is of use.
    previous = read_previous(wanted.previous) if wanted.digest is None else None
    digest_known = (wanted.digest or origin.asset.digest) is not None
    begun = _begin(origin, contents, wanted, previous, fresh=fresh, digest_known=digest_known)
    journal = Journal(wanted.into / volume.JOURNAL, contents.identity(origin.size), begun)
    origin.mixed = begun is not NOTHING
    begun, taken = _from_previous(contents, manifest, begun, journal, wanted, previous)
    volume.require_space(wanted.into, _to_write(contents, begun))
    how = Unpacking(
        folder=partial,
        order=_order(contents.members, wanted),
        journal=journal,
        begun=begun,
        hashed=digest_known and not taken,
        connections=wanted.connections,
        told=told,
        finished=checks.begin,
    )
    unpacked = unpack(origin, contents, how)
    told(origin.size, None)
    if (partial / wanted.profile.manifest.name).read_bytes() != manifest_bytes:
        raise AssetReplaced("The archive's manifest changed while it was read; it is read from the start.")
    return Arrived(unpacked.files, unpacked.digest)


def _manifest(origin: Origin, contents: Contents, wanted: FetchRequest) -> bytes:
    """Read the manifest before everything else: most mistakes show in its few hundred bytes."""
    name = wanted.profile.manifest.name
    return read_member(origin, next(m for m in contents.members if m.name == name))


def _begin(
    origin: Origin,
    contents: Contents,
    wanted: FetchRequest,
    previous: Receipt | None,
    *,
    fresh: bool,
    digest_known: bool,
) -> Begun:
    """Return what an earlier run left for this archive, and remove all else that lies in the workplace."""
    identity = contents.identity(origin.size)
    begun = NOTHING
    if not fresh:
        begun = read_journal(wanted.into / volume.JOURNAL, identity, wanted.into / volume.PARTIAL)
    if digest_known and begun.passed is None and not _took(begun, previous):
        # It was not hashed as it passed, so it is of no use; nor may the journal go on speaking of it.
        begun = NOTHING
    keep = {*begun.done, *begun.half}
    volume.clear(wanted.into, keep)
    return begun if keep else NOTHING


def _from_previous(
    contents: Contents,
    manifest: Manifest,
    begun: Begun,
    journal: Journal,
    wanted: FetchRequest,
    previous: Receipt | None,
) -> tuple[Begun, bool]:
    """Take what the release before holds already."""
    if previous is None or wanted.previous is None:
        return begun, False
    missing = [m for m in contents.members if m.name not in begun.done]
    taken: dict[str, FileRecord] = {}
    for record in same_files(missing, manifest, previous, wanted.previous):
        volume.require_space(wanted.into, record.size)
        if take(record, wanted.previous / record.name, wanted.into / volume.PARTIAL / record.name):
            taken[record.name] = record
            journal.note_done(record)
    half = {name: h for name, h in begun.half.items() if name not in taken}
    took = bool(taken) or _took(begun, previous)
    return Begun({**begun.done, **taken}, half, None) if taken else begun, took


def _took(begun: Begun, previous: Receipt | None) -> bool:
    """Whether an earlier run, that was stopped, took files of the release before."""
    if previous is None or begun.passed is not None:
        return False
    return any(begun.done.get(f.name) == f for f in previous.files)


def _to_write(contents: Contents, begun: Begun) -> int:
    """Return how many bytes are still to be written."""
    left = sum(m.size for m in contents.members if m.name not in begun.done)
    return left - sum(h.plain for h in begun.half.values())


def _order(members: tuple[Member, ...], wanted: FetchRequest) -> tuple[str, ...]:
    """Return the files in the order to bring them: the last byte should leave little to check."""
    indices = wanted.profile.indices
    databases = wanted.profile.databases

    def rank(member: Member) -> tuple[int, int]:
        return (2 if member.name in indices else 1 if member.name in databases else 0, member.offset)

    return tuple(m.name for m in sorted(members, key=rank))
