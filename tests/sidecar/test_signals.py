"""Signals over a real release and real photos: what can be had, what cannot, and that nothing ever breaks."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from builders import Enrolled, Vectors, make_release
from enrolment import ASTRONAUT, ASTRONAUT_ID, astronaut, astronaut_photo
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.sources.github import GitHub
from facedb_release.version import parse_version
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.faces import Box
from facedb_sidecar.engine.options import EngineOptions
from facedb_sidecar.engine.signals import (
    NO_SIGNALS,
    NOTHING,
    SWITCHED_OFF,
    Evidence,
    Proportions,
    Signals,
    Tattoos,
    Wanted,
    load_signals,
    rerank,
    tattoo_files_present,
)
from facedb_sidecar.engine.signals.performers import read_bodies
from facedb_sidecar.engine.signals.tattoos import crop_of, open_models
from release_server import ReleaseServer
from signal_models import build_signal_models, draw_tattoo, street_photo
from signal_release import add_bodies, strangers, with_signals

VERSION = "2026.02.18"
HER = f"stashdb.org:{ASTRONAUT_ID}"
TWIN_ID = "0b2f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a22"
TWIN = f"stashdb.org:{TWIN_ID}"
HIS_FACE, HER_FACE = Box(108, 412, 44, 54), Box(184, 62, 84, 112)
PLACE = (300, 330, 420, 450)


@dataclass(frozen=True)
class Made:
    """Folders with everything in them."""

    release: Path
    models: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("signals")
    models = folder / "models"
    person, _ = astronaut(models)
    build_signal_models(models)
    archive = make_release(folder / "made", VERSION, performers=60, enrolled=[person, like(person)])
    shown = draw_tattoo(astronaut_photo(), (60, 360, 150, 450), motif=1)
    networks = open_models(models, "cpu")
    (tattoo,) = networks.embed([crop_of(shown, box) for box in networks.find(shown)])
    owned = [*strangers([None, *(f"fansdb.cc:{n}" for n in range(40))]), (TWIN, tattoo)]
    bodies = {ASTRONAUT_ID: 1.0, TWIN_ID: 1.8}
    with ReleaseServer(folder / "root") as server:
        server.publish(with_signals(archive, bodies=bodies, tattoos=owned), tag=f"v{VERSION}")
        source = GitHub("owner/data", server.url)
        fetch(FetchRequest(into=folder / "release", version=parse_version(VERSION), source=source))
    return Made(folder / "release", models)


def like(person: Enrolled) -> Enrolled:
    """Somebody whose face is hers but for a tenth of the distance."""
    rng = np.random.default_rng(1)

    def near(vector: Vectors) -> Vectors:
        noise = rng.standard_normal(len(vector)).astype(np.float32)
        return vector / np.linalg.norm(vector) + np.float32(0.5) * noise / np.linalg.norm(noise)

    return Enrolled("Her twin", TWIN_ID, near(person.facenet), near(person.arcface))


@pytest.fixture(scope="module")
def signals(made: Made) -> Iterator[Signals]:
    loaded = load_signals(made.release, made.models, device="cpu", want_body=True, want_tattoo=True)
    yield loaded
    loaded.close()


def test_both_signals_are_loaded_and_know_their_performers(made: Made, signals: Signals) -> None:
    assert dict(signals.missing) == {}
    assert signals.tattooed_performers == 41
    assert signals.has_tattoos(TWIN)
    assert not signals.has_tattoos(HER)
    assert signals.shoulder_hip(TWIN) == pytest.approx(1.8)
    assert signals.shoulder_hip(HER) == pytest.approx(1.0)
    assert signals.shoulder_hip("stashdb.org:nobody") is None
    assert signals.shoulder_hip(HER.replace("stashdb.org", "fansdb.cc")) is None
    assert tattoo_files_present(made.release, made.models)


def test_a_man_in_the_street_shows_his_body_and_no_tattoo(signals: Signals) -> None:
    found = signals.evidence(street_photo(), HIS_FACE)
    assert found.used == ("body", "tattoo")
    assert found.body is not None
    assert 1.2 < found.body.shoulder_hip < 2.2
    assert found.tattoos == Tattoos(0)


def test_each_face_of_a_photo_has_its_own_body(signals: Signals) -> None:
    his, nobody = signals.evidences(street_photo(), (HIS_FACE, Box(700, 100, 40, 40)))
    assert his == signals.evidence(street_photo(), HIS_FACE)
    assert nobody == replace(his, body=None)
    assert signals.evidences(street_photo(), ()) == ()


def test_only_what_is_wanted_is_looked_for(signals: Signals) -> None:
    assert signals.evidence(street_photo(), HIS_FACE, Wanted(body=False)).used == ("tattoo",)
    assert signals.evidence(street_photo(), HIS_FACE, Wanted(tattoo=False)).used == ("body",)
    assert signals.evidence(street_photo(), HIS_FACE, Wanted(body=False, tattoo=False)) == NOTHING


@pytest.fixture(scope="module")
def engine(made: Made) -> Iterator[Engine]:
    loaded = Engine.load(made.release, made.models, "cpu", options=EngineOptions(body=True, tattoo=True))
    yield loaded
    loaded.close()


def names(engine: Engine, photo: npt.NDArray[np.uint8], wanted: Wanted | None) -> list[str]:
    """Who the one face of a photo may be, best first."""
    (found,) = engine.identify(photo, top_k=5, max_distance=0.6, min_confidence=0.5, signals=wanted).faces
    return [match.performer.name for match in found.matches]


def test_the_twins_tattoo_on_a_photo_makes_it_the_twins(engine: Engine) -> None:
    shown = draw_tattoo(astronaut_photo(), PLACE, motif=1)
    assert names(engine, shown, None) == [ASTRONAUT, "Her twin"]
    assert names(engine, shown, Wanted(tattoo=False)) == [ASTRONAUT, "Her twin"]
    assert names(engine, shown, Wanted()) == ["Her twin", ASTRONAUT]


def test_a_photo_without_a_tattoo_is_hers_with_all_signals(engine: Engine) -> None:
    assert names(engine, astronaut_photo(), Wanted()) == [ASTRONAUT, "Her twin"]


def test_the_tattoo_is_told_with_whose_it_is(signals: Signals) -> None:
    found = signals.evidence(draw_tattoo(astronaut_photo(), PLACE, motif=1), HER_FACE)
    assert found.used == ("tattoo",)
    assert found.tattoos is not None
    assert found.tattoos.found == 1
    assert found.tattoos.similarity[TWIN] > 0.7
    assert max(value for who, value in found.tattoos.similarity.items() if who != TWIN) < 0.3


def test_a_body_that_does_not_fit_lowers_a_match(engine: Engine, signals: Signals) -> None:
    (found,) = engine.identify(astronaut_photo(), top_k=5, max_distance=0.6, min_confidence=0.5).faces
    her, twin = found.matches
    broad, narrow = (Evidence(Proportions(ratio, 1.3, 1.0, 0.9)) for ratio in (1.8, 1.0))
    assert rerank(found.matches, broad, signals) == (twin, her)
    assert rerank(found.matches, narrow, signals) == (her, twin)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((1, 1, 3), np.uint8), id="one pixel"),
        pytest.param(np.zeros((1, 5000, 3), np.uint8), id="a line"),
        pytest.param(np.full((3000, 20, 3), 255, np.uint8), id="a column"),
        pytest.param(np.zeros((0, 10, 3), np.uint8), id="nothing at all"),
        pytest.param(np.zeros((10, 10), np.uint8), id="no colours"),
        pytest.param(np.zeros((10, 10, 3), np.float64), id="no bytes"),
    ],
)
def test_an_odd_image_is_no_error(signals: Signals, image: npt.NDArray[np.uint8]) -> None:
    found = signals.evidence(image, Box(0, 0, 1, 1))
    assert found.body is None
    assert found.tattoos in (None, Tattoos(0))


def test_a_failure_on_an_image_is_no_evidence_and_counted(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load_signals(made.release, made.models, device="cpu", want_body=True, want_tattoo=True)
    loaded.close()
    for _ in range(3):
        assert loaded.evidence(street_photo(), HIS_FACE).used == ("tattoo",)
    assert loaded.failures() == {"body": 3}
    said = [r for r in caplog.records if "failed on an image" in r.message]
    assert len(said) == 1


def test_what_is_switched_off_is_not_loaded(made: Made) -> None:
    loaded = load_signals(made.release, made.models, device="cpu", want_body=False, want_tattoo=False)
    assert loaded.missing == {"body": SWITCHED_OFF, "tattoo": SWITCHED_OFF}
    assert loaded.evidence(street_photo(), HIS_FACE) == NOTHING
    assert loaded.tattooed_performers is None
    assert NO_SIGNALS.evidence(street_photo(), HIS_FACE) == NOTHING
    loaded.close()


def no_bodies(release: Path, models: Path) -> None:
    with sqlite3.connect(release / "performers.db") as db:
        db.execute("DELETE FROM body_proportions")


def no_table(release: Path, models: Path) -> None:
    with sqlite3.connect(release / "performers.db") as db:
        db.execute("DROP TABLE body_proportions")


def cut_file(name: str) -> Callable[[Path, Path], None]:
    def cut(release: Path, models: Path) -> None:
        path = release / name if (release / name).exists() else models / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return cut


def remove(name: str) -> Callable[[Path, Path], None]:
    return lambda release, models: (release / name if (release / name).exists() else models / name).unlink()


@pytest.mark.parametrize(
    ("damage", "gone", "why"),
    [
        pytest.param(no_bodies, "body", "no proportions", id="an empty table"),
        pytest.param(no_table, "body", "no such table", id="no table"),
        pytest.param(cut_file("performers.db"), "body", "", id="half a database"),
        pytest.param(remove("performers.db"), "body", "", id="no database"),
        pytest.param(remove("pose_landmarker_lite.task"), "body", "not in the models folder", id="no pose"),
        pytest.param(cut_file("pose_landmarker_lite.task"), "body", "damaged", id="half a pose"),
        pytest.param(remove("tattoo_yolov5s.onnx"), "tattoo", "not in the models folder", id="no detector"),
        pytest.param(
            cut_file("tattoo_efficientnet_b0.onnx"), "tattoo", "cannot be opened", id="half a network"
        ),
        pytest.param(
            remove("tattoo_embeddings.voy"), "tattoo", "has no tattoo_embeddings.voy", id="no index"
        ),
        pytest.param(
            remove("tattoo_embeddings.json"), "tattoo", "has no tattoo_embeddings.json", id="no map"
        ),
        pytest.param(cut_file("tattoo_embeddings.voy"), "tattoo", "cannot serve", id="half an index"),
    ],
)
def test_a_broken_part_takes_its_own_signal_only(
    made: Made, tmp_path: Path, damage: Callable[[Path, Path], None], gone: str, why: str
) -> None:
    release, models = tmp_path / "release", tmp_path / "models"
    shutil.copytree(made.release, release)
    shutil.copytree(made.models, models)
    damage(release, models)
    loaded = load_signals(release, models, device="cpu", want_body=True, want_tattoo=True)
    assert list(loaded.missing) == [gone]
    assert why in loaded.missing[gone]
    left = {"body", "tattoo"} - {gone}
    assert set(loaded.evidence(street_photo(), HIS_FACE).used) == left
    loaded.close()


def test_empty_folders_leave_no_signal_and_no_exception(tmp_path: Path) -> None:
    loaded = load_signals(tmp_path, tmp_path, device="cpu", want_body=True, want_tattoo=True)
    assert set(loaded.missing) == {"body", "tattoo"}
    assert not tattoo_files_present(tmp_path, tmp_path)
    assert loaded.evidence(street_photo(), HIS_FACE) == NOTHING


def test_a_tattoo_network_without_the_gpu_is_slower_and_there(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load_signals(made.release, made.models, device="gpu", want_body=False, want_tattoo=True)
    assert loaded.tattoo is not None
    if loaded.tattoo.models.slower:
        assert "got CPUExecutionProvider" in loaded.missing["tattoo_gpu"]
        assert any("slower" in record.message for record in caplog.records)


def test_an_engine_that_is_let_go_takes_its_pose_thread_along(made: Made) -> None:
    def threads() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/task"))

    def load() -> None:
        loaded = load_signals(made.release, made.models, device="cpu", want_body=True, want_tattoo=False)
        assert loaded.evidence(street_photo(), HIS_FACE).body is not None

    load()
    before = threads()
    for _ in range(3):
        load()
    deadline = time.monotonic() + 120
    while threads() > before and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert threads() <= before


def test_only_ratios_that_can_be_true_are_read(made: Made, tmp_path: Path) -> None:
    database = tmp_path / "performers.db"
    shutil.copy(made.release / "performers.db", database)
    with sqlite3.connect(database) as db:
        rows = db.execute("SELECT performer_id, stashbox_performer_id FROM stashbox_ids").fetchall()
        db.execute("DELETE FROM body_proportions")
        odd = ["text", b"blob", -1.0, 0.0, 1e300, float("inf")]
        db.executemany(
            "INSERT INTO body_proportions VALUES (?, ?, 1, 1, 1)",
            [(performer, value) for (performer, _), value in zip(rows, odd, strict=False)],
        )
        db.execute("INSERT INTO stashbox_ids VALUES (?, 'theporndb', 'same', NULL)", (rows[20][0],))
    add_bodies(database, {rows[20][1]: 1.5})
    table = read_bodies(database)
    assert len(table) == 1
    assert table.shoulder_hip(f"stashdb.org:{rows[20][1]}") == 1.5
    assert table.shoulder_hip("theporndb.net:same") is None
