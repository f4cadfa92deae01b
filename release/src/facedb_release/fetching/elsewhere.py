"""A zip or URL → its files in a folder, unverified. For `facedb verify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedb_release import volume
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.arrive import arrive
from facedb_release.fetching.checks import EarlyChecks
from facedb_release.fetching.origin import Origin
from facedb_release.fetching.remote import Tally
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.profiles import Profile
from facedb_release.progress import Progress
from facedb_release.sources.asset import Asset
from facedb_release.sources.mirrors import Mirrors, plain
from facedb_release.transport import Patience, open_client
from facedb_release.verify.limits import Limits


def is_url(place: str) -> bool:
    """Whether this is an address, and not a path."""
    return place.startswith(("http://", "https://"))


def bring(
    place: str,
    into: Path,
    profile: Profile,
    progress: Progress,
    tally: Tally,
    *,
    ca_bundle: Path | None = None,
    proxy: str | None = None,
) -> Path:
    """Unpack an archive; return the folder of its files.

    Args:
        place: URL or path of the archive.
        into: an empty folder.
        profile: what the archive may hold.
        progress: is told the archive's bytes.
        tally: of what is received.
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one the environment decides.

    Raises:
        ReleaseError: what is wrong with the archive, or with reaching it.
    """
    wanted = FetchRequest(
        into=into,
        version=None,
        source=Mirrors((place,)),
        limits=Limits(sample=0),
        profile=profile,
        ca_bundle=ca_bundle,
    )
    with (
        opened(place, wanted.patience, tally, ca_bundle=ca_bundle, proxy=proxy) as origin,
        EarlyChecks(into / volume.PARTIAL, profile, wanted.limits) as checks,
    ):
        arrive(origin, wanted, progress, checks, fresh=True)
    return into / volume.PARTIAL


@contextmanager
def opened(
    place: str,
    patience: Patience,
    tally: Tally,
    *,
    ca_bundle: Path | None = None,
    proxy: str | None = None,
) -> Iterator[Origin]:
    """Open an archive at a URL or path.

    Raises:
        SourceTrouble: if it cannot be reached.
    """
    with open_client(patience, ca_bundle=ca_bundle, proxy=proxy) as client:
        yield Origin([_asset(place)], client, patience, tally)


def _asset(place: str) -> Asset:
    if is_url(place):
        gone = SourceTrouble(Reason.ASSET_NOT_FOUND, f"{place} is not there. Check the address.", found="404")
        return plain(place, missing=gone)
    neither = SourceTrouble(Reason.SOURCE_UNAVAILABLE, f"{place} is neither a zip nor a folder.")
    return Asset(place, Path(place).name, None, None, (), neither, path=Path(place))
