"""The frames of a scene → what was seen in them → who is in the scene, with a loaded engine's means.

Engine.look_at and Engine.persons_in call this. A scene may be looked at in parts, so that other requests come
between them; frames are decoded one ahead of the networks, and never all at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from facedb_sidecar.engine.clusters import SCREENSHOT, SceneFace, largest_first
from facedb_sidecar.engine.faces import Crop, Face, Image, cut, detect, embed
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.engine.models import Models
from facedb_sidecar.engine.persons import Person
from facedb_sidecar.engine.scenes import (
    Picture,
    SceneOptions,
    SceneResult,
    SceneTiming,
    Seen,
    Unreadable,
    persons_of,
    reordered,
)
from facedb_sidecar.engine.signals import NOTHING, Evidence, Signals, Wanted, merged, rerank
from facedb_sidecar.engine.timing import Stopwatch

# The reference looks for tattoos in three frames of a scene; here each person has up to three, and all
# together no more than this: a frame takes half a second on a CPU.
FRAMES_EACH = 3
FRAMES_AT_MOST = 12

Matcher = Callable[[Sequence[Face]], tuple[tuple[Match, ...], ...]]


def look(models: Models, match: Matcher, frames: Iterable[Picture], options: SceneOptions) -> Seen:
    """Find, embed and match the faces of frames; faces are embedded across frames, in full batches.

    Args:
        models: the loaded networks.
        match: faces → their matches, nearest first.
        frames: each is decoded once here, and once more if signals look at it.
        options: of the request.
    """
    start = time.perf_counter()
    watch = Stopwatch()
    crops: list[tuple[Picture, Crop]] = []
    seen, errors = Seen(), []
    for picture, decoded in _one_ahead(frames):
        try:
            pixels = decoded.result()
        except Unreadable as error:
            errors.append(f"Frame {picture.index}: {error}")
            continue
        with watch.stage("detection"):
            found = detect(models, pixels, min_confidence=options.min_face_confidence)
            kept = cut(pixels, (d for d in found if d.reaches(options.min_face_size)))
        crops.extend((picture, crop) for crop in kept)
        if picture.index != SCREENSHOT:
            seen += Seen(frames=1, detected=len(found), kept=len(kept))
    with watch.stage("embedding"):
        faces = embed(models, [crop for _, crop in crops])
    with watch.stage("matching"):
        matches = match(faces)
    return replace(
        seen,
        faces=tuple(
            SceneFace(picture.index, face, near)
            for (picture, _), face, near in zip(crops, faces, matches, strict=True)
        ),
        pictures={picture.index: picture for picture, _ in crops} if options.signals else {},
        errors=tuple(errors),
        timing=watch.timing(),
        loop_ms=(time.perf_counter() - start) * 1000,
    )


def _one_ahead(frames: Iterable[Picture]) -> Iterator[tuple[Picture, Future[Image]]]:
    """Decode the next frame while this one is looked at."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames") as pool:
        waiting: tuple[Picture, Future[Image]] | None = None
        for picture in frames:
            ahead = (picture, pool.submit(_decoded, picture))
            if waiting is not None:
                yield waiting
            waiting = ahead
        if waiting is not None:
            yield waiting


def _decoded(picture: Picture) -> Image:
    return picture.pixels


def conclude(seen: Seen, options: SceneOptions, signals: Signals) -> SceneResult:
    """Tell who was seen.

    Args:
        seen: in all frames of the scene.
        options: of the request.
        signals: those that can be had; the request says which are wanted.
    """
    start = time.perf_counter()
    faces = sorted(seen.faces, key=lambda face: face.frame == SCREENSHOT)
    persons = persons_of(faces, options)
    evidence: Mapping[int, Evidence] = {}
    if options.signals is not None:
        evidence = _evidence(persons, seen.pictures, signals, options.signals)
        persons = _with_evidence(persons, evidence, signals)
    counts = [found.tattoos.found for found in evidence.values() if found.tattoos is not None]
    return SceneResult(
        frames_analyzed=seen.frames,
        faces_detected=seen.detected,
        faces_after_filter=seen.kept,
        persons=persons,
        signals_used=used(evidence.values()),
        tattoos_detected=max(counts, default=0),
        errors=seen.errors,
        timing=SceneTiming(
            face_loop_ms=seen.loop_ms,
            detection_ms=seen.timing.detection_ms,
            embedding_ms=seen.timing.embedding_ms,
            recognition_ms=seen.timing.matching_ms,
            matching_ms=(time.perf_counter() - start) * 1000,
        ),
    )


@dataclass(frozen=True)
class _Glance:
    """One face to be looked at with signals: person_id and the face."""

    person: int
    face: SceneFace


def _evidence(
    persons: Sequence[Person], pictures: Mapping[int, Picture], signals: Signals, wanted: Wanted
) -> dict[int, Evidence]:
    """What the signals say of each person, by person_id: from the frames with their largest faces.

    The reference takes one body and all tattoos of the scene for everybody in it.
    """
    if not available(signals, wanted):
        return {}
    by_frame: dict[int, list[_Glance]] = {}
    for glance in _glances(persons):
        if glance.face.frame in by_frame or len(by_frame) < FRAMES_AT_MOST:
            by_frame.setdefault(glance.face.frame, []).append(glance)
    found: dict[int, list[Evidence]] = {}
    for frame, glances in by_frame.items():
        boxes = [glance.face.face.box for glance in glances]
        pixels = _pixels(pictures.get(frame))
        said = signals.evidences(pixels, boxes, wanted) if pixels is not None else ()
        for glance, evidence in zip(glances, said, strict=False):
            found.setdefault(glance.person, []).append(evidence)
    return {person: merged(parts) for person, parts in found.items()}


def _glances(persons: Sequence[Person]) -> Iterator[_Glance]:
    """Everybody's largest face, then everybody's second, and third; those without a match have none."""
    known = [(person.person_id, largest_first(person.faces)) for person in persons if person.best_match]
    for turn in range(FRAMES_EACH):
        yield from (_Glance(person, faces[turn]) for person, faces in known if turn < len(faces))


def _pixels(picture: Picture | None) -> Image | None:
    try:
        return picture.pixels if picture is not None else None
    except Unreadable:
        # It was readable a moment ago; without it, there is less evidence.
        return None


def _with_evidence(
    persons: tuple[Person, ...], evidence: Mapping[int, Evidence], signals: Signals
) -> tuple[Person, ...]:
    if not any(found.used for found in evidence.values()):
        return persons
    ranked = reordered(persons, lambda p: rerank(p.all_matches, evidence.get(p.person_id, NOTHING), signals))
    return tuple(_said(person, evidence.get(person.person_id, NOTHING)) for person in ranked)


def _said(person: Person, evidence: Evidence) -> Person:
    tattoos = evidence.tattoos.found if evidence.tattoos is not None else 0
    return replace(person, signals_used=("face", *evidence.used), tattoos_detected=tattoos)


def available(signals: Signals, wanted: Wanted) -> bool:
    """Whether any of the wanted signals is loaded."""
    return bool((wanted.body and signals.body) or (wanted.tattoo and signals.tattoo))


def used(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Which signals said something at all."""
    names = {name for said in evidence for name in said.used}
    return tuple(name for name in ("body", "tattoo") if name in names)
