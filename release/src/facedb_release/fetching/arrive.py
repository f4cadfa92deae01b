"""An archive at its origin → the files of the release, hashed, in the workplace of their folder.

Judges the archive's directory and manifest before anything else is moved; takes from the release before, or
from the one that the folder held, what is the same; goes on where an earlier run stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from facedb_release import volume
from facedb_release.archive.contents import Contents, read_contents, read_member
from facedb_release.archive.directory import Member
from facedb_release.errors import AssetReplaced
from facedb_release.fetching.checks import EarlyChecks
from facedb_release.fetching.inplace import gather, give_up_old, put_back, take_over
from facedb_release.fetching.journal import NOTHING, Begun, Journal, read_journal
from facedb_release.fetching.onestream import unpack_stream
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.reuse import read_previous, same_files, take
from facedb_release.fetching.unpack import Told, Unpacking, unpack
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
    origin: Origin,
    wanted: FetchRequest,
    progress: Progress,
    checks: EarlyChecks,
    *,
    fresh: bool,
    old: Receipt | None = None,
) -> Arrived:
    """Bring the files.

    Args:
        origin: of the archive.
        wanted: what was asked for.
        progress: is told the archive's bytes.
        checks: begin with each file as soon as it is whole.
        fresh: leave unused what an earlier run left.
        old: of another release that the folder holds, or held until an earlier run began to change it.

    Raises:
        ReleaseError: what is wrong with the archive, the source or the volume.
    """
    partial = volume.claim(wanted.into, wanted.profile)

    def told(done: int, file: str | None) -> None:
        progress(Phase.DOWNLOADING, done, origin.size, file)

    told(0, None)
    if not origin.ranges:
        return _in_one_stream(origin, wanted, told, checks, old)
    contents = read_contents(origin, wanted.profile)
    origin.expect(contents)
    manifest_bytes = _manifest(origin, contents, wanted)
    manifest = parse_manifest(manifest_bytes, wanted.profile)
    if wanted.version is not None:
        check_manifest(manifest, wanted.version, wanted.profile)
    checks.expect([m.name for m in contents.members])
    ground = _prepare(origin, contents, manifest, wanted, old, fresh=fresh)
    how = Unpacking(
        folder=partial,
        order=_order(contents.members, wanted),
        journal=ground.journal,
        begun=ground.begun,
        hashed=ground.hashed,
        connections=wanted.connections,
        told=told,
        finished=checks.begin,
    )
    unpacked = unpack(origin, contents, how)
    told(origin.size, None)
    if (partial / wanted.profile.manifest.name).read_bytes() != manifest_bytes:
        raise AssetReplaced("The archive's manifest changed while it was read; it is read from the start.")
    return Arrived(unpacked.files, unpacked.digest)


def _in_one_stream(
    origin: Origin, wanted: FetchRequest, told: Told, checks: EarlyChecks, old: Receipt | None
) -> Arrived:
    """Take the archive as it comes: nothing says what is the same before it is read."""
    volume.clear(wanted.into)
    if old is not None:
        give_up_old(wanted.into, wanted.profile, 0)
    whole = unpack_stream(origin, wanted.profile, wanted.into / volume.PARTIAL, told, checks.begin)
    return Arrived(whole.files, whole.digest)


@dataclass(frozen=True)
class _Ground:
    """What is there before the archive's bytes move, and whether its own hash is to be made."""

    begun: Begun
    journal: Journal
    hashed: bool


def _prepare(
    origin: Origin,
    contents: Contents,
    manifest: Manifest,
    wanted: FetchRequest,
    old: Receipt | None,
    *,
    fresh: bool,
) -> _Ground:
    """Find what earlier runs and other releases give, and see that there is room for the rest."""
    # Under a pin every byte has to pass, so nothing of the release before is of use.
    previous = _previous(wanted) if wanted.digest is None else None
    before = tuple(r for r in (old, previous) if r is not None and wanted.digest is None)
    digest_known = (wanted.digest or origin.asset.digest) is not None
    begun = _begin(origin, contents, wanted, old, before, fresh=fresh, digest_known=digest_known)
    journal = Journal(wanted.into / volume.JOURNAL, contents.identity(origin.size), begun)
    origin.mixed = begun is not NOTHING
    if old is not None:
        begun = _with(begun, take_over(contents.members, manifest, begun, old, wanted, journal))
    begun = _from_previous(contents, manifest, begun, journal, wanted, previous)
    if old is None:
        # Else it was asked for before the old files went; a file system may give their room back late.
        volume.require_space(wanted.into, _to_write(contents, begun))
    return _Ground(begun, journal, digest_known and not _took(begun, before))


def _manifest(origin: Origin, contents: Contents, wanted: FetchRequest) -> bytes:
    """Read the manifest before everything else: most mistakes show in its few hundred bytes."""
    name = wanted.profile.manifest.name
    return read_member(origin, next(m for m in contents.members if m.name == name))


def _begin(
    origin: Origin,
    contents: Contents,
    wanted: FetchRequest,
    old: Receipt | None,
    before: tuple[Receipt, ...],
    *,
    fresh: bool,
    digest_known: bool,
) -> Begun:
    """Return what an earlier run left for this archive, and remove all else that lies in the workplace."""
    identity = contents.identity(origin.size)
    begun = NOTHING
    if not fresh:
        gather(wanted.into, identity)
        begun = read_journal(wanted.into / volume.JOURNAL, identity, wanted.into / volume.PARTIAL)
    if digest_known and begun.passed is None and not _took(begun, before):
        # It was not hashed as it passed, so it is of no use; nor may the journal go on speaking of it.
        begun = NOTHING
    keep = {*begun.done, *begun.half}
    put_back(wanted.into, old, keep)
    volume.clear(wanted.into, keep)
    return begun if keep else NOTHING


def _from_previous(
    contents: Contents,
    manifest: Manifest,
    begun: Begun,
    journal: Journal,
    wanted: FetchRequest,
    previous: Receipt | None,
) -> Begun:
    """Take what the release before holds already."""
    if previous is None or wanted.previous is None:
        return begun
    missing = [m for m in contents.members if m.name not in begun.done]
    taken: dict[str, FileRecord] = {}
    for record in same_files(missing, manifest, previous, wanted.previous):
        volume.require_space(wanted.into, record.size)
        if take(record, wanted.previous / record.name, wanted.into / volume.PARTIAL / record.name):
            taken[record.name] = record
            journal.note_done(record)
    return _with(begun, taken)


def _with(begun: Begun, taken: Mapping[str, FileRecord]) -> Begun:
    """Add files that did not come out of the archive: its own hash is not to be had any more."""
    if not taken:
        return begun
    half = {name: h for name, h in begun.half.items() if name not in taken}
    return Begun({**begun.done, **taken}, half, None)


def _took(begun: Begun, before: tuple[Receipt, ...]) -> bool:
    """Whether this run, or one before that was stopped, took files of another release."""
    if begun.passed is not None:
        return False
    return any(begun.done.get(f.name) == f for receipt in before for f in receipt.files)


def _previous(wanted: FetchRequest) -> Receipt | None:
    """Return the receipt of the release before, unless that is what the folder itself holds."""
    if wanted.previous is None or wanted.previous.resolve() == wanted.into.resolve():
        return None
    return read_previous(wanted.previous)


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
