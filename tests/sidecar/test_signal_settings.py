"""What the user switches off on the settings page weighs in no request any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facedb_sidecar.engine import Wanted
from facedb_sidecar.identifying import signals_of
from facedb_sidecar.state import Preferences, StateStore


@pytest.fixture
def preferences() -> Iterator[Preferences]:
    store = StateStore.open(None)
    yield Preferences(store.entries, "cpu")
    store.close()


def test_a_request_gets_what_it_asks_for_and_the_user_allows(preferences: Preferences) -> None:
    preferences.set({"body_signal_enabled": True})
    preferences.set({"tattoo_signal_enabled": True})
    assert signals_of(preferences) == Wanted(body=True, tattoo=True)
    assert signals_of(preferences, tattoo=False) == Wanted(body=True, tattoo=False)
    preferences.set({"body_signal_enabled": False})
    assert signals_of(preferences) == Wanted(body=False, tattoo=True)
    preferences.set({"tattoo_signal_enabled": False})
    assert signals_of(preferences) is None
    assert signals_of(preferences, body=False, tattoo=False) is None
