"""Saved settings + the hardware's tier → what counts now. Reads never block; writes do.

The values are a snapshot in memory, so that coroutines may read them. ``refresh`` takes over what another pod
has saved; the queue's loop calls it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facedb_sidecar.state.definitions import (
    DEFINITIONS,
    LEGACY,
    Applies,
    Definition,
    Refused,
    Value,
    from_variable,
)
from facedb_sidecar.state.entries import Entries
from facedb_sidecar.state.errors import StateError

PREFIX = "setting."
MIGRATED = "migrated."

log = logging.getLogger(__name__)

Listener = Callable[[frozenset[str]], None]


@dataclass(frozen=True)
class Chosen:
    """A setting as it is now."""

    definition: Definition
    value: Value
    default: Value
    is_override: bool


class Preferences:
    """The settings of the plugin's page.

    Args:
        entries: where they are saved.
        tier: ``gpu-high``, ``gpu-low`` or ``cpu``; it decides the defaults.
    """

    def __init__(self, entries: Entries, tier: str) -> None:
        self._entries = entries
        self._listeners: list[Listener] = []
        self._overrides: Mapping[str, Value] = {}
        self.tier = tier
        try:
            self.refresh()
        except StateError as error:
            # Start with the defaults rather than not at all; the queue's loop refreshes.
            log.warning("The saved settings cannot be read yet: %s", error)
        self._loaded = self._values()

    # What the engine, scenes and the Stash client read.

    @property
    def detection_size(self) -> int:
        """Pixels."""
        return int(self.get("detection_size").value)

    @property
    def embedding_batch_size(self) -> int:
        """Faces a call."""
        return int(self.get("embedding_batch_size").value)

    @property
    def num_frames(self) -> int:
        """Of a scene."""
        return int(self.get("num_frames").value)

    @property
    def frame_workers(self) -> int:
        """Processes of ffmpeg at a time."""
        return int(self.get("frame_extraction_concurrency").value)

    @property
    def body_signal_enabled(self) -> bool:
        """Whether body proportions weigh in."""
        return bool(self.get("body_signal_enabled").value)

    @property
    def tattoo_signal_enabled(self) -> bool:
        """Whether tattoos weigh in."""
        return bool(self.get("tattoo_signal_enabled").value)

    @property
    def stash_api_rate(self) -> float:
        """Requests a second."""
        return float(self.get("stash_api_rate").value)

    @property
    def gpu_enabled(self) -> bool:
        """Whether the networks may use the GPU."""
        return bool(self.get("gpu_enabled").value)

    def device(self, wanted: str) -> str:
        """What the networks run on: as the process was told, unless the user turned the GPU off.

        A default does not count here: a GPU that was asked for and is not there must not go unnoticed.
        """
        gpu = self.get("gpu_enabled")
        return "cpu" if gpu.is_override and not gpu.value else wanted

    @property
    def face_candidates(self) -> int:
        """Before the best are chosen."""
        return int(self.get("face_candidates").value)

    # The page.

    def get(self, key: str) -> Chosen:
        """One setting.

        Raises:
            KeyError: there is none of this name.
        """
        definition = DEFINITIONS[key]
        default = definition.default(self.tier)
        value = self._overrides.get(key, default)
        return Chosen(definition, value, default, key in self._overrides)

    def all(self) -> tuple[Chosen, ...]:
        """Every setting, in the order of the page."""
        return tuple(self.get(key) for key in DEFINITIONS)

    def set(self, values: Mapping[str, object]) -> tuple[dict[str, Value], dict[str, str]]:
        """Save what is valid; blocks.

        Returns:
            What was saved, and for each other key why it was not.

        Raises:
            StateError: nothing was saved.
        """
        stored: dict[str, Value] = {}
        errors: dict[str, str] = {}
        for key, value in values.items():
            try:
                stored[key] = DEFINITIONS[key].accept(value)
            except KeyError:
                errors[key] = f"Unknown setting: {key}"
            except Refused as error:
                errors[key] = str(error)
        if stored:
            self._entries.set({PREFIX + key: value for key, value in stored.items()})
            self.refresh()
        return stored, errors

    def reset(self, key: str) -> Chosen:
        """Go back to the default; blocks.

        Raises:
            KeyError: there is no such setting.
            StateError: it could not be saved.
        """
        _ = DEFINITIONS[key]
        self._entries.delete(PREFIX + key)
        self.refresh()
        return self.get(key)

    # What follows from a change.

    def refresh(self) -> None:
        """Read what is saved, and tell the listeners what changed; blocks.

        Raises:
            StateError: it cannot be read; the values stay.
        """
        before = self._values()
        self._overrides = _valid(self._entries.all(PREFIX))
        after = self._values()
        changed = frozenset(key for key in after if after[key] != before[key])
        for listener in self._listeners if changed else ():
            listener(changed)

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with the keys whose value changed, in the thread that saved them."""
        self._listeners.append(listener)

    def mark_loaded(self) -> None:
        """The engine was loaded with the present values."""
        self._loaded = self._values()

    @property
    def waiting_for_load(self) -> frozenset[str]:
        """Settings that count only after the engine is loaded again."""
        now = self._values()
        return frozenset(
            key
            for key, definition in DEFINITIONS.items()
            if definition.applies is Applies.NEXT_LOAD and now[key] != self._loaded[key]
        )

    def migrate_variables(self, env: Mapping[str, str]) -> None:
        """Take over the reference's variables, each once: a later change or reset by the user stands.

        Raises:
            StateError: it could not be saved.
        """
        for name in LEGACY:
            text = env.get(name, "").strip()
            if text and not self._entries.get(MIGRATED + name, False):
                self._migrate(name, text)
        self.refresh()

    def _migrate(self, name: str, text: str) -> None:
        try:
            key, value = from_variable(name, text)
        except Refused as error:
            log.warning("%s is ignored: %s", name, error)
            return
        saved: dict[str, object] = {MIGRATED + name: True}
        if key not in self._overrides:
            saved[PREFIX + key] = value
        self._entries.set(saved)
        log.info("%s became the setting %s = %s; the variable is not needed any more", name, key, value)

    def _values(self) -> dict[str, Value]:
        return {key: self.get(key).value for key in DEFINITIONS}


def _valid(saved: Mapping[str, object]) -> dict[str, Value]:
    """Saved settings that this version knows and accepts; another version may have saved others."""
    overrides: dict[str, Value] = {}
    for key, value in saved.items():
        try:
            overrides[key] = DEFINITIONS[key].accept(value)
        except KeyError:
            log.debug("The saved setting %s is of another version", key)
        except Refused as error:
            log.warning("A saved setting is ignored: %s", error)
    return overrides
