"""A wish and a source → which version it means, and how large that is, without moving any of its files.

Of an archive only the directory at its end is read, judged by the same limits as in a fetch. What `facedb
lookup` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from facedb_release.archive.contents import read_contents
from facedb_release.archive.directory import unsafe
from facedb_release.errors import Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import PROFILE, FileSet, Profile
from facedb_release.sources.asset import Asset
from facedb_release.sources.offers import Available, CheckCache, Source, available, described, resolve
from facedb_release.transport import Patience, shown
from facedb_release.version import Exact, Version, Wanted, choose


@dataclass(frozen=True)
class Found:
    """What a source says of one version, and its archive's directory.

    Attributes:
        version: that the wish means.
        name: of the release, else of its archive.
        url: of the archive, without secrets.
        digest: `sha256:<hex>` that the source promises; nobody hashed anything.
        published_at: RFC 3339 with its time zone, where the source says so.
        bytes_total: of the archive; None for an unpacked release.
        bytes_unpacked: of the files together; None when the server gives no ranges.
    """

    version: Version
    name: str
    url: str
    digest: str | None
    published_at: str | None
    bytes_total: int | None
    bytes_unpacked: int | None


def pick(
    source: Source,
    wish: Wanted,
    text: str,
    client: httpx.Client,
    patience: Patience,
    cache: CheckCache | None,
) -> Available:
    """Return the newest version on offer that the wish allows.

    Args:
        source: to ask for all its versions.
        wish: the wish.
        text: as it was written.
        client: of open_client.
        patience: with the source.
        cache: of earlier answers; None asks now.

    Raises:
        SourceTrouble: VersionNotFound when none fits, and whatever listing raises.
    """
    found = available(source, client, patience, cache)
    best = choose((a.version for a in found), wish, current=None)
    if best is None:
        there = ", ".join(str(a.version) for a in found[:10]) or "nothing"
        raise SourceTrouble(
            Reason.VERSION_NOT_FOUND,
            f"{described(source)} offers no version that fits {text!r}. It may be published later.",
            expected=text,
            found=there,
        )
    return next(a for a in found if a.version == best)


def look_up(
    source: Source,
    wish: Wanted,
    text: str,
    client: httpx.Client,
    patience: Patience,
    tally: Tally,
    cache: CheckCache | None = None,
    profile: Profile = PROFILE,
) -> Found:
    """Find the version and measure it.

    Args:
        source: where it may be.
        wish: an exact version, the latest, or a range.
        text: the wish as it was written.
        client: of open_client.
        patience: with the source.
        tally: of what is received.
        cache: of earlier lists of versions; None asks now.
        profile: the kind of release.

    Raises:
        ReleaseError: as a fetch of this version would meet it before the first file moves.
    """
    if isinstance(wish, Exact):
        version, offer = wish.version, _offered(source, wish.version, client, patience, cache)
    else:
        offer = pick(source, wish, text, client, patience, cache)
        version = offer.version
    assets = resolve(source, version, client, patience)
    asset, packed, unpacked = _measured(assets, version, offer, client, patience, tally, profile)
    when = offer.published_at if offer else None
    return Found(
        version=version,
        name=(offer.title or offer.name) if offer else asset.name,
        url=offer.url if offer else shown(asset.url),
        digest=asset.digest or (offer.digest if offer else None),
        published_at=when.isoformat() if when and when.tzinfo else None,
        bytes_total=packed,
        bytes_unpacked=unpacked,
    )


def _offered(
    source: Source, version: Version, client: httpx.Client, patience: Patience, cache: CheckCache | None
) -> Available | None:
    """Return what the list of versions says of this one; a source that lists nothing is asked only once."""
    try:
        found = available(source, client, replace(patience, attempts=1), cache)
    except SourceTrouble:
        return None
    return next((a for a in found if a.version == version), None)


def _measured(
    assets: Sequence[Asset],
    version: Version,
    offer: Available | None,
    client: httpx.Client,
    patience: Patience,
    tally: Tally,
    profile: Profile,
) -> tuple[Asset, int | None, int | None]:
    """Return the first address with a good archive, its size in bytes, and that of its files."""
    path = assets[0].path
    if path is not None and path.is_dir():
        if offer is None:
            raise WrongRelease(
                Reason.WRONG_VERSION,
                f"{path} is an unpacked release, and not {version}. Ask for the one that it is.",
                expected=version,
            )
        return assets[0], None, _folder_bytes(path, profile)
    failures: list[ReleaseError] = []
    while assets:
        try:
            origin = Origin(assets, client, patience, tally)
        except SourceTrouble as e:
            failures.append(e)
            break
        assets = origin.rest
        try:
            unpacked = read_contents(origin, profile).unpacked_bytes if origin.ranges else None
        except WrongRelease as e:
            # Another mirror may have it right, as in a fetch.
            failures.append(e)
            continue
        return origin.asset, origin.size, unpacked
    raise next((f for f in failures if not f.permanent), failures[0])


def _folder_bytes(folder: Path, files: FileSet) -> int:
    """Return the size of an unpacked release, within the limits of an archive's directory.

    Raises:
        WrongRelease: MissingFile or UnsafeArchive.
        SourceTrouble: SourceUnavailable, if the folder cannot be read.
    """
    try:
        sizes = {n: (folder / n).stat().st_size for n in files.known if (folder / n).is_file()}
    except OSError as e:
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE, f"{folder} cannot be read: {e.strerror}. Check what is mounted there."
        ) from e
    for name in files.required:
        if name not in sizes:
            raise WrongRelease(
                Reason.MISSING_FILE, f"{folder} lacks {name}, which every release must hold.", file=name
            )
    for name, size in sizes.items():
        if size > files.max_bytes[name]:
            unsafe("holds a file that is too large", file=name, expected=files.max_bytes[name], found=size)
    total = sum(sizes.values())
    if total > files.max_total_bytes:
        unsafe("is too large", expected=f"at most {files.max_total_bytes}", found=total)
    return total
