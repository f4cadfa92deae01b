"""A version and a source → a verified release in a folder, with its receipt. What `facedb fetch` does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from facedb_release import volume
from facedb_release.errors import AssetReplaced, Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.fetching.arrive import Arrived, arrive
from facedb_release.fetching.checks import EarlyChecks
from facedb_release.fetching.folder import copy_release
from facedb_release.fetching.inplace import is_wanted, is_whole, old_release, put_back
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.patched import Base, arrive_patched
from facedb_release.fetching.remote import Tally
from facedb_release.fetching.reuse import read_previous
from facedb_release.fetching.throttle import Throttle
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.patches.plan import patch_archive_name
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import NAME, Receipt, contents_digest, read_receipt
from facedb_release.sources.asset import Asset
from facedb_release.sources.offers import resolve, sibling
from facedb_release.transport import open_client
from facedb_release.verify.release import check_signed, verify_release
from facedb_release.version import Version, parse_version

__all__ = ["FetchRequest", "Fetched", "fetch"]

MAX_RESTARTS = 3

log = logging.getLogger("facedb")


@dataclass(frozen=True)
class Fetched:
    """The receipt, and whether it was there before."""

    receipt: Receipt
    already_there: bool


@dataclass
class _Run:
    """One call of fetch: what everything below needs."""

    wanted: FetchRequest
    client: httpx.Client
    progress: Progress
    tally: Tally
    old: Receipt | None = None
    """Of another release that the folder holds, or held until an earlier run began to change it."""


def fetch(wanted: FetchRequest, *, progress: Progress = no_progress, tally: Tally | None = None) -> Fetched:
    """Bring the release into its folder, verified; at once when it is there already.

    Raises:
        ReleaseError: see errors. The folder then holds no receipt, or still that of another release;
            after trouble that may pass the next call goes on where this one stopped, after a refusal anew.
    """
    tally = tally or Tally()
    tally.throttle = Throttle(wanted.bytes_per_second)
    with volume.writing(wanted.into):
        there = _already_there(wanted)
        if there is not None:
            volume.tidy(wanted.into)
            return Fetched(there, already_there=True)
        progress(Phase.RESOLVING, 0, None, None)
        with open_client(wanted.patience, ca_bundle=wanted.ca_bundle, proxy=wanted.proxy) as client:
            made = _with_restarts(_Run(wanted, client, progress, tally, old_release(wanted)))
        return Fetched(made, already_there=False)


def _version(wanted: FetchRequest) -> Version:
    if wanted.version is None:
        raise ValueError("fetch wants a version; only verification takes whatever is there")
    return wanted.version


def _already_there(wanted: FetchRequest) -> Receipt | None:
    """Return the folder's receipt when it is for what is wanted, and its files are there.

    Raises:
        WrongRelease: MissingSignature or InvalidSignature, when it is not signed as it is wanted.
    """
    if not (wanted.into / NAME).exists():
        return None
    try:
        there = read_receipt(wanted.into)
    except WrongRelease:
        # Damaged at rest: fetched again, and replaced only after the new files were verified.
        return None
    if not is_wanted(there, wanted):
        return None
    if wanted.policy is not None:
        # It may have been fetched when nobody asked for a signature.
        told = check_signed(wanted.into, wanted.policy, wanted.profile)
        return replace(there, warnings=tuple(dict.fromkeys((*told, *there.warnings))))
    return there


def _with_restarts(run: _Run) -> Receipt:
    """Resolve and read; all from zero, a few times, when the asset is replaced meanwhile."""
    for _ in range(MAX_RESTARTS):
        try:
            assets = resolve(run.wanted.source, _version(run.wanted), run.client, run.wanted.patience)
            return _by_patch(assets[0].name, run) or _from_first_good(assets, run)
        except AssetReplaced as e:
            replaced = e
    raise replaced


def _by_patch(archive: str, run: _Run) -> Receipt | None:
    """Make the release of the one before and a patch; None when there is no patch that can be used."""
    wanted, base = run.wanted, _base(run)
    if base is None:
        return None
    name = patch_archive_name(archive, parse_version(base.receipt.version))
    try:
        assets = sibling(wanted.source, _version(wanted), name, run.client, wanted.patience)
        if not assets:
            return None
        origin = Origin(assets, run.client, wanted.patience, run.tally)
        with EarlyChecks(wanted.into / volume.PARTIAL, wanted.profile, wanted.limits) as checks:
            arrived = arrive_patched(origin, wanted, base, run.progress, checks)
            return _verified(arrived, None, run, checks)
    except (WrongRelease, SourceTrouble, OSError) as e:
        if isinstance(e, OSError) and volume.is_full(e):
            raise
        if isinstance(e, SourceTrouble) and e.reason is Reason.ASSET_NOT_FOUND:
            log.info("no patch from %s is published", base.receipt.version)
        else:
            log.warning("the patch %s is not used: %s", name, e)
        _clear(run)
        return None


def _base(run: _Run) -> Base | None:
    """Return the release that a patch may start from: the one in the folder itself, else the one before."""
    wanted = run.wanted
    if wanted.digest is not None or (wanted.into / volume.JOURNAL).exists():
        return None
    if run.old is not None:
        put_back(wanted.into, run.old)
        if is_whole(wanted.into, run.old):
            return Base(wanted.into, run.old, in_place=True)
    previous = read_previous(wanted.previous)
    return None if previous is None or wanted.previous is None else Base(wanted.previous, previous)


def _clear(run: _Run) -> None:
    """Remove what came; files of the release that the folder held get their names back."""
    put_back(run.wanted.into, run.old)
    volume.clear(run.wanted.into)


def _from_first_good(assets: Sequence[Asset], run: _Run) -> Receipt:
    """Try the addresses in order; of all failures the first that may pass is raised, else the first."""
    failures: list[ReleaseError] = []
    if assets[0].path is not None and assets[0].path.is_dir():
        return _from_folder(assets[0].path, run)
    while assets:
        # Before anything is asked for.
        _compare_digest(run.wanted, assets[0].digest, "The source says that the archive")
        try:
            origin = Origin(assets, run.client, run.wanted.patience, run.tally)
        except SourceTrouble as e:
            failures.append(e)
            break
        assets = origin.rest
        try:
            return _from(origin, run)
        except AssetReplaced:
            if not origin.turned:
                raise
            assets = (origin.asset, *origin.rest)
        except SourceTrouble as e:
            failures.append(e)
            break
        except WrongRelease as e:
            # Nothing of it is worth keeping, but another mirror may have it right.
            _clear(run)
            failures.append(e)
            assets = origin.rest
    raise next((f for f in failures if not f.permanent), failures[0])


def _from_folder(source: Path, run: _Run) -> Receipt:
    """Copy an unpacked release, verify the copy and publish it."""
    wanted = run.wanted
    if wanted.digest is not None:
        raise WrongRelease(
            Reason.WRONG_DIGEST,
            f"{source} is an unpacked release, so the pinned digest of its archive cannot be checked. "
            "Mount the archive, or leave the digest out.",
            expected=wanted.digest,
        )

    def told(done: int, file: str | None) -> None:
        run.progress(Phase.DOWNLOADING, done, None, file)

    with EarlyChecks(wanted.into / volume.PARTIAL, wanted.profile, wanted.limits) as checks:
        try:
            files = copy_release(source, wanted, told, replaced=run.old is not None)
            return _verified(Arrived(files, None), None, run, checks)
        except WrongRelease:
            _clear(run)
            raise


def _from(origin: Origin, run: _Run) -> Receipt:
    """Download, unpack, verify and publish; once more from zero when what an earlier run left proves bad."""
    wanted = run.wanted
    run.tally.digest = origin.asset.digest
    _compare_digest(wanted, origin.asset.digest, "The source says that the archive")
    for fresh in (False, True):
        with EarlyChecks(wanted.into / volume.PARTIAL, wanted.profile, wanted.limits) as checks:
            try:
                arrived = arrive(origin, wanted, run.progress, checks, fresh=fresh, old=run.old)
                return _verified(arrived, origin.asset, run, checks)
            except WrongRelease:
                # A power cut, or bytes of two mirrors, may have put together what never was one archive.
                if fresh or not origin.mixed:
                    raise
                _clear(run)
    raise AssertionError("the second try ends in one way or the other")


def _verified(arrived: Arrived, asset: Asset | None, run: _Run, checks: EarlyChecks) -> Receipt:
    """Verify what arrived, and make it the folder's release."""
    wanted = run.wanted
    digest = arrived.digest or contents_digest(arrived.files)
    run.tally.digest = digest
    if arrived.digest is not None:
        _compare_digest(wanted, arrived.digest, "The archive")
        _compare_promise(asset, arrived.digest)
    run.progress(Phase.VERIFYING, 0, None, None)
    good = verify_release(
        wanted.into / volume.PARTIAL,
        expected_version=wanted.version,
        hashed=arrived.files,
        profile=wanted.profile,
        limits=wanted.limits,
        progress=run.progress,
        policy=wanted.policy,
        started=checks.started(),
    )
    made = good.receipt(digest)
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


def _compare_promise(asset: Asset | None, digest: str) -> None:
    if asset and asset.digest and asset.digest != digest:
        raise WrongRelease(
            Reason.WRONG_DIGEST,
            f"{asset.name} does not have the digest that its source promises. They were changed on the way.",
            file=asset.name,
            expected=asset.digest,
            found=digest,
        )
