"""Settings of the process → the open state and its preferences. Called by parts.py at start; blocks."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack

from facedb_sidecar.hardware import read_hardware
from facedb_sidecar.settings import Settings
from facedb_sidecar.state.errors import StateError
from facedb_sidecar.state.preferences import Preferences
from facedb_sidecar.state.store import FILE, StateStore

log = logging.getLogger(__name__)


def open_state(
    settings: Settings, held: ExitStack, env: Mapping[str, str] = os.environ
) -> tuple[StateStore, Preferences]:
    """Open the state; it is closed with ``held``.

    Args:
        settings: they name the folder.
        held: closes what was opened.
        env: where variables of the reference sidecar may still be.
    """
    folder = settings.state_dir
    state = StateStore.open(folder / FILE if folder else None)
    held.callback(state.close)
    tier = read_hardware(settings.data_dir).tier(device=settings.device)
    preferences = Preferences(state.entries, tier.name)
    try:
        preferences.migrate_variables(env)
    except StateError as error:
        # A full volume must not keep the sidecar from starting; the next start tries again.
        log.warning("The reference's variables were not taken over: %s", error)
    return state, preferences
