"""The names in a data folder and those of a release that comes → which leave and which stay. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from facedb_release import receipt as receipts
from facedb_release.profiles import Profile
from facedb_release.publish.database import DATABASE, LOGS

# A database's logs belong to it: beside another database they would damage it.
DATABASE_LOGS = tuple(DATABASE + end for end in (*LOGS, "-shm"))


@dataclass(frozen=True)
class Places:
    """Which of the data folder's files leave and which stay, when a release comes. Made by `places`."""

    out: tuple[str, ...]
    kept: tuple[str, ...] = ()


def places(present: Collection[str], new: Collection[str], profile: Profile) -> Places:
    """Decide which files leave. Pure.

    Args:
        present: names in the data folder.
        new: names of the release that comes.
        profile: says what belongs together.

    Returns:
        The names that leave, the receipt first. An optional index with a map of its own stays, with the map,
        when the release brings neither: it speaks for itself. Any other optional file belongs to the release
        that leaves.
    """
    kept: set[str] = set()
    for index, facts in profile.indices.items():
        pair = {index, facts.labelled_by}
        if pair <= set(profile.optional) and pair.isdisjoint(new):
            kept |= pair.intersection(present)
    out = sorted(set(ours(profile)).intersection(present) - kept, key=lambda n: (n != receipts.NAME, n))
    return Places(tuple(out), tuple(sorted(kept)))


def ours(profile: Profile) -> tuple[str, ...]:
    """Return every name that an import may move."""
    return (*profile.required, *profile.optional, receipts.NAME, *DATABASE_LOGS)
