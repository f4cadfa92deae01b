"""Bodies and tattoos in the engine's answers: they order what is shown, within the request's limits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from enrolment import ASTRONAUT, ASTRONAUT_ID, astronaut_photo, group_photo
from facedb_sidecar.engine import Engine, EngineOptions, Identification
from facedb_sidecar.engine.faces import Image
from facedb_sidecar.engine.scenes import Frame, SceneOptions
from facedb_sidecar.engine.signals import SWITCHED_OFF, Wanted, load_signals
from facedb_sidecar.engine.signals.tattoos import open_models
from served import Served
from signal_models import build_tattoo_models, draw_tattoo
from signal_release import strangers, write_tattoos

HER = f"stashdb.org:{ASTRONAUT_ID}"
PLACE = (300, 330, 420, 450)
TATTOO = Wanted(body=False)


def tattooed() -> Image:
    return draw_tattoo(astronaut_photo(), PLACE, motif=1)


@pytest.fixture(scope="module")
def second(engine: Engine) -> str:
    """Who comes after her by faces alone."""
    (face,) = engine.identify(tattooed(), top_k=20, max_distance=2.0, min_confidence=0.5)
    return next(m.performer.universal_id for m in face.matches if m.performer.universal_id != HER)


@pytest.fixture(scope="module")
def tattoos(
    engine: Engine, served: Served, second: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The engine with the tattoo signal; the one on the picture belongs to the second."""
    folder = tmp_path_factory.mktemp("tattoos")
    shutil.copytree(served.models, folder / "models")
    build_tattoo_models(folder / "models")
    networks = open_models(folder / "models", "cpu")
    shown = tattooed()
    vectors = networks.embed([shown[top:bottom, left:right] for left, top, right, bottom in [PLACE]])
    write_tattoos(folder, [*strangers([f"fansdb.cc:{n}" for n in range(30)]), (second, vectors[0])])
    signals = load_signals(folder, folder / "models", device="cpu", want_body=False, want_tattoo=True)
    assert "tattoo" not in signals.missing
    yield replace(engine, signals=signals)
    signals.close()


def asked(engine: Engine, image: Image, signals: Wanted | None, **limits: float) -> Identification:
    usual = {"top_k": 5, "max_distance": 2.0, "min_confidence": 0.5}
    return engine.identify(image, signals=signals, **{**usual, **limits})  # type: ignore[arg-type]


def order(found: Identification) -> list[str]:
    return [m.performer.universal_id for m in found[0].matches]


def test_signals_that_are_missing_change_nothing(engine: Engine) -> None:
    assert set(engine.signals.missing) == {"body", "tattoo"}
    plain, wanted = asked(engine, tattooed(), None), asked(engine, tattooed(), Wanted())
    assert plain[0].matches == wanted[0].matches
    assert wanted.signals_used == ()
    assert wanted.timing.signals_ms == 0


def test_a_tattoo_lifts_its_owner(tattoos: Engine, second: str) -> None:
    plain, seen = asked(tattoos, tattooed(), None), asked(tattoos, tattooed(), TATTOO)
    assert order(plain)[0] == HER
    assert order(seen)[0] in {HER, second}
    assert order(seen).index(second) <= order(plain).index(second)
    assert seen.signals_used == ("tattoo",)
    assert seen.timing.signals_ms > 0
    # Signals order; distances stay what they were.
    shown = {(m.label, m.distance) for m in seen[0].matches}
    pool = asked(tattoos, tattooed(), None, top_k=20)
    assert shown <= {(m.label, m.distance) for m in pool[0].matches}


def test_the_requests_limits_hold_for_what_is_shown(tattoos: Engine) -> None:
    near = asked(tattoos, tattooed(), TATTOO, max_distance=0.6)
    assert {m.performer.name for m in near[0].matches} == {ASTRONAUT}
    assert all(m.distance <= 0.6 for m in near[0].matches)
    assert len(asked(tattoos, tattooed(), TATTOO, top_k=2)[0].matches) == 2
    assert len(asked(tattoos, tattooed(), TATTOO, min_confidence=1.0)) == 0


def test_a_failing_signal_leaves_the_faces(tattoos: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def look(self, image: Image) -> None:
            raise RuntimeError("no memory")

    broken = replace(tattoos, signals=replace(tattoos.signals, tattoo=Broken()))  # type: ignore[arg-type]
    before = broken.signals.failures().get("tattoo", 0)
    found = asked(broken, tattooed(), TATTOO)
    assert order(found)[0] == HER
    assert found.signals_used == ()
    assert broken.signals.failures()["tattoo"] == before + 1


def test_a_scene_says_what_its_order_came_from(tattoos: Engine) -> None:
    frames = [
        Frame(0, tattooed()),
        Frame(1, astronaut_photo()),
        Frame(2, group_photo()),
        Frame(-1, tattooed()),
    ]
    result = tattoos.identify_scene(frames, SceneOptions(signals=TATTOO))
    her = result.persons[0]
    assert her.best_match is not None
    assert her.best_match.performer.name == ASTRONAUT
    assert (her.signals_used, her.tattoos_detected) == (("face", "tattoo"), 1)
    assert (result.signals_used, result.multi_signal_used, result.tattoos_detected) == (("tattoo",), True, 1)
    # Those who match nobody are not looked at again.
    assert {p.tattoos_detected for p in result.persons[1:]} == {0}
    plain = tattoos.identify_scene(frames, SceneOptions())
    assert (plain.multi_signal_used, plain.persons[0].signals_used) == (False, ())


def test_what_is_switched_off_is_not_loaded(served: Served) -> None:
    engine = Engine.load(
        served.release, served.models, "cpu", options=EngineOptions(body=False, tattoo=False)
    )
    assert engine.signals.missing == {"body": SWITCHED_OFF, "tattoo": SWITCHED_OFF}
    engine.close()
    engine.close()
    assert np.isfinite(asked(engine, astronaut_photo(), None)[0].matches[0].distance)
