"""From the faces of a gallery's images to its performers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.answers import Identified
from facedb_sidecar.engine.catalog import Performer
from facedb_sidecar.engine.faces import Box, Face
from facedb_sidecar.engine.galleries import GalleryImage, performers_of
from facedb_sidecar.engine.matching import Match

FACE = Face(Box(0, 0, 50, 50), 0.9, np.zeros(512, np.float32), np.zeros(512, np.float32))


def match(who: str, distance: float) -> Match:
    return Match(Performer(f"stashdb.org:{who}", "stashdb.org", who, who, None, None), 0, distance, 0.0, 0.0)


def image(image_id: str, *faces: list[Match]) -> GalleryImage:
    return GalleryImage(image_id, [Identified(FACE, tuple(matches)) for matches in faces])


def test_two_images_or_one_that_is_near() -> None:
    found = performers_of(
        [
            image("1", [match("twice", 0.5), match("second", 0.51)], [match("near", 0.39)]),
            image("2", [match("twice", 0.3)], [match("far", 0.4)], []),
            image("3"),
        ]
    )
    assert [(p.best.performer.name, p.image_count, p.image_ids) for p in found] == [
        ("twice", 2, ("1", "2")),
        ("near", 1, ("1",)),
    ]
    twice = found[0]
    assert (twice.best_distance, twice.avg_distance, twice.confidence) == (0.3, 0.4, 0.7)


def test_two_faces_in_one_image_are_one_image() -> None:
    assert performers_of([image("1", [match("a", 0.5)], [match("a", 0.45)])]) == ()


def test_an_empty_gallery_has_nobody() -> None:
    assert performers_of([]) == ()


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=4).map(
            lambda faces: [[match(who, distance)] for who, distance in faces]
        ),
        max_size=8,
    )
)
def test_what_is_told_holds_for_any_gallery(gallery: list[list[list[Match]]]) -> None:
    found = performers_of([image(str(i), *faces) for i, faces in enumerate(gallery)])
    assert list(found) == sorted(found, key=lambda p: (-p.image_count, p.best_distance))
    assert len({p.best.performer.universal_id for p in found}) == len(found)
    for performer in found:
        assert performer.image_count >= 2 or performer.best_distance < 0.4
        assert performer.best_distance <= performer.avg_distance + 1e-9
        assert len(set(performer.image_ids)) == performer.image_count
        assert 0 <= performer.confidence <= 1
        assert performer.confidence == pytest.approx(min(1, max(0, 1 - performer.best_distance)))
