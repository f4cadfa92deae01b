"""From the faces of a scene to its persons: the rules, and what holds for any faces at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_sidecar.engine.catalog import Performer
from facedb_sidecar.engine.clusters import SCREENSHOT, SceneFace, cluster, frames_of, largest_first, merge
from facedb_sidecar.engine.faces import Box, Face
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.engine.persons import Person
from facedb_sidecar.engine.scenes import MatchingMode, SceneOptions, persons_of, reordered

MODES = ("frequency", "cluster", "hybrid")
THRESHOLD = 0.6


def looks(person: int, noise: float = 0.0) -> Face:
    """A face that looks like person number ``person``; others are at a right angle."""
    vector = np.zeros(512, np.float32)
    vector[person] = 1.0
    vector[100 + person] = noise
    return Face(Box(0, 0, 50, 50), 0.9, vector, vector * 2)


def match(who: str, distance: float, label: int = 0) -> Match:
    performer = Performer(f"stashdb.org:{who}", "stashdb.org", who, who.upper(), None, None)
    return Match(performer, label, distance, distance, distance)


def seen(frame: int, person: int, *matches: Match, size: int = 50) -> SceneFace:
    face = replace(looks(person), box=Box(0, 0, size, size))
    return SceneFace(frame, face, tuple(sorted(matches, key=lambda m: m.distance)))


def names(persons: Sequence[Person]) -> list[str | None]:
    return [p.best_match.performer.stashbox_id if p.best_match else None for p in persons]


def options(mode: str = "frequency", **more: object) -> SceneOptions:
    return SceneOptions(matching_mode=mode, **more)  # type: ignore[arg-type]


# Any faces of a scene: a few looks, a few performers.
a_match = st.builds(match, st.sampled_from("abcde"), st.floats(0, 0.5), st.integers(0, 9))
a_face = st.builds(
    lambda frame, person, matches: seen(frame, person, *matches),
    st.integers(-1, 8),
    st.integers(0, 5),
    st.lists(a_match, max_size=4),
)
some_faces = st.lists(a_face, max_size=25)


@given(some_faces, st.floats(0.2, 3.0))
def test_every_face_is_in_exactly_one_group(faces: list[SceneFace], threshold: float) -> None:
    groups = cluster(faces, threshold)
    for found in (groups, merge(groups)):
        assert sorted(id(f) for g in found for f in g) == sorted(id(f) for f in faces)
        assert all(found)


@given(some_faces)
def test_merged_groups_have_different_best_performers(faces: list[SceneFace]) -> None:
    merged = merge(cluster(faces, THRESHOLD))
    best = [
        min((m for f in g for m in f.matches[:1]), key=lambda m: (m.distance, m.label))
        for g in merged
        if any(f.matches for f in g)
    ]
    assert len({m.performer.universal_id for m in best}) == len(best)


@given(some_faces, st.sampled_from(MODES), st.integers(1, 5))
def test_persons_are_ordered_numbered_and_of_different_performers(
    faces: list[SceneFace], mode: str, top_k: int
) -> None:
    persons = persons_of(faces, options(mode, top_k=top_k))
    known = [p for p in persons if p.best_match is not None]
    assert [p.person_id for p in persons] == list(range(len(persons)))
    assert list(persons[: len(known)]) == known
    assert len(set(names(known))) == len(known)
    for person in known:
        assert person.all_matches[0] == person.best_match
        assert len(person.all_matches) <= top_k
    if mode != "hybrid":
        counts = [p.frame_count for p in known]
        assert counts == sorted(counts, reverse=True)
        assert sorted(id(f) for p in persons for f in p.faces) == sorted(id(f) for f in faces)


@given(some_faces, st.sampled_from(MODES))
def test_who_is_nearer_than_the_limit_only_is_named(faces: list[SceneFace], mode: str) -> None:
    offered = {m.performer.stashbox_id for f in faces for m in f.matches}
    assert {n for n in names(persons_of(faces, options(mode))) if n is not None} <= offered


@settings(max_examples=40)
@given(some_faces, st.sampled_from(MODES), st.randoms(use_true_random=False))
def test_frames_of_equal_content_may_come_in_any_order(
    faces: list[SceneFace], mode: str, random: object
) -> None:
    """Four frames with the same faces: whatever order they come in, the persons are the same."""
    numbers = [0, 1, 2, 3]
    straight = [replace(f, frame=n) for n in numbers for f in faces]
    random.shuffle(numbers)  # type: ignore[attr-defined]
    shuffled = [replace(f, frame=n) for n in numbers for f in faces]
    one, other = persons_of(straight, options(mode)), persons_of(shuffled, options(mode))
    assert [(p.best_match, p.all_matches, p.frame_count) for p in one] == [
        (p.best_match, p.all_matches, p.frame_count) for p in other
    ]


def test_faces_join_the_nearest_group_and_strangers_begin_one() -> None:
    faces = [seen(i, person) for i, person in enumerate((0, 1, 0, 2, 1))]
    groups = cluster(faces, THRESHOLD)
    assert [[f.frame for f in g] for g in groups] == [[0, 2], [1, 4], [3]]
    assert len(cluster(faces, 2.1)) == 1


def test_a_group_is_the_mean_of_its_faces() -> None:
    turned = SceneFace(1, looks(0, noise=1.0), ())
    further = SceneFace(2, looks(0, noise=5.0), ())
    # The third is 0.8 away from the first, and nearer to the mean of the first two.
    assert len(cluster([SceneFace(0, looks(0), ()), further], 0.7)) == 2
    assert len(cluster([SceneFace(0, looks(0), ()), turned, further], 0.7)) == 1


def test_a_vector_without_length_or_numbers_is_a_group_of_its_own() -> None:
    nothing = replace(looks(0), facenet=np.zeros(512, np.float32), arcface=np.zeros(512, np.float32))
    broken = replace(looks(0), facenet=np.full(512, np.nan, np.float32))
    faces = [SceneFace(0, face, ()) for face in (looks(0), nothing, broken, looks(0))]
    groups = cluster(faces, THRESHOLD)
    assert sorted(len(g) for g in groups)[-1] <= 2
    assert sum(len(g) for g in groups) == 4


def test_groups_of_one_performer_become_one_person() -> None:
    faces = [seen(0, 0, match("a", 0.2)), seen(1, 1, match("a", 0.4)), seen(2, 2)]
    persons = persons_of(faces, options())
    assert [(n, p.frame_count) for n, p in zip(names(persons), persons, strict=True)] == [("a", 2), (None, 1)]


def test_near_once_beats_far_often_and_the_mean_is_shown() -> None:
    faces = [seen(0, 0, match("near", 0.1), match("often", 0.4))]
    faces += [seen(n, 0, match("near", 0.5), match("often", 0.4)) for n in (1, 2)]
    (person,) = persons_of(faces, options())
    best, other = person.all_matches
    # 0.9 * 1.2 against 0.6 * 1.2.
    assert (best.performer.stashbox_id, other.performer.stashbox_id) == ("near", "often")
    assert best.distance == pytest.approx((0.1 + 0.5 + 0.5) / 3)
    assert best.confidence == pytest.approx(1 - best.distance)
    assert best.facenet_distance == 0.1


def test_a_performer_whom_the_scene_names_gets_a_small_bonus_and_the_mark() -> None:
    faces = [seen(0, 0, match("a", 0.30), match("b", 0.32))]
    assert names(persons_of(faces, options())) == ["a"]
    (person,) = persons_of(faces, options(scene_performer_stashdb_ids=("b",)))
    assert [(m.performer.stashbox_id, m.already_tagged) for m in person.all_matches] == [
        ("b", True),
        ("a", False),
    ]
    far = [seen(0, 0, match("a", 0.30), match("b", 0.34))]
    assert names(persons_of(far, options(scene_performer_stashdb_ids=("b",)))) == ["a"]


def test_too_far_is_nobody() -> None:
    faces = [seen(0, 0, match("a", 0.66)), seen(1, 0, match("a", 0.66))]
    assert names(persons_of(faces, options(max_distance=1.0))) == [None]
    assert names(persons_of([seen(0, 0, match("a", 0.65))], options(max_distance=1.0))) == ["a"]


def test_the_larger_group_chooses_first() -> None:
    small = [seen(0, 0, match("x", 0.1), match("a", 0.11), match("b", 0.3))]
    large = [seen(n, 1, match("y", 0.05), match("a", 0.06)) for n in range(3)]
    # Not merged, since their nearest differ; then both would take "a" by frequency were "x" and "y" used.
    persons = persons_of([*small, *large], options())
    assert names(persons) == ["y", "x"]
    shared = [seen(0, 0, match("c", 0.10), match("a", 0.11)), seen(1, 0, match("a", 0.11))]
    more = [seen(n, 1, match("a", 0.2)) for n in range(3)]
    persons = persons_of([*shared, *more], options())
    assert names(persons) == ["a", "c"]
    assert [m.performer.stashbox_id for m in persons[1].all_matches] == ["c", "a"]


def test_the_screenshot_counts_as_one_frame() -> None:
    faces = [seen(SCREENSHOT, 0, match("a", 0.2)), seen(3, 0, match("a", 0.2)), seen(3, 0, match("a", 0.2))]
    (person,) = persons_of(faces, options())
    assert person.frame_count == 2
    assert frames_of(faces) == 2
    assert [f.frame for f in largest_first(faces)] == [3]


def test_the_largest_face_of_each_frame_comes_first() -> None:
    faces = [seen(0, 0, size=20), seen(1, 0, size=60), seen(1, 0, size=40), seen(2, 0, size=60)]
    assert [(f.frame, f.face.box.width) for f in largest_first(faces)] == [(1, 60), (2, 60), (0, 20)]


def test_cluster_mode_divides_by_how_many_faces_match() -> None:
    faces = [seen(0, 0, match("a", 0.2), match("b", 0.1)), *(seen(n, 0, match("a", 0.2)) for n in (1, 2, 3))]
    (person,) = persons_of(faces, options("cluster"))
    assert [(m.performer.stashbox_id, round(m.distance, 3)) for m in person.all_matches] == [
        ("a", 0.2),
        ("b", 0.2),
    ]
    half = [seen(0, 0, match("b", 0.15)), seen(1, 0, match("a", 0.2)), seen(2, 0, match("a", 0.2))]
    (person,) = persons_of(half, options("cluster"))
    assert person.best_match is not None
    assert person.best_match.distance == pytest.approx(0.2 / (2 / 3) ** 0.5)


def test_hybrid_prefers_whom_both_ways_find_and_wants_two_frames() -> None:
    faces = [seen(n, 0, match("a", 0.30), match("b", 0.31)) for n in range(3)]
    faces += [seen(0, 1, match("c", 0.1))]
    persons = persons_of(faces, options("hybrid"))
    # "c" is in one frame only; "b" is found by frequency alone.
    assert names(persons) == ["a", "b"]
    assert [p.frame_count for p in persons] == [3, 3]
    assert len(persons[0].faces) == 3


def test_hybrid_names_no_more_than_there_are_groups_but_two() -> None:
    faces = [seen(n, 0, *(match(w, 0.2 + 0.01 * i) for i, w in enumerate("abcdef"))) for n in range(3)]
    assert names(persons_of(faces, options("hybrid", top_k=5))) == ["a", "b"]


@pytest.mark.parametrize(
    ("word", "mode"), [*((m.value, m) for m in MatchingMode), ("", MatchingMode.CLUSTER)]
)
def test_any_other_word_is_cluster(word: str, mode: MatchingMode) -> None:
    assert MatchingMode.of(word) is mode
    assert MatchingMode.of(word + "?") is MatchingMode.CLUSTER


def test_a_scene_without_faces_has_nobody() -> None:
    assert [persons_of([], options(mode)) for mode in MODES] == [(), (), ()]


def test_another_order_never_gives_two_persons_one_performer() -> None:
    first = Person(0, 3, match("a", 0.2), (match("a", 0.2), match("b", 0.3)), ())
    second = Person(1, 2, match("b", 0.2), (match("b", 0.2), match("c", 0.3)), ())
    third = Person(2, 1, None, (), ())
    turned = reordered([first, second, third], lambda p: tuple(reversed(p.all_matches)))
    assert names(turned) == ["b", "c", None]
    assert [m.performer.stashbox_id for m in turned[0].all_matches] == ["b", "a"]
    assert [m.performer.stashbox_id for m in turned[1].all_matches] == ["c", "b"]
