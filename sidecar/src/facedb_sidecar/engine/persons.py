"""Groups of faces → persons with the performers that they may be. Pure.

Three ways, with the rules and numbers of the reference sidecar, so that old thresholds keep their meaning.
Frames are counted once in all three; the reference counts faces in two of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from operator import attrgetter

from facedb_sidecar.engine.clusters import Cluster, SceneFace, frames_of
from facedb_sidecar.engine.matching import Match

LEAST_CONFIDENCE = 0.35
FRAME_BONUS = 0.1
TAGGED_BONUS = 0.03
HYBRID_FRAME_BONUS = 0.05
AGREEMENT_BONUS = 0.25
HYBRID_LEAST_FRAMES = 2
# Of the frequency list that hybrid joins with the clusters, so many times what is asked for.
HYBRID_POOL = 3


@dataclass(frozen=True)
class Person:
    """Somebody in a scene.

    Attributes:
        person_id: place in the answer, from 0.
        frame_count: frames that show this person; the screenshot counts as one.
        best_match: who it is; None when nobody near enough is left.
        all_matches: best first, beginning with best_match where there is one.
        faces: that were taken for this person's.
        signals_used: ``face``, ``body``, ``tattoo``: what the order came from; empty where only faces were
            looked at.
        tattoos_detected: in the frame that shows the most, of those that were looked at.
    """

    person_id: int
    frame_count: int
    best_match: Match | None
    all_matches: tuple[Match, ...]
    faces: Cluster
    signals_used: tuple[str, ...] = ()
    tattoos_detected: int = 0


@dataclass(frozen=True)
class Candidate:
    """A performer among the matches of some faces.

    Attributes:
        match: the nearest one.
        mean: distance over all their matches.
        matches: how many there are.
        frames: in how many different frames.
        tagged: whether the scene names this performer already.
    """

    match: Match
    mean: float
    matches: int
    frames: int
    tagged: bool

    @property
    def who(self) -> str:
        """The performer's universal id."""
        return self.match.performer.universal_id

    @property
    def confidence(self) -> float:
        """1 - the nearest distance."""
        return 1.0 - self.match.distance

    @property
    def frequency(self) -> float:
        """Near once counts more than far often."""
        return self.confidence * (1 + FRAME_BONUS * (self.frames - 1))

    def shown(self, distance: float) -> Match:
        """The match as an answer shows it, at the distance that stands for all frames."""
        return replace(self.match, distance=distance, already_tagged=self.tagged)


def candidates(faces: Iterable[SceneFace], tagged: AbstractSet[str]) -> tuple[Candidate, ...]:
    """The performers that these faces match, by universal id."""
    found: dict[str, list[tuple[Match, int]]] = {}
    for face in faces:
        for match in face.matches:
            found.setdefault(match.performer.universal_id, []).append((match, face.frame))
    return tuple(_candidate(found[who], tagged) for who in sorted(found))


def _candidate(matches: Sequence[tuple[Match, int]], tagged: AbstractSet[str]) -> Candidate:
    nearest = min((match for match, _ in matches), key=lambda match: (match.distance, match.label))
    return Candidate(
        match=nearest,
        mean=sum(match.distance for match, _ in matches) / len(matches),
        matches=len(matches),
        frames=len({frame for _, frame in matches}),
        tagged=nearest.performer.stashbox_id in tagged,
    )


def by_frequency(clusters: Sequence[Cluster], *, top_k: int, tagged: AbstractSet[str]) -> tuple[Person, ...]:
    """One person for each group: near and often wins; a performer is the best match of one person only.

    Args:
        clusters: of one person each; larger ones choose first.
        top_k: matches for each person, at most.
        tagged: stash-box ids that the scene names already; they get a small bonus.
    """
    used: set[str] = set()
    persons = []
    for group in sorted(clusters, key=len, reverse=True):
        found = [c for c in candidates(group, tagged) if c.confidence >= LEAST_CONFIDENCE]
        found.sort(key=lambda c: -(c.frequency + TAGGED_BONUS * c.tagged))
        best = next((c for c in found if c.who not in used), None)
        if best is None:
            persons.append(_person(group, ()))
            continue
        used.add(best.who)
        others = [c for c in found if c is not best][: top_k - 1]
        persons.append(_person(group, [c.shown(c.mean) for c in (best, *others)]))
    return in_order(persons)


def by_cluster(clusters: Sequence[Cluster], *, top_k: int, tagged: AbstractSet[str]) -> tuple[Person, ...]:
    """One person for each group: the mean distance, the larger the fewer of the faces match.

    Args:
        clusters: as in by_frequency.
        top_k: matches for each person, at most.
        tagged: as in by_frequency, without a bonus.
    """
    used: set[str] = set()
    persons = []
    for group in sorted(clusters, key=len, reverse=True):
        matches = [m for m in averaged(group, tagged)[:top_k] if m.performer.universal_id not in used]
        if matches:
            used.add(matches[0].performer.universal_id)
        persons.append(_person(group, matches))
    return in_order(persons)


def averaged(group: Cluster, tagged: AbstractSet[str]) -> list[Match]:
    """A group's performers by mean distance / square root of matches per face, nearest first."""
    found = [c.shown(c.mean / (c.matches / len(group)) ** 0.5) for c in candidates(group, tagged)]
    return sorted(found, key=attrgetter("distance"))


def by_both(
    faces: Sequence[SceneFace], clusters: Sequence[Cluster], *, top_k: int, tagged: AbstractSet[str]
) -> tuple[Person, ...]:
    """One person for each performer that groups or frequency over all faces name; best where both do.

    Args:
        faces: all of the scene.
        clusters: of the same faces.
        top_k: persons, at most; never more than there are groups, but two always.
        tagged: as in by_frequency, without a bonus.
    """
    often = _frequent(faces, tagged)[: top_k * HYBRID_POOL]
    frequent = {c.who: (c.shown(c.mean), c.frames) for c in often}
    grouped: dict[str, tuple[Match, int]] = {}
    for group in clusters:
        for best in averaged(group, tagged)[:1]:
            known = grouped.get(best.performer.universal_id)
            if known is None or best.distance < known[0].distance:
                grouped[best.performer.universal_id] = (best, frames_of(group))
    rows = [_joined(frequent.get(who), grouped.get(who)) for who in sorted({*frequent, *grouped})]
    kept = [
        (score, match, frames)
        for score, match, frames in rows
        if 1.0 - match.distance >= LEAST_CONFIDENCE and frames >= HYBRID_LEAST_FRAMES
    ]
    kept.sort(key=lambda row: -row[0])
    most = max(2, min(top_k, len(clusters)))
    return tuple(
        Person(i, frames, match, (match,), _showing(faces, match))
        for i, (_, match, frames) in enumerate(kept[:most])
    )


def _frequent(faces: Sequence[SceneFace], tagged: AbstractSet[str]) -> list[Candidate]:
    """Performers that are near enough, in two frames or more; best first."""
    found = [
        c
        for c in candidates(faces, tagged)
        if c.frames >= HYBRID_LEAST_FRAMES and c.confidence >= LEAST_CONFIDENCE
    ]
    return sorted(found, key=lambda c: -c.frequency)


def _joined(
    frequent: tuple[Match, int] | None, grouped: tuple[Match, int] | None
) -> tuple[float, Match, int]:
    """Score, match at the better distance, and frames; one of the two is given."""
    found = [side for side in (frequent, grouped) if side is not None]
    distance = min(match.distance for match, _ in found)
    frames = max(frames for _, frames in found)
    confidence = min(1.0, 1.0 - distance + (AGREEMENT_BONUS if len(found) == 2 else 0.0))
    match = replace(found[0][0], distance=distance)
    return confidence * (1 + HYBRID_FRAME_BONUS * (frames - 1)), match, frames


def _showing(faces: Sequence[SceneFace], match: Match) -> Cluster:
    who = match.performer.universal_id
    return tuple(face for face in faces if any(m.performer.universal_id == who for m in face.matches))


def _person(group: Cluster, matches: Sequence[Match]) -> Person:
    best = matches[0] if matches else None
    return Person(0, frames_of(group), best, tuple(matches), group)


def in_order(persons: Iterable[Person]) -> tuple[Person, ...]:
    """Those who have a match first, then those who are in more frames; numbered anew."""
    ordered = sorted(persons, key=lambda p: (p.best_match is None, -p.frame_count))
    return tuple(replace(person, person_id=i) for i, person in enumerate(ordered))
