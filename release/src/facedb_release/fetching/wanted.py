"""What a fetch is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from facedb_release.fetching.windows import CONNECTIONS
from facedb_release.profiles import PROFILE, Profile
from facedb_release.sources.offers import Source
from facedb_release.transport import Patience
from facedb_release.verify.limits import Limits
from facedb_release.verify.signature import Policy
from facedb_release.version import Version


@dataclass(frozen=True)
class FetchRequest:
    """What to fetch, from where, to where.

    Attributes:
        into: folder of this release alone.
        version: the one wanted; None takes what the address holds, and judges nothing early.
        source: where it is to be had.
        digest: `sha256:<hex>` that the archive must have, if pinned. All of it is read then, in order.
        previous: folder of a verified release, whose unchanged files are taken instead of moved again.
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one the environment decides.
        patience: with the source.
        policy: whose signature the release must carry.
        limits: of the checks.
        profile: the kind of release.
        connections: parts fetched at the same time; fewer when the server asks for it.
        bytes_per_second: limit of all connections together; None is none.
    """

    into: Path
    version: Version | None
    source: Source
    digest: str | None = None
    previous: Path | None = None
    ca_bundle: Path | None = None
    proxy: str | None = None
    patience: Patience = field(default_factory=Patience)
    policy: Policy | None = None
    limits: Limits = field(default_factory=Limits)
    profile: Profile = PROFILE
    connections: int = CONNECTIONS
    bytes_per_second: float | None = None
