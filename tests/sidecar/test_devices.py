"""The device that was asked for, the one that was got, and the sizes that follow from options and tier."""

from __future__ import annotations

import numpy as np
import pytest

from enrolment import ASTRONAUT, astronaut_photo, group_photo
from facedb_sidecar.engine import Engine, EngineOptions
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.faces import Box, Detection, boxed, cut, detect, embed, find_faces, fitted
from facedb_sidecar.engine.models import CPU, _refused, detection_side, load_models
from served import Served

LIMITS = {"top_k": 5, "max_distance": 0.6, "min_confidence": 0.5}


def test_a_gpu_that_was_not_got_is_refused_or_said(served: Served) -> None:
    with pytest.raises(LoadError) as caught:
        load_models(served.models, "gpu")
    assert caught.value.reason == "DeviceUnavailable"

    models = load_models(served.models, "gpu", EngineOptions(device_fallback="warn"))

    assert (models.device.requested, models.device.provider, models.device.device) == ("gpu", CPU, "cpu")
    assert models.device.warning is not None
    assert "device gpu was asked for" in models.device.warning
    assert (models.detector.input_size, models.batch_size) == ((320, 320), 4)


def test_a_fallback_excuses_no_broken_model(served: Served, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("models")
    with pytest.raises(LoadError) as caught:
        load_models(empty, "gpu", EngineOptions(device_fallback="warn"))
    assert caught.value.reason == "ModelMissing"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("CUDA failure 2: out of memory", "DeviceUnavailable"),
        ("CUBLAS_STATUS_ALLOC_FAILED", "DeviceUnavailable"),
        ("Protobuf parsing failed", "InvalidModel"),
    ],
)
def test_the_gpus_trouble_is_not_the_models(said: str, reason: str, served: Served) -> None:
    assert _refused(served.models / "x.onnx", "cannot be opened", RuntimeError(said)).reason == reason


def test_the_cpu_that_was_asked_for_has_no_warning(engine: Engine) -> None:
    assert (engine.models.device.device, engine.models.device.warning) == ("cpu", None)


@pytest.mark.parametrize(("wanted", "side"), [(160, 160), (320, 320), (321, 352), (639, 640), (1280, 1280)])
def test_the_detector_gets_a_side_that_its_grid_divides(wanted: int, side: int) -> None:
    assert detection_side(wanted) == side


@pytest.mark.parametrize("size", [200, 500, 640])
def test_any_detection_size_finds_her(served: Served, size: int) -> None:
    options = EngineOptions(detection_size=size, batch_size=1, threads=1)
    engine = Engine.load(served.release, served.models, "cpu", options=options)
    (found,) = engine.identify(astronaut_photo(), **LIMITS)  # type: ignore[arg-type]
    assert found.matches[0].performer.name == ASTRONAUT


@pytest.mark.parametrize("batch", [1, 4, 5, 32])
def test_batches_of_any_size_embed_alike(served: Served, batch: int) -> None:
    whole = find_faces(load_models(served.models, "cpu"), group_photo())
    parts = find_faces(
        load_models(served.models, "cpu", EngineOptions(batch_size=batch, detection_size=320)), group_photo()
    )
    assert len(whole) == len(parts) == 6
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one.facenet, other.facenet, atol=1e-4)
        assert np.allclose(one.arcface, other.arcface, atol=1e-4)


def test_a_face_without_usable_landmarks_is_cut_out_by_its_box(engine: Engine) -> None:
    photo = astronaut_photo()
    (found,) = detect(engine.models, photo, min_confidence=0.5)
    same_place = np.zeros((5, 2), np.float32)
    not_numbers = np.full((5, 2), np.nan, np.float32)
    for points in (None, same_place, not_numbers):
        (crop,) = cut(photo, [Detection(found.box, found.confidence, points)])
        assert crop.pixels.shape == (found.box.height, found.box.width, 3)
        (face,) = embed(engine.models, [crop])
        assert np.isfinite(face.facenet).all()
        assert np.isfinite(face.arcface).all()


def test_a_cut_out_of_less_than_ten_pixels_is_dropped() -> None:
    photo = astronaut_photo()
    assert cut(photo, [Detection(Box(5, 5, 9, 30), 0.9, None)]) == ()
    assert cut(photo, [Detection(Box(-50, 5, 55, 30), 0.9, None)]) == ()
    assert cut(photo, [Detection(Box(900, 900, 30, 30), 0.9, None)]) == ()
    assert len(cut(photo, [Detection(Box(-20, -20, 30, 30), 0.9, None)])) == 1
    assert boxed(photo, Box(-20, -20, 30, 30)).shape == (10, 10, 3)


def test_a_box_is_fitted_without_bending_the_face() -> None:
    tall = np.full((100, 50, 3), 200, np.uint8)
    square = fitted(tall, 160)
    assert square.shape == (160, 160, 3)
    assert (square[:, :40] == 0).all()
    assert (square[:, 40:120] == 200).all()
    assert (square[:, 120:] == 0).all()
    assert fitted(square, 160) is square


def test_every_stage_is_timed(engine: Engine) -> None:
    timing = engine.identify(astronaut_photo(), **LIMITS).timing  # type: ignore[arg-type]
    assert timing.detection_ms > 0
    assert timing.embedding_ms > 0
    assert timing.matching_ms > 0
    assert (timing + timing).detection_ms == 2 * timing.detection_ms
