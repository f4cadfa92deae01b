"""The whole way: a real video over HTTP, frames by ffmpeg, and the persons that the engine finds in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from enrolment import ASTRONAUT, ASTRONAUT_ID, astronaut_photo
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.faces import Image
from facedb_sidecar.engine.scenes import Frame, SceneOptions, Seen, Unreadable
from facedb_sidecar.frames import JpegFrame, extract, timestamps
from scene_video import API_KEY, ASTRONAUT_S, DURATION_S, VideoServer, make_scene

FRAMES = 6
OPTIONS = SceneOptions(scene_performer_stashdb_ids=(ASTRONAUT_ID,))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[JpegFrame, ...]:
    """Six frames: the astronaut's three, then the group's three."""
    folder = tmp_path_factory.mktemp("video")
    make_scene(folder)
    with VideoServer(folder) as server:
        times = timestamps(DURATION_S, FRAMES)
        found = asyncio.run(extract(f"{server.url}/scene.mp4", {"ApiKey": API_KEY}, times, 2))
    assert found.errors == ()
    assert sum(f.at_s < ASTRONAUT_S for f in found.frames) == FRAMES // 2
    return found.frames


@pytest.mark.parametrize("mode", ["frequency", "cluster", "hybrid"])
def test_the_astronaut_is_found_in_her_frames(
    engine: Engine, frames: tuple[JpegFrame, ...], mode: str
) -> None:
    options = SceneOptions(matching_mode=mode, scene_performer_stashdb_ids=(ASTRONAUT_ID,))
    result = engine.identify_scene(frames, options)
    first = result.persons[0]
    assert first.best_match is not None
    assert first.best_match.performer.name == ASTRONAUT
    assert first.best_match.already_tagged
    assert first.best_match.confidence > 0.8
    assert first.frame_count == FRAMES // 2
    assert {f.frame for f in first.faces} == {0, 1, 2}
    assert [p for p in result.persons[1:] if p.best_match and p.best_match.performer.name == ASTRONAUT] == []


def test_the_answer_counts_and_times_what_was_done(engine: Engine, frames: tuple[JpegFrame, ...]) -> None:
    result = engine.identify_scene(frames, OPTIONS)
    assert result.frames_analyzed == FRAMES
    # Hers, and most of six faces in three frames.
    assert 3 + 9 <= result.faces_detected <= 3 + 18
    assert 3 <= result.faces_after_filter <= result.faces_detected
    assert [p.person_id for p in result.persons] == list(range(len(result.persons)))
    assert sum(len(p.faces) for p in result.persons) == result.faces_after_filter
    timing = result.timing
    stages = (timing.detection_ms, timing.embedding_ms, timing.recognition_ms)
    assert min(*stages, timing.matching_ms) > 0
    assert sum(stages) <= timing.face_loop_ms
    assert (result.multi_signal_used, result.signals_used, result.errors) == (False, (), ())


def test_small_faces_are_counted_and_left_out(engine: Engine, frames: tuple[JpegFrame, ...]) -> None:
    result = engine.identify_scene(frames, SceneOptions(min_face_size=90))
    assert result.faces_detected > result.faces_after_filter > 0
    assert [p.frame_count for p in result.persons if p.best_match] == [FRAMES // 2]


def test_a_scene_looked_at_in_parts_is_the_same_scene(engine: Engine, frames: tuple[JpegFrame, ...]) -> None:
    whole = engine.identify_scene(frames, OPTIONS)
    seen = Seen()
    for start in range(0, FRAMES, 4):
        seen += engine.look_at(frames[start : start + 4], OPTIONS)
    parts = engine.persons_in(seen, OPTIONS)

    def told(persons: Iterable[object]) -> list[object]:
        return [(p.person_id, p.frame_count, [m.label for m in p.all_matches]) for p in persons]  # type: ignore[attr-defined]

    assert told(parts.persons) == told(whole.persons)
    assert (parts.frames_analyzed, parts.faces_detected) == (whole.frames_analyzed, whole.faces_detected)


def test_the_screenshot_is_a_frame_for_persons_and_not_for_counts(
    engine: Engine, frames: tuple[JpegFrame, ...]
) -> None:
    group = frames[FRAMES // 2 :]
    # Wherever it comes, its faces are clustered last.
    with_cover = engine.identify_scene([Frame(-1, astronaut_photo()), *group], OPTIONS)
    without = engine.identify_scene(group, OPTIONS)
    assert (with_cover.frames_analyzed, with_cover.faces_detected) == (
        without.frames_analyzed,
        without.faces_detected,
    )
    (found,) = [p for p in with_cover.persons if p.best_match]
    assert (found.frame_count, found.best_match.performer.name) == (1, ASTRONAUT)  # type: ignore[union-attr]
    assert not [p for p in without.persons if p.best_match]


@dataclass(frozen=True)
class Broken:
    """A frame that cannot be decoded."""

    index: int

    @property
    def pixels(self) -> Image:
        raise Unreadable("truncated")


def test_a_frame_that_cannot_be_decoded_is_told_and_the_rest_is_looked_at(
    engine: Engine, frames: tuple[JpegFrame, ...]
) -> None:
    result = engine.identify_scene([Broken(7), *frames[:2], Broken(9)], OPTIONS)
    assert result.errors == ("Frame 7: truncated", "Frame 9: truncated")
    assert result.frames_analyzed == 2
    assert result.persons[0].frame_count == 2


def test_a_scene_of_no_frames_has_nobody(engine: Engine) -> None:
    result = engine.identify_scene([], OPTIONS)
    assert (result.persons, result.frames_analyzed, result.faces_detected) == ((), 0, 0)


def test_frames_are_decoded_one_ahead_and_not_kept(engine: Engine, frames: tuple[JpegFrame, ...]) -> None:
    asked: list[int] = []

    @dataclass(frozen=True)
    class Counted:
        index: int

        @property
        def pixels(self) -> Image:
            asked.append(self.index)
            return frames[self.index].pixels

    def one_by_one() -> Iterable[Counted]:
        for index in range(FRAMES):
            # This one and the next may be on their way.
            assert len(asked) >= index - 1
            yield Counted(index)

    engine.look_at(one_by_one(), OPTIONS)
    assert asked == list(range(FRAMES))
