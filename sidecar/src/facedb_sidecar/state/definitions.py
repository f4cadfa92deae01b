"""The settings that a user changes while the sidecar runs: names, limits, defaults, what is a valid value.

Pure. Keys, types, limits and defaults by tier are those of the reference sidecar, so that its plugin's page
and its saved values fit (contract.md sections 1.5 and 6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from facedb_sidecar.engine.tiers import CPU, TIERS

Value = bool | int | float

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")
# Characters of a refused value that are told back.
MOST_SHOWN = 80


class Kind(Enum):
    """The type of a setting, in the plugin's words."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"


class Applies(Enum):
    """From when on a changed setting counts."""

    NEXT_REQUEST = "next request"
    NEXT_LOAD = "next load of the engine"


class Refused(ValueError):
    """A value that a setting cannot have; the text says what it can have."""


@dataclass(frozen=True)
class Category:
    """A heading of the plugin's page."""

    label: str
    order: int


CATEGORIES = {
    "performance": Category("Performance", 0),
    "rate_limits": Category("Rate Limits", 1),
    "recognition": Category("Recognition", 2),
    "signals": Category("Signals", 3),
}


@dataclass(frozen=True)
class Definition:
    """One setting.

    Attributes:
        key: in the API and in the database.
        label: on the plugin's page.
        description: below the label.
        category: key of CATEGORIES.
        kind: of its value.
        usual: where the tier says nothing.
        least: smallest value; None for bool.
        most: largest value; None for bool.
        by_tier: defaults by the hardware's tier.
        applies: from when on a change counts.
    """

    key: str
    label: str
    description: str
    category: str
    kind: Kind
    usual: Value
    least: float | None = None
    most: float | None = None
    by_tier: Mapping[str, Value] = field(default_factory=dict)
    applies: Applies = Applies.NEXT_REQUEST

    def default(self, tier: str) -> Value:
        """The value of a user who has set none."""
        return self.by_tier.get(tier, self.usual)

    def accept(self, value: object) -> Value:
        """The value as it is kept.

        Args:
            value: from JSON or, as text, from the environment.

        Raises:
            Refused: it is no such value.
        """
        if self.kind is Kind.BOOL:
            return self._truth(value)
        number = self._number(value)
        least, most = self.least, self.most
        if (least is not None and number < least) or (most is not None and number > most):
            raise Refused(f"{self.key}: {_shown(value)} is not between {least:g} and {most:g}")
        return number

    def _truth(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower() if isinstance(value, str | int) else ""
        if text not in TRUE + FALSE:
            raise Refused(f"{self.key}: {_shown(value)} is neither true nor false")
        return text in TRUE

    def _number(self, value: object) -> int | float:
        expected = "a whole number" if self.kind is Kind.INT else "a number"
        wrong = Refused(f"{self.key}: {_shown(value)} is not {expected}")
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise wrong
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise wrong from error
        if not math.isfinite(number) or (self.kind is Kind.INT and not number.is_integer()):
            raise wrong
        return int(number) if self.kind is Kind.INT else number


def _shown(value: object) -> str:
    """For a message: whatever was sent, in ASCII and not all of it."""
    text = ascii(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _performance() -> tuple[Definition, ...]:
    return (
        Definition(
            key="embedding_batch_size",
            label="Embedding Batch Size",
            description="Faces that one inference call embeds",
            category="performance",
            kind=Kind.INT,
            usual=16,
            least=1,
            most=128,
            by_tier={tier.name: tier.batch for tier in TIERS},
            applies=Applies.NEXT_LOAD,
        ),
        Definition(
            key="frame_extraction_concurrency",
            label="Frame Extraction Workers",
            description="ffmpeg processes that take frames at the same time",
            category="performance",
            kind=Kind.INT,
            usual=4,
            least=1,
            most=16,
            by_tier={tier.name: tier.ffmpeg_workers for tier in TIERS},
        ),
        Definition(
            key="detection_size",
            label="Detection Resolution",
            description="Pixels of the square that faces are searched in: larger finds smaller faces, slower",
            category="performance",
            kind=Kind.INT,
            usual=640,
            least=160,
            most=1280,
            by_tier={tier.name: tier.detection_size for tier in TIERS},
            applies=Applies.NEXT_LOAD,
        ),
    )


def _recognition() -> tuple[Definition, ...]:
    return (
        Definition(
            key="gpu_enabled",
            label="GPU Acceleration",
            description="Run the networks on the GPU; off uses the CPU",
            category="recognition",
            kind=Kind.BOOL,
            usual=True,
            by_tier={tier.name: tier is not CPU for tier in TIERS},
            applies=Applies.NEXT_LOAD,
        ),
        Definition(
            key="num_frames",
            label="Frames Per Scene",
            description="Frames of a scene in which faces are searched",
            category="recognition",
            kind=Kind.INT,
            usual=60,
            least=10,
            most=200,
            by_tier={tier.name: tier.frames for tier in TIERS},
        ),
        Definition(
            key="face_candidates",
            label="Face Candidates",
            description="Candidates that a face has before the best are chosen",
            category="recognition",
            kind=Kind.INT,
            usual=20,
            least=5,
            most=100,
        ),
    )


def _others() -> tuple[Definition, ...]:
    return (
        Definition(
            key="stash_api_rate",
            label="Stash API Rate",
            description="Requests a second that Stash gets at most",
            category="rate_limits",
            kind=Kind.FLOAT,
            usual=5.0,
            least=0.5,
            most=50.0,
        ),
        Definition(
            key="body_signal_enabled",
            label="Body Proportions",
            description="Let body proportions weigh in (needs the pose model)",
            category="signals",
            kind=Kind.BOOL,
            usual=True,
            applies=Applies.NEXT_LOAD,
        ),
        Definition(
            key="tattoo_signal_enabled",
            label="Tattoo Detection",
            description="Let tattoos weigh in (needs the tattoo models)",
            category="signals",
            kind=Kind.BOOL,
            usual=False,
            applies=Applies.NEXT_LOAD,
        ),
    )


DEFINITIONS = {d.key: d for d in (*_performance(), *_recognition(), *_others())}

# Variables of the reference sidecar that became settings.
LEGACY = {
    "STASH_RATE_LIMIT": "stash_api_rate",
    "ENABLE_BODY_SIGNAL": "body_signal_enabled",
    "ENABLE_TATTOO_SIGNAL": "tattoo_signal_enabled",
    "FACE_CANDIDATES": "face_candidates",
}


def from_variable(name: str, text: str) -> tuple[str, Value]:
    """Key and value that a legacy variable stands for.

    Raises:
        Refused: the text is no value of it.
    """
    definition = DEFINITIONS[LEGACY[name]]
    # "auto" meant that the reference looks for the models; it became false there too.
    if name == "ENABLE_TATTOO_SIGNAL" and text.strip().lower() == "auto":
        return definition.key, False
    return definition.key, definition.accept(text)
