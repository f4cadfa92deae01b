"""The release before and a patch archive → the files of the new release. Else it is the full archive.

A patch is never trusted: each file is held against the sha256 that the patch promises as it is rebuilt, and
the whole is verified like any other release. Whatever is wrong with it only means that more has to be moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facedb_release import volume
from facedb_release.archive.contents import read_contents, read_member
from facedb_release.archive.directory import LOCAL, Member
from facedb_release.archive.records import judge_local, judge_local_name
from facedb_release.copying import clone
from facedb_release.errors import NoSpace, Reason, WrongRelease
from facedb_release.fetching.arrive import Arrived
from facedb_release.fetching.checks import EarlyChecks
from facedb_release.fetching.inplace import set_aside
from facedb_release.fetching.journal import Journal
from facedb_release.fetching.member import Reader, Target, unpack_member
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.reuse import take
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.fetching.windows import Windows
from facedb_release.manifest import parse_manifest
from facedb_release.patches.apply import apply_patch
from facedb_release.patches.listing import NAME, check_members, parse_patch_list, patch_profile
from facedb_release.patches.plan import Apply, Lacking, Step, Take, Whole, plan
from facedb_release.profiles import Profile
from facedb_release.progress import Phase, Progress
from facedb_release.receipt import FileRecord, Receipt
from facedb_release.verify.release import check_manifest


@dataclass(frozen=True)
class Base:
    """The release that a patch starts from.

    Attributes:
        folder: of its files.
        receipt: what they are.
        in_place: whether the folder is that of the new release, and what is unchanged is moved, not copied.
    """

    folder: Path
    receipt: Receipt
    in_place: bool = False


@dataclass
class _Patching:
    """One patch archive that is being applied."""

    origin: Origin
    members: Mapping[str, Member]
    base: Base
    partial: Path
    windows: Windows
    told: Progress
    done: int = 0

    def reader(self, member: Member) -> Reader:
        """Return the bytes of a member's record."""

        def told(count: int) -> None:
            self.done += count
            self.told(Phase.DOWNLOADING, self.done, self.origin.size, member.name)

        return Reader(self.windows.lane(member.offset, member.end), member.offset, told=told)


def arrive_patched(
    origin: Origin, wanted: FetchRequest, base: Base, progress: Progress, checks: EarlyChecks
) -> Arrived:
    """Bring the files by a patch.

    Args:
        origin: of the patch archive.
        wanted: what was asked for.
        base: the release before.
        progress: is told the patch archive's bytes.
        checks: begin with each file as soon as it is whole.

    Raises:
        ReleaseError: why the patch cannot be used; the full archive may well be.
    """
    if not origin.ranges:
        raise _useless("this server gives no ranges", origin)
    partial = volume.claim(wanted.into, wanted.profile)
    volume.clear(wanted.into)
    contents = read_contents(origin, patch_profile(wanted.profile))
    members = {m.name: m for m in contents.members}
    steps = _steps(origin, members, wanted, base.receipt)
    checks.expect([s.record.name for s in steps])
    _require_space(steps, wanted, base, origin)
    if base.in_place:
        set_aside(wanted.into, wanted.profile)
    origin.expect(contents)
    with Windows(origin, connections=wanted.connections) as windows:
        work = _Patching(origin, members, base, partial, windows, progress)
        records = []
        for step in _in_order(steps, wanted.profile, base):
            records.append(_made(step, work))
            checks.begin(records[-1])
    return Arrived(tuple(records), None)


def _steps(
    origin: Origin, members: Mapping[str, Member], wanted: FetchRequest, previous: Receipt
) -> tuple[Step, ...]:
    """Judge patch.json and the manifest, and decide where each file comes from."""
    patch = parse_patch_list(read_member(origin, members[NAME]), wanted.profile)
    check_members(patch, {m.name: m.size for m in members.values()})
    manifest = parse_manifest(read_member(origin, members[wanted.profile.manifest.name]), wanted.profile)
    check_manifest(manifest, wanted.version, wanted.profile)
    steps = plan(patch, {f.name: f.sha256 for f in previous.files})
    if isinstance(steps, Lacking):
        raise _useless(f"the release before holds another {steps.file}", origin)
    return steps


def _require_space(steps: tuple[Step, ...], wanted: FetchRequest, base: Base, origin: Origin) -> None:
    """Check the room for what is made; in place, the old files stay until all is verified."""
    needed = sum(s.record.size for s in steps if not (base.in_place and _stays(s)))
    try:
        volume.require_space(wanted.into, needed)
    except NoSpace as e:
        if not base.in_place:
            raise
        # The full archive needs less: what it replaces is removed first.
        raise _useless("there is no room for both old and new files", origin) from e


def _stays(step: Step) -> bool:
    """Whether the file only has to be moved, when the release is changed in place."""
    return isinstance(step, Take) and step.source == step.record.name


def _in_order(steps: tuple[Step, ...], profile: Profile, base: Base) -> list[Step]:
    """Put the indices first: their checks take longest; but move old files only once nobody reads them."""
    return sorted(steps, key=lambda s: (base.in_place and _stays(s), s.record.name not in profile.indices))


def _made(step: Step, work: _Patching) -> FileRecord:
    """Make one file."""
    target = work.partial / step.record.name
    match step:
        case Take(record, source):
            bring = Path.replace if work.base.in_place and _stays(step) else clone
            if not take(record, work.base.folder / source, target, bring):
                raise _useless(f"{source} of the release before changed at rest", work.origin)
            return record
        case Whole(record, name):
            member = work.members[name]
            made = unpack_member(work.reader(member), member, Target(target, None, Journal(None)))
            if made != record:
                raise _useless(f"its {name} is not what it promises", work.origin)
            return made
        case Apply(record, name, source):
            member = work.members[name]
            reader = work.reader(member)
            fixed = reader.take(LOCAL.size)
            judge_local_name(member, reader.take(judge_local(member, fixed)), fixed)
            return apply_patch(
                reader.pieces(member.packed), work.base.folder / source, target, expected=record
            )


def _useless(why: str, origin: Origin) -> WrongRelease:
    return WrongRelease(
        Reason.WRONG_ARCHIVE, f"The patch {origin.asset.name} cannot be used: {why}.", file=origin.asset.name
    )
