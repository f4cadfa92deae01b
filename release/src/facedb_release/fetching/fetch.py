"""A version and a source → a verified release in a folder, with its receipt. What `facedb fetch` does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from facedb_release import volume
from facedb_release.errors import AssetReplaced, Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.fetching.remote import RemoteFile, Tally, open_remote
from facedb_release.fetching.unpack import Archive, LocalArchive, Unpacked, read_contents, unpack
from facedb_release.profiles import PROFILE, Profile
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import NAME, Receipt, read_receipt
from facedb_release.sources.github import Asset, Source, resolve
from facedb_release.transport import Patience, open_client
from facedb_release.verify.release import Limits, verify_release
from facedb_release.version import Version, parse_version

MAX_RESTARTS = 3


@dataclass(frozen=True)
class FetchRequest:
    """What to fetch, from where, to where.

    Attributes:
        into: folder of this release alone.
        version: the one wanted.
        source: where it is to be had.
        digest: `sha256:<hex>` that the archive must have, if pinned.
        ca_bundle: PEM file of own certificate authorities.
        patience: with the source.
        limits: of the checks.
        profile: the kind of release.
    """

    into: Path
    version: Version
    source: Source
    digest: str | None = None
    ca_bundle: Path | None = None
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    profile: Profile = PROFILE


@dataclass(frozen=True)
class Fetched:
    """The receipt, and whether it was there before."""

    receipt: Receipt
    already_there: bool


def fetch(wanted: FetchRequest, *, progress: Progress = no_progress, tally: Tally | None = None) -> Fetched:
    """Bring the release into its folder, verified; at once when it is there already.

    Raises:
        ReleaseError: see errors; the folder then holds no receipt, and the next call begins anew.
    """
    with volume.writing(wanted.into):
        there = _already_there(wanted)
        if there is not None:
            volume.tidy(wanted.into)
            return Fetched(there, already_there=True)
        progress(Phase.RESOLVING, 0, None, None)
        with open_client(wanted.patience, ca_bundle=wanted.ca_bundle) as client:
            made = _with_restarts(wanted, client, progress, tally or Tally())
        return Fetched(made, already_there=False)


def _already_there(wanted: FetchRequest) -> Receipt | None:
    """Return the folder's receipt when it is for what is wanted; None without one, or with damaged files.

    Raises:
        WrongRelease: AnotherRelease, when the folder holds something else.
    """
    if not (wanted.into / NAME).exists():
        return None
    try:
        there = read_receipt(wanted.into)
    except WrongRelease:
        # Damaged at rest: fetched again, and replaced only after the new files were verified.
        return None
    same = parse_version(there.version) == wanted.version and wanted.digest in (None, there.digest)
    if not same:
        raise WrongRelease(
            Reason.ANOTHER_RELEASE,
            f"{wanted.into} already holds another release, and a release folder is never changed. "
            "Use an empty folder.",
            expected=f"{wanted.version} {wanted.digest or ''}".strip(),
            found=f"{there.version} {there.digest}",
        )
    return there


def _with_restarts(wanted: FetchRequest, client: httpx.Client, progress: Progress, tally: Tally) -> Receipt:
    """Resolve and read; all from zero, a few times, when the asset is replaced meanwhile."""
    for _ in range(MAX_RESTARTS):
        try:
            assets = resolve(wanted.source, wanted.version, client, wanted.patience)
            return _from_first_good(assets, wanted, client, progress, tally)
        except AssetReplaced as e:
            replaced = e
    raise replaced


def _from_first_good(
    assets: tuple[Asset, ...], wanted: FetchRequest, client: httpx.Client, progress: Progress, tally: Tally
) -> Receipt:
    """Try the addresses in order; of all failures the first that may pass is raised, else the first."""
    failures: list[ReleaseError] = []
    for asset in assets:
        try:
            return _from(asset, wanted, client, progress, tally)
        except AssetReplaced:
            raise
        except (WrongRelease, SourceTrouble) as e:
            failures.append(e)
    raise next((f for f in failures if not f.permanent), failures[0])


def _from(
    asset: Asset, wanted: FetchRequest, client: httpx.Client, progress: Progress, tally: Tally
) -> Receipt:
    """Download, unpack, verify and publish from one address."""
    tally.digest = asset.digest
    _compare_digest(wanted, asset.digest, "The source says that the archive")
    partial = volume.start(wanted.into, wanted.profile)
    remote = open_remote(client, asset, wanted.patience, tally)
    archive = remote if remote.ranges else _spooled(remote, partial)
    contents = read_contents(archive, wanted.profile)
    volume.require_space(wanted.into, contents.unpacked_bytes)

    def told(done: int, file: str | None) -> None:
        progress(Phase.DOWNLOADING, done, archive.size, file)

    told(0, None)
    unpacked = unpack(archive, contents, partial, told)
    told(archive.size, None)
    tally.digest = unpacked.digest
    (partial / SPOOL).unlink(missing_ok=True)
    _compare_digest(wanted, unpacked.digest, "The archive")
    _compare_promise(asset, unpacked)
    return _verified(wanted, partial, unpacked, progress)


SPOOL = ".archive.zip"


def _spooled(remote: RemoteFile, partial: Path) -> Archive:
    """Store the zip for once: this server gives no ranges, and nothing is unpacked before it was judged."""
    volume.require_space(partial, remote.size)
    remote.spool(partial / SPOOL)
    return LocalArchive(partial / SPOOL)


def _verified(wanted: FetchRequest, partial: Path, unpacked: Unpacked, progress: Progress) -> Receipt:
    """Verify what was unpacked, and make it the folder's release."""
    progress(Phase.VERIFYING, 0, None, None)
    good = verify_release(
        partial,
        expected_version=wanted.version,
        hashed=unpacked.files,
        profile=wanted.profile,
        limits=wanted.limits,
        progress=progress,
    )
    made = Receipt(
        version=good.manifest.version.text,
        digest=unpacked.digest,
        files=good.files,
        performer_count=good.manifest.performer_count,
        face_count=good.manifest.face_count,
        verified_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        warnings=good.warnings,
    )
    volume.publish(wanted.into, [f.name for f in good.files], made, wanted.profile)
    return made


def _compare_digest(wanted: FetchRequest, digest: str | None, what: str) -> None:
    if wanted.digest and digest and digest != wanted.digest:
        raise WrongRelease(
            Reason.WRONG_DIGEST,
            f"{what} of {wanted.version} is not the pinned one. Somebody replaced it, or the pin is wrong.",
            expected=wanted.digest,
            found=digest,
        )


def _compare_promise(asset: Asset, unpacked: Unpacked) -> None:
    if asset.digest and asset.digest != unpacked.digest:
        raise WrongRelease(
            Reason.WRONG_DIGEST,
            f"{asset.name} does not have the digest that its source promises. They were changed on the way.",
            file=asset.name,
            expected=asset.digest,
            found=unpacked.digest,
        )
