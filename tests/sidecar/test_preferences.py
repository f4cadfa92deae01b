"""Settings of the plugin's page: what is accepted, what counts, what survives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.state import Preferences, StateStore
from facedb_sidecar.state.definitions import CATEGORIES, DEFINITIONS, Definition, Kind, Refused, Value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NUMBERS = [d for d in DEFINITIONS.values() if d.kind is not Kind.BOOL]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    store = StateStore.open(tmp_path / "stash_sense.db")
    yield store
    store.close()


@pytest.fixture
def preferences(state: StateStore) -> Preferences:
    return Preferences(state.entries, "cpu")


def is_valid(definition: Definition, value: Value) -> bool:
    if definition.kind is Kind.BOOL:
        return isinstance(value, bool)
    right = int if definition.kind is Kind.INT else float
    least, most = definition.least, definition.most
    assert least is not None
    assert most is not None
    return type(value) is right and least <= value <= most


@given(st.sampled_from(list(DEFINITIONS.values())), JSON)
def test_whatever_is_sent_either_fits_or_is_refused(definition: Definition, value: object) -> None:
    try:
        accepted = definition.accept(value)
    except Refused as refused:
        says = str(refused)
        accepted = None
    if accepted is None:
        assert says.startswith(f"{definition.key}: ")
    else:
        assert is_valid(definition, accepted)
        assert definition.accept(accepted) == accepted


@given(st.sampled_from(NUMBERS), st.data())
def test_every_number_in_range_is_accepted_as_it_is(definition: Definition, data: st.DataObject) -> None:
    assert definition.least is not None
    assert definition.most is not None
    numbers = (
        st.integers(int(definition.least), int(definition.most))
        if definition.kind is Kind.INT
        else st.floats(definition.least, definition.most)
    )
    number = data.draw(numbers)
    assert definition.accept(number) == number
    assert definition.accept(str(number)) == number


@pytest.mark.parametrize("tier", ["gpu-high", "gpu-low", "cpu"])
def test_every_default_is_valid_and_has_a_heading(tier: str) -> None:
    for definition in DEFINITIONS.values():
        assert is_valid(definition, definition.accept(definition.default(tier)))
        assert definition.category in CATEGORIES


@pytest.mark.parametrize(
    ("tier", "expected"),
    [("gpu-high", (32, 8, 640, 60)), ("gpu-low", (16, 6, 640, 60)), ("cpu", (4, 2, 320, 30))],
)
def test_defaults_follow_the_hardware(state: StateStore, tier: str, expected: tuple[int, ...]) -> None:
    chosen = Preferences(state.entries, tier)
    found = chosen.embedding_batch_size, chosen.frame_workers, chosen.detection_size, chosen.num_frames
    assert found == expected
    assert (chosen.stash_api_rate, chosen.face_candidates) == (5.0, 20)
    assert (chosen.body_signal_enabled, chosen.tattoo_signal_enabled) == (True, False)


def test_what_is_valid_is_stored_also_beside_what_is_not(preferences: Preferences) -> None:
    stored, errors = preferences.set({"num_frames": 45.0, "detection_size": 100, "nonsense": 1})
    assert stored == {"num_frames": 45}
    assert errors == {
        "detection_size": "detection_size: 100 is not between 160 and 1280",
        "nonsense": "Unknown setting: nonsense",
    }
    assert preferences.num_frames == 45
    assert preferences.reset("num_frames").value == 30


def test_settings_survive_a_restart_and_reach_another_pod(tmp_path: Path, state: StateStore) -> None:
    here = Preferences(state.entries, "cpu")
    other_state = StateStore.open(tmp_path / "stash_sense.db")
    there = Preferences(other_state.entries, "cpu")
    heard: list[frozenset[str]] = []
    there.subscribe(heard.append)
    here.set({"stash_api_rate": 9, "num_frames": 30})
    assert there.stash_api_rate == 5.0
    there.refresh()
    there.refresh()
    assert there.stash_api_rate == 9.0
    # 30 is the default: nothing changed by it.
    assert heard == [frozenset({"stash_api_rate"})]
    other_state.close()


def test_a_saved_value_that_this_version_does_not_accept_counts_as_none(state: StateStore) -> None:
    state.entries.set(
        {"setting.num_frames": 100_000, "setting.of_tomorrow": "x", "setting.detection_size": 480}
    )
    chosen = Preferences(state.entries, "cpu")
    assert (chosen.num_frames, chosen.detection_size) == (30, 480)


def test_settings_that_need_a_load_wait_for_it(preferences: Preferences) -> None:
    preferences.set({"detection_size": 640, "num_frames": 45})
    assert preferences.waiting_for_load == {"detection_size"}
    preferences.mark_loaded()
    assert preferences.waiting_for_load == frozenset()


def test_only_the_user_turns_the_gpu_off(preferences: Preferences) -> None:
    # The default of a machine without a GPU must not hide that one was asked for.
    assert not preferences.gpu_enabled
    assert preferences.device("gpu") == "gpu"
    preferences.set({"gpu_enabled": False})
    assert preferences.device("gpu") == "cpu"
    preferences.set({"gpu_enabled": True})
    assert preferences.device("cpu") == "cpu"


def test_the_references_variables_are_taken_over_once(state: StateStore) -> None:
    env = {
        "STASH_RATE_LIMIT": "7.5",
        "ENABLE_BODY_SIGNAL": "false",
        "ENABLE_TATTOO_SIGNAL": "auto",
        "FACE_CANDIDATES": "many",
    }
    chosen = Preferences(state.entries, "cpu")
    chosen.set({"body_signal_enabled": True})
    chosen.migrate_variables(env)
    assert chosen.stash_api_rate == 7.5
    # The user's own choice comes first.
    assert chosen.body_signal_enabled
    assert chosen.get("tattoo_signal_enabled").is_override
    assert not chosen.tattoo_signal_enabled
    assert not chosen.get("face_candidates").is_override
    chosen.reset("stash_api_rate")
    chosen.migrate_variables({**env, "FACE_CANDIDATES": "40"})
    assert chosen.stash_api_rate == 5.0
    assert chosen.face_candidates == 40
