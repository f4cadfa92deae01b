"""The files of an unpacked release → "this is a good one", or why not, cheapest check first.

The only definition of a valid release: the fetch Job, `facedb verify` and the sidecar all come through here.
What is wanted of a release, its profile says; the order of the checks stands in CHECKS.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from facedb_release.errors import WrongRelease
from facedb_release.manifest import Manifest, parse_manifest
from facedb_release.profiles import PROFILE, Profile
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import FileRecord, Receipt, contents_digest
from facedb_release.verify import content
from facedb_release.verify.counts import Maps, check_counts, read_maps
from facedb_release.verify.database import DatabaseFacts, check_database, read_database
from facedb_release.verify.index import IndexHeader, check_opens, read_header
from facedb_release.verify.limits import Limits
from facedb_release.verify.signature import Policy, check_comment, check_signature, unsigned, unsigned_files
from facedb_release.version import Version

Found = Iterator[WrongRelease | str]


@dataclass(frozen=True)
class Started:
    """Costly checks that the caller began as soon as a file was written; None: they are made here.

    Attributes:
        maps: waits for read_maps.
        database: file → waits for read_database.
        index: (file, labels that a vector must stand behind) → waits for that check; yields what is odd.
    """

    maps: Callable[[], Maps] | None = None
    database: Callable[[str], DatabaseFacts] | None = None
    index: Callable[[str, Sequence[int]], Iterable[str]] | None = None


@dataclass(frozen=True)
class Verified:
    """A good release.

    Attributes:
        manifest: of it.
        files: every file's record.
        warnings: what is odd.
        signed_by: id of the key that signed it, None without a signature or a key to check it by.
    """

    manifest: Manifest
    files: tuple[FileRecord, ...]
    warnings: tuple[str, ...]
    signed_by: str | None = None

    def receipt(self, digest: str | None) -> Receipt:
        """The receipt of this release, verified now.

        Args:
            digest: of its archive, when all of that was hashed; None: the files' own hashes stand for it.
        """
        return Receipt(
            version=self.manifest.version.text,
            digest=digest or contents_digest(self.files),
            files=self.files,
            performer_count=self.manifest.performer_count,
            face_count=self.manifest.face_count,
            verified_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            warnings=self.warnings,
            signed_by=self.signed_by,
        )


@dataclass(frozen=True)
class Report:
    """All that was found: every fault, in the order of the checks, or a good release."""

    faults: tuple[WrongRelease, ...]
    verified: Verified | None
    warnings: tuple[str, ...]


def verify_release(
    folder: Path,
    *,
    expected_version: Version | None = None,
    hashed: Iterable[FileRecord] | None = None,
    profile: Profile = PROFILE,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    policy: Policy | None = None,
    started: Started | None = None,
) -> Verified:
    """Verify the release in a folder, in the order of the design.

    Args:
        folder: holds the files, flat.
        expected_version: the one asked for, if one was.
        hashed: records made while the files were written; without them the files are read and hashed here.
        profile: the kind of release.
        limits: of the costly checks.
        progress: is told the bytes hashed.
        policy: whose signature is wanted.
        started: costly checks that run already.

    Raises:
        WrongRelease: the first thing that is wrong.
    """
    wanted = Wanted(expected_version, hashed, limits or Limits(), progress, policy or Policy(required=False))
    work = Work(folder, profile, wanted, started or Started())
    warnings: list[str] = []
    for found in _all(work):
        if isinstance(found, WrongRelease):
            raise found
        warnings.append(found)
    return work.verified(warnings)


def verify_all(
    folder: Path,
    *,
    expected_version: Version | None = None,
    profile: Profile = PROFILE,
    limits: Limits | None = None,
    progress: Progress = no_progress,
    policy: Policy | None = None,
) -> Report:
    """Verify like verify_release, but go on after a fault; what a fault makes impossible is left out."""
    wanted = Wanted(expected_version, None, limits or Limits(), progress, policy or Policy(required=False))
    work = Work(folder, profile, wanted, Started())
    found = list(_all(work))
    faults = tuple(f for f in found if isinstance(f, WrongRelease))
    warnings = tuple(dict.fromkeys(f for f in found if isinstance(f, str)))
    return Report(faults, None if faults else work.verified(warnings), warnings)


def check_manifest(manifest: Manifest, expected: Version | None, profile: Profile = PROFILE) -> None:
    """Check what a manifest alone can tell, before anything else is moved: its version and its pipeline.

    Raises:
        WrongRelease: WrongVersion or IncompatiblePipeline.
    """
    for fault in content.check_version(manifest, expected, profile.manifest.name):
        raise fault
    for fault in content.check_pipeline(manifest, profile.required, profile):
        raise fault


def check_signed(folder: Path, policy: Policy, profile: Profile = PROFILE) -> tuple[str, ...]:
    """Check only who signed a release that was verified before; return the warnings of a lenient policy.

    Raises:
        WrongRelease: MissingSignature or InvalidSignature; also what makes the manifest unreadable.
    """
    work = Work(folder, profile, Wanted(None, None, Limits(), no_progress, policy), Started())
    told: list[str] = []
    for check in (_file_set, _manifest, _signature):
        for found in check(work):
            if isinstance(found, WrongRelease):
                raise found
            told.append(found)
    return tuple(told)


@dataclass(frozen=True)
class Wanted:
    """What the caller asks for; see verify_release."""

    version: Version | None
    hashed: Iterable[FileRecord] | None
    limits: Limits
    progress: Progress
    policy: Policy


@dataclass
class Work:
    """A verification under way: what is known so far. None, or absent: a check before found it unusable."""

    folder: Path
    profile: Profile
    wanted: Wanted
    started: Started
    names: tuple[str, ...] = ()
    manifest: Manifest | None = None
    maps: Maps | None = None
    files: tuple[FileRecord, ...] = ()
    headers: Mapping[str, IndexHeader] = field(default_factory=dict)
    signed_by: str | None = None

    def verified(self, warnings: Iterable[str]) -> Verified:
        """Return the verdict, when nothing was found."""
        if self.manifest is None:
            raise RuntimeError("nothing was verified")
        return Verified(self.manifest, self.files, tuple(dict.fromkeys(warnings)), self.signed_by)


def _all(work: Work) -> Found:
    """Run every check; a refusal ends the check that raised it, and the next begins."""
    for check in CHECKS:
        try:
            yield from check(work)
        except WrongRelease as e:
            yield e


def _file_set(work: Work) -> Found:
    """The required files, no strangers, plain files of believable sizes."""
    work.names, faults = content.file_set(work.folder, work.profile)
    yield from faults


def _manifest(work: Work) -> Found:
    """A manifest that can be read, of the version asked for."""
    name = work.profile.manifest.name
    if name in work.names:
        work.manifest = parse_manifest((work.folder / name).read_bytes(), work.profile)
        yield from content.check_version(work.manifest, work.wanted.version, name)


def _signature(work: Work) -> Found:
    """A signature of a known key over the manifest; a lenient policy has what is wrong told only."""
    if work.wanted.policy.strict:
        yield from _signed(work)
        return
    try:
        told = [f"{f.reason}: {f.message}" for f in _signed(work) if isinstance(f, WrongRelease)]
    except WrongRelease as e:
        told = [f"{e.reason}: {e.message}"]
    if told:
        work.signed_by = None
    yield from told


def _signed(work: Work) -> Found:
    """A signature of a known key over the manifest, which covers every file."""
    policy, form = work.wanted.policy, work.profile.manifest
    if work.manifest is None or not policy.public_keys:
        return
    signature = (work.folder / form.signature).read_bytes() if form.signature in work.names else None
    text = (work.folder / form.name).read_bytes()
    signed = check_signature(policy, manifest=text, signature=signature, profile=work.profile)
    if signed is None:
        return
    key, comment = signed
    check_comment(comment, work.manifest, work.profile)
    work.signed_by = key
    yield from (unsigned(f) for f in unsigned_files(work.manifest, work.names, work.profile))


def _hashes(work: Work) -> Found:
    """Every file is the one that the manifest lists, and the one that was fetched."""
    wanted = work.wanted
    if wanted.hashed is not None:
        work.files = tuple(wanted.hashed)
    else:
        work.files = tuple(content.hash_all(work.folder, work.names, wanted.progress))
        yield from content.check_receipt(work.folder, work.files)
    if work.manifest is not None:
        yield from content.check_hashes(work.manifest, work.files, work.profile)


def _counts(work: Work) -> Found:
    """Manifest, maps and index headers speak of the same faces."""
    headers = {}
    for name in work.profile.indices:
        if name in work.names:
            try:
                headers[name] = read_header(work.folder / name)
            except WrongRelease as e:
                yield e
    work.headers = headers
    if set(work.profile.maps).intersection(work.profile.required).issubset(work.names):
        work.maps = _read_maps(work)
        if work.manifest is not None:
            yield from check_counts(work.manifest, work.maps, headers, work.profile)


def _read_maps(work: Work) -> Maps:
    if work.started.maps:
        return work.started.maps()
    return read_maps(work.folder, work.profile, seconds=work.wanted.limits.map_seconds)


def _pipeline(work: Work) -> Found:
    """The faces were made as the readers make theirs."""
    if work.manifest is not None:
        yield from content.check_pipeline(work.manifest, work.names, work.profile)


def _databases(work: Work) -> Found:
    """SQLite files can be read and hold what readers want."""
    for name, tables in work.profile.databases.items():
        if name not in work.names:
            continue
        if work.started.database:
            facts = work.started.database(name)
        else:
            seconds = work.wanted.limits.database_seconds
            facts = read_database(work.folder / name, tables, seconds=seconds)
        if work.manifest is not None:
            yield from check_database(name, facts, tables, work.manifest)


def _indices(work: Work) -> Found:
    """Indices open, elsewhere, and find their own."""
    maps = work.maps
    if maps is None:
        return
    for name, header in work.headers.items():
        work.wanted.progress(Phase.VERIFYING, 0, None, name)
        labels = maps.labels(name)
        # That it holds too few was said before; here it may only answer for those that it holds.
        labels = labels[: bisect_left(labels, header.count)]
        try:
            if work.started.index:
                yield from work.started.index(name, labels)
            else:
                yield from _check_index(work.folder / name, labels, work.wanted.limits)
        except WrongRelease as e:
            yield e


CHECKS: tuple[Callable[[Work], Found], ...] = (
    _file_set,
    _manifest,
    _signature,
    _hashes,
    _counts,
    _pipeline,
    _databases,
    _indices,
)


def _check_index(path: Path, labels: Sequence[int], limits: Limits) -> Iterator[str]:
    """Open one index elsewhere and let it find its own."""
    return check_opens(
        path,
        labels=labels,
        sample=limits.sample,
        seconds=limits.index_seconds,
        extra_bytes=limits.index_extra_bytes,
    )
