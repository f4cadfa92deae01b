"""From pixels to boxes, crops, embeddings and whose they are, through networks of the true tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrolment import astronaut_photo
from facedb_sidecar.engine.signals.sessions import SignalUnavailable
from facedb_sidecar.engine.signals.tattoo_index import INDEX_FILE, MAP_FILE, open_tattoo_index
from facedb_sidecar.engine.signals.tattoos import (
    CROP,
    MOST_TATTOOS,
    SIDE,
    TattooModels,
    boxes_of,
    crop_of,
    distinct,
    embedder_input,
    letterbox,
    open_models,
)
from signal_models import build_tattoo_models, draw_tattoo, street_photo
from signal_release import strangers, write_tattoos

SIDES = st.integers(1, 2000)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> TattooModels:
    folder = tmp_path_factory.mktemp("tattoo-models")
    build_tattoo_models(folder)
    return open_models(folder, "cpu")


@settings(max_examples=30)
@given(SIDES, SIDES)
def test_the_letterbox_holds_the_whole_image_and_gray(width: int, height: int) -> None:
    box = letterbox(np.zeros((height, width, 3), np.uint8))
    assert box.pixels.shape == (SIDE, SIDE, 3)
    shown = (box.pixels == 0).all(axis=2)
    assert (box.pixels[~shown] == 114).all()
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert max(len(rows), len(columns)) == SIDE
    assert (rows[0], columns[0]) == (box.top, box.left)
    assert abs(len(columns) - max(1, width * box.scale)) <= 1


@given(
    st.integers(8, 2000),
    st.integers(8, 2000),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(0.1, 0.5), st.floats(0.1, 0.5)),
)
def test_a_box_on_the_square_comes_back_to_its_place(
    width: int, height: int, place: tuple[float, float], size: tuple[float, float]
) -> None:
    left, top = place[0] * width * (1 - size[0]), place[1] * height * (1 - size[1])
    wanted = np.array([left, top, left + size[0] * width, top + size[1] * height])
    box = letterbox(np.zeros((height, width, 3), np.uint8))
    shift = np.array([box.left, box.top] * 2)
    square = wanted * box.scale + shift
    row = [(square[0] + square[2]) / 2, (square[1] + square[3]) / 2, *(square[2:] - square[:2]), 0.9, 0.9]
    found = boxes_of(np.array([row], np.float32), box, width, height)
    real = ((wanted[2:] - wanted[:2]) >= 1.01).all()
    if real:
        assert found[0] == pytest.approx(wanted, abs=0.02 + 1e-3 * max(width, height))


CORNERS = st.lists(
    st.tuples(st.floats(0, 600), st.floats(0, 600), st.floats(1, 200), st.floats(1, 200)), max_size=25
).map(lambda boxes: np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4))


def overlap(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, float(wide)) * max(0.0, float(high))
    areas = sum(float((b[2] - b[0]) * (b[3] - b[1])) for b in (one, other))
    return shared / (areas - shared)


@given(CORNERS)
def test_boxes_that_are_kept_overlap_little_and_every_other_overlaps_a_better_one(
    corners: npt.NDArray[np.float32],
) -> None:
    kept = distinct(corners)
    assert kept[:1] == [0][: len(corners)]
    for at, place in enumerate(kept):
        assert all(overlap(corners[place], corners[other]) <= 0.4501 for other in kept[:at])
    for place in set(range(len(corners))) - set(kept):
        assert any(overlap(corners[place], corners[o]) >= 0.4499 for o in kept if o < place)


def test_rows_without_a_number_and_weak_ones_are_no_tattoos() -> None:
    box = letterbox(np.zeros((640, 640, 3), np.uint8))
    good = [100, 100, 50, 50, 0.6, 0.6]
    rows = [good, [300, 300, 50, 50, 0.5, 0.49], [np.nan, 9, 9, 9, 1, 1], [9, 9, np.inf, 9, 1, 1]]
    rows += [[500, 500, 50, 50, np.nan, 1], [900, 900, 50, 50, 1, 1], [500, 100, 0.1, 50, 1, 1]]
    assert boxes_of(np.array(rows, np.float32), box, 640, 640).tolist() == [[75, 75, 125, 125]]


def test_a_detector_that_sees_tattoos_everywhere_is_cut() -> None:
    x, y = np.meshgrid(np.arange(0, 640, 8), np.arange(0, 640, 8))
    rows = np.stack([x.ravel(), y.ravel(), *np.full((2, x.size), 6), *np.ones((2, x.size))], axis=1)
    box = letterbox(np.zeros((640, 640, 3), np.uint8))
    assert len(boxes_of(rows.astype(np.float32), box, 640, 640)) == MOST_TATTOOS


def test_a_crop_is_a_tenth_larger_and_stays_on_the_image() -> None:
    image = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    assert np.array_equal(crop_of(image, np.array([50, 20, 150, 70], np.float32)), image[15:75, 40:160])
    assert crop_of(image, np.array([0, 0, 200, 100], np.float32)).shape == image.shape
    assert crop_of(image, np.array([199, 99, 200, 100], np.float32)).size > 0


@given(st.integers(1, 700), st.integers(1, 700))
def test_a_crop_of_any_shape_becomes_the_networks_input(width: int, height: int) -> None:
    found = embedder_input(np.full((height, width, 3), 255, np.uint8))
    assert found.shape == (1, 3, CROP, CROP)
    white = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    assert found.mean(axis=(0, 2, 3)) == pytest.approx(white, abs=1e-4)


def test_a_drawn_tattoo_is_found_where_it_is_and_a_plain_photo_has_none(networks: TattooModels) -> None:
    for photo, place in ((astronaut_photo(), (300, 330, 420, 450)), (street_photo(), (500, 700, 600, 800))):
        assert len(networks.find(photo)) == 0
        (found,) = networks.find(draw_tattoo(photo, place, motif=1))
        assert overlap(found, np.array(place, np.float32)) > 0.7


def test_two_tattoos_are_two_boxes(networks: TattooModels) -> None:
    photo = draw_tattoo(astronaut_photo(), (20, 300, 140, 420), motif=1)
    assert len(networks.find(draw_tattoo(photo, (350, 340, 470, 460), motif=2))) == 2


def test_a_motif_is_like_itself_and_unlike_another(networks: TattooModels) -> None:
    def embedded(place: tuple[int, int, int, int], motif: int) -> npt.NDArray[np.float32]:
        photo = draw_tattoo(astronaut_photo(), place, motif)
        return networks.embed([crop_of(photo, box) for box in networks.find(photo)])[0]

    here, there, other = (
        embedded(place, motif)
        for place, motif in (((60, 360, 150, 450), 1), ((300, 330, 420, 450), 1), ((60, 360, 150, 450), 2))
    )
    assert np.linalg.norm(here) == pytest.approx(1.0, abs=1e-5)
    assert here @ there > 0.7
    assert here @ other < 0.5


def test_the_index_tells_whose_tattoo_it_is(tmp_path: Path) -> None:
    owned = strangers(["stashdb.org:anna", None, "fansdb.cc:bea", "stashdb.org:anna", *[None] * 20])
    write_tattoos(tmp_path, owned)
    index = open_tattoo_index(tmp_path)
    assert index.performers == ("stashdb.org:anna", "fansdb.cc:bea")
    similar = index.similar(np.stack([owned[3][1] * 7, owned[1][1]]))
    assert similar["stashdb.org:anna"] == pytest.approx(1.0, abs=1e-5)
    assert 0 <= similar.get("fansdb.cc:bea", 0.0) < 0.2
    assert index.similar(np.zeros((0, 1280), np.float32)) == {}


def test_an_index_of_three_tattoos_is_asked_for_three(tmp_path: Path) -> None:
    owned = strangers(["a:1", "a:2", "a:3"])
    write_tattoos(tmp_path, owned)
    assert len(open_tattoo_index(tmp_path).similar(owned[0][1][None])) == 3


def cut_index(folder: Path) -> None:
    content = (folder / INDEX_FILE).read_bytes()
    (folder / INDEX_FILE).write_bytes(content[: len(content) // 2])


def wild_links(folder: Path) -> None:
    """Links that lead out of the graph: voyager kills its process on some of these."""
    content = bytearray((folder / INDEX_FILE).read_bytes())
    content[120:160] = b"\xff" * 40
    (folder / INDEX_FILE).write_bytes(content)


def shorter_map(folder: Path) -> None:
    (folder / MAP_FILE).write_text('[null, {"universal_id": "a:1"}]')


def other_dimensions(folder: Path) -> None:
    import voyager

    index = voyager.Index(voyager.Space.Cosine, num_dimensions=512)
    index.add_items(np.random.default_rng(0).standard_normal((30, 512)).astype(np.float32))
    index.save(str(folder / INDEX_FILE))


DAMAGES = {
    "no index": lambda f: (f / INDEX_FILE).unlink(),
    "no map": lambda f: (f / MAP_FILE).unlink(),
    "an empty index": lambda f: (f / INDEX_FILE).write_bytes(b""),
    "half an index": cut_index,
    "wild links": wild_links,
    "another dimension": other_dimensions,
    "a shorter map": shorter_map,
    "a map that is no JSON": lambda f: (f / MAP_FILE).write_text("[{"),
    "a map of numbers": lambda f: (f / MAP_FILE).write_text("[1, 2]"),
    "a map of lists without end": lambda f: (f / MAP_FILE).write_text("[" * 100_000),
    "an owner that is no text": lambda f: (f / MAP_FILE).write_text('[{"universal_id": 5}]'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_leftover_that_is_damaged_is_refused_by_name(damage: str, tmp_path: Path) -> None:
    write_tattoos(tmp_path, strangers(["a:1"] * 30))
    DAMAGES[damage](tmp_path)
    with pytest.raises(SignalUnavailable, match="tattoo_embeddings"):
        open_tattoo_index(tmp_path)


def test_networks_in_each_others_place_are_refused(tmp_path: Path) -> None:
    build_tattoo_models(tmp_path)
    detector, embedder = tmp_path / "tattoo_yolov5s.onnx", tmp_path / "tattoo_efficientnet_b0.onnx"
    kept = detector.read_bytes()
    detector.write_bytes(embedder.read_bytes())
    with pytest.raises(SignalUnavailable, match=r"tattoo_yolov5s\.onnx does not take"):
        open_models(tmp_path, "cpu")
    detector.write_bytes(kept[:-100])
    with pytest.raises(SignalUnavailable, match=r"tattoo_yolov5s\.onnx"):
        open_models(tmp_path, "cpu")
    detector.unlink()
    with pytest.raises(SignalUnavailable, match="not in the models folder"):
        open_models(tmp_path, "cpu")


def test_a_gpu_that_is_not_got_makes_it_slower_and_says_so(tmp_path: Path) -> None:
    build_tattoo_models(tmp_path)
    opened = open_models(tmp_path, "gpu")
    if "CUDAExecutionProvider" in opened.detector.session.get_providers():
        assert opened.slower is None
    else:
        assert opened.slower is not None
        assert "tattoo_yolov5s.onnx got CPUExecutionProvider" in opened.slower
