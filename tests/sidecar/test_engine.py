"""The engine on real photos: who is found, and what cannot be loaded says why."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enrolment import ASTRONAUT, ASTRONAUT_ID, astronaut_photo, group_photo
from facedb_release.copying import hash_file
from facedb_release.receipt import NAME, parse_receipt, write_receipt
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.engine.faces import Image
from served import Served

LIMITS = {"top_k": 5, "max_distance": 0.6, "min_confidence": 0.5}


def test_the_astronaut_is_found_and_named_first(engine: Engine) -> None:
    (found,) = engine.identify(astronaut_photo(), **LIMITS)  # type: ignore[arg-type]
    best = found.matches[0]
    assert (best.performer.name, best.performer.stashbox_id) == (ASTRONAUT, ASTRONAUT_ID)
    assert best.performer.endpoint == "stashdb.org"
    assert best.confidence > 0.8
    assert 0 <= best.facenet_distance < 0.2
    assert 0 <= best.arcface_distance < 0.2


def test_a_mirrored_and_a_smaller_photo_find_her_too(engine: Engine) -> None:
    photo = astronaut_photo()
    for other in (np.ascontiguousarray(photo[:, ::-1]), np.ascontiguousarray(photo[::2, ::2])):
        (found,) = engine.identify(other, **LIMITS)  # type: ignore[arg-type]
        assert found.matches[0].performer.name == ASTRONAUT


def test_six_strangers_are_detected_and_none_is_taken_for_her(engine: Engine) -> None:
    found = engine.identify(group_photo(), **LIMITS)  # type: ignore[arg-type]
    assert len(found) == 6
    assert [m for f in found for m in f.matches if m.performer.name == ASTRONAUT] == []


def test_the_box_lies_on_the_face(engine: Engine) -> None:
    (found,) = engine.identify(astronaut_photo(), **LIMITS)  # type: ignore[arg-type]
    box = found.face.box
    # Where her face is on the 512 x 512 portrait.
    assert 160 < box.x < 210
    assert 40 < box.y < 90
    assert 70 < box.width < 120
    assert found.face.facenet.shape == found.face.arcface.shape == (512,)


def test_a_picture_without_a_face_has_none(engine: Engine) -> None:
    blank: Image = np.full((200, 300, 3), 127, np.uint8)
    assert engine.identify(blank, **LIMITS).faces == ()  # type: ignore[arg-type]


def spoil_index(release: Path, models: Path) -> None:
    (release / "face_arcface.voy").write_bytes(b"x" * (release / "face_arcface.voy").stat().st_size)


def swap_indices(release: Path, models: Path) -> None:
    shutil.copy(release / "face_facenet.voy", release / "face_arcface.voy.new")
    (release / "faces.json").write_text("[]".ljust((release / "faces.json").stat().st_size))


def spoil_manifest(release: Path, models: Path) -> None:
    (release / "manifest.json").write_text("?".ljust((release / "manifest.json").stat().st_size))


def as_verified(damage: Callable[[Path, Path], object]) -> Callable[[Path, Path], None]:
    """The same damage, in a release that was verified with it."""

    def damaged(release: Path, models: Path) -> None:
        damage(release, models)
        receipt = parse_receipt((release / NAME).read_bytes())
        files = tuple(hash_file(release / record.name) for record in receipt.files)
        write_receipt(release, replace(receipt, files=files))

    return damaged


def flip_bit(release: Path, models: Path) -> None:
    content = bytearray((release / "performers.db").read_bytes())
    content[-1] ^= 1
    (release / "performers.db").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda r, m: (r / ".facedb-receipt.json").unlink(), "InvalidReceipt", id="no receipt"),
        pytest.param(lambda r, m: (r / "faces.json").unlink(), "MissingFile", id="a missing file"),
        pytest.param(as_verified(spoil_index), "CorruptIndex", id="an index of rubbish"),
        pytest.param(as_verified(swap_indices), "CountMismatch", id="maps that do not fit"),
        pytest.param(flip_bit, "WrongChecksum", id="one bit of the database"),
        pytest.param(spoil_index, "WrongChecksum", id="an index that became rubbish"),
        pytest.param(swap_indices, "WrongChecksum", id="maps that changed"),
        pytest.param(spoil_manifest, "WrongChecksum", id="a manifest that became rubbish"),
        pytest.param(lambda r, m: (m / "arcface.onnx").unlink(), "ModelMissing", id="a missing model"),
        pytest.param(lambda r, m: (m / "arcface.onnx").write_text("x"), "InvalidModel", id="a broken model"),
        pytest.param(
            lambda r, m: shutil.copy(m / "facenet512.onnx", m / "arcface.onnx"),
            "InvalidModel",
            id="a model of another shape",
        ),
    ],
)
def test_what_cannot_be_served_says_why(
    served: Served, tmp_path: Path, damage: Callable[[Path, Path], object], reason: str
) -> None:
    release, models = tmp_path / "release", tmp_path / "models"
    shutil.copytree(served.release, release)
    shutil.copytree(served.models, models)
    damage(release, models)
    with pytest.raises(LoadError) as caught:
        Engine.load(release, models, "cpu")
    assert caught.value.reason == reason


def test_a_gpu_that_was_asked_for_and_not_got_is_no_success(served: Served) -> None:
    with pytest.raises(LoadError, match="DeviceUnavailable"):
        Engine.load(served.release, served.models, "gpu")
