"""Manifest, JSON maps and index headers → do they speak of the same faces? Which ones, the profile says."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest
from facedb_release.profiles import MapForm, Profile
from facedb_release.verify.child import Leash, ask
from facedb_release.verify.index import IndexHeader

# A parsed map takes up to 24 bytes for one of JSON; real ones take 6.
MEMORY_BYTES, MEMORY_FACTOR = 1 << 30, 24
MOST_MEMORY_BYTES = 8 << 30
_NOTHING: Sequence[int] = range(0)


@dataclass(frozen=True)
class MapFacts:
    """One JSON map.

    Attributes:
        entries: how many, gaps included.
        runs: lengths of what is there and of gaps, in turns, what is there first.
        unowned: how many entries belong to nobody in the owners' map.
    """

    entries: int
    runs: tuple[int, ...]
    unowned: int

    def present(self) -> Sequence[int]:
        """Return the positions at which something stands: all but the gaps, in order."""
        if len(self.runs) <= 1:
            return range(self.entries)
        places, at = array("Q"), 0
        for turn, length in enumerate(self.runs):
            if turn % 2 == 0:
                places.extend(range(at, at + length))
            at += length
        return places


@dataclass(frozen=True)
class Maps:
    """The JSON maps of a release, by file, and which of them labels an index."""

    facts: Mapping[str, MapFacts]
    profile: Profile

    def labels(self, index: str) -> Sequence[int]:
        """Return the labels of an index behind which a vector must be found: all but the gaps."""
        facts = self.facts.get(self.profile.indices[index].labelled_by)
        return facts.present() if facts else _NOTHING


def read_maps(folder: Path, profile: Profile, *, seconds: float = 120.0) -> Maps:
    """Read the maps strictly, in a process of its own.

    Args:
        folder: of the release; optional maps may be missing.
        profile: names the maps.
        seconds: for all of them together.

    Raises:
        WrongRelease: CountMismatch, when one of them is no map of the form that readers want.
    """
    there = [name for name in profile.maps if (folder / name).exists()]
    total = sum((folder / name).stat().st_size for name in there)
    question = {
        "folder": str(folder.resolve()),
        "maps": {name: asdict(profile.maps[name]) for name in there},
        "max_bytes": {name: profile.max_bytes[name] for name in there},
    }
    leash = Leash(seconds, min(MEMORY_BYTES + MEMORY_FACTOR * total, MOST_MEMORY_BYTES))
    file = next((n for n in there if profile.maps[n].form is MapForm.OBJECT), "the maps")
    said = ask("maps", question, file=file, reason=Reason.COUNT_MISMATCH, leash=leash)
    facts = {n: MapFacts(f["entries"], tuple(f["runs"]), f["unowned"]) for n, f in said.items()}
    return Maps(facts, profile)


def check_counts(
    manifest: Manifest, maps: Maps, headers: Mapping[str, IndexHeader], profile: Profile
) -> Iterator[WrongRelease | str]:
    """Compare all counts and dimensions.

    Yields:
        Every fault (CountMismatch or CorruptIndex, with both numbers), and as text what is merely odd.
    """
    for name, facts in maps.facts.items():
        form = profile.maps[name]
        if form.counted_by and manifest.counts[form.counted_by] != facts.entries:
            said_by = f"{profile.manifest.name}'s {form.counted_by}"
            yield _mismatch(name, "entries", manifest.counts[form.counted_by], facts.entries, said_by)
        if facts.unowned:
            yield f"{facts.unowned} of {facts.entries} entries of {name} have no owner in {form.owners}"
    for name, header in headers.items():
        yield from _check_index(name, header, maps, profile)


def _check_index(
    name: str, header: IndexHeader, maps: Maps, profile: Profile
) -> Iterator[WrongRelease | str]:
    """Compare one index with its map and the readers' dimensions."""
    wanted = profile.indices[name]
    labels = maps.facts.get(wanted.labelled_by)
    faults = []
    if header.dimensions != wanted.dimensions:
        faults.append(
            WrongRelease(
                Reason.CORRUPT_INDEX,
                f"{name} holds vectors of another dimension than the sidecar makes.",
                file=name,
                expected=wanted.dimensions,
                found=header.dimensions,
            )
        )
    if labels is not None and header.count != labels.entries:
        faults.append(
            _mismatch(name, "vectors", labels.entries, header.count, f"{wanted.labelled_by}'s length")
        )
    if labels is None and not wanted.queried:
        return
    if labels is None:
        yield f"{name} is there without {wanted.labelled_by}; it cannot be searched"
    for fault in faults:
        yield fault if wanted.queried else f"{fault.message} Nothing queries it"


def _mismatch(file: str, what: str, expected: int, found: int, said_by: str) -> WrongRelease:
    return WrongRelease(
        Reason.COUNT_MISMATCH,
        f"{file} holds {found} {what} (gaps included), but {said_by} says {expected}. "
        "The release was put together wrongly.",
        file=file,
        expected=expected,
        found=found,
    )
