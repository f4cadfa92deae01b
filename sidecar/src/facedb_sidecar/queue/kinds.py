"""What kinds of background jobs there are, as the plugin's Operations tab shows them. Pure.

Ids, resources, priorities and intervals are those of the reference sidecar (contract.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

# Jobs that may run at once, by what they need: one uses the GPU, and the disk has room for few downloads.
SLOTS = {"gpu": 1, "cpu": 1, "network": 2, "light": 3}

HIGH = 10
LOW = 100

FREQUENT = (6, 12, 24, 48, 72, 168, 336)
INFREQUENT = (24, 48, 72, 168, 336, 720)

_WORDS = {24: "Every day", 168: "Every week", 336: "Every 2 weeks", 720: "Every month"}


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Attributes:
        type: its id.
        label: for the button.
        resource: key of SLOTS.
        priority: smaller runs first.
        schedulable: whether it may run by itself at intervals.
        default_interval_hours: of a new schedule; None: a week.
        description: for the page of schedules.
        intervals: hours that the page offers.
        supports_incremental: whether it goes on where an earlier one stopped.
    """

    type: str
    label: str
    resource: str
    priority: int
    schedulable: bool
    default_interval_hours: int | None = None
    description: str = ""
    intervals: tuple[int, ...] = INFREQUENT
    supports_incremental: bool = False


DATABASE_UPDATE = JobKind(
    type="database_update",
    label="Database Update",
    resource="light",
    priority=HIGH,
    schedulable=True,
    default_interval_hours=24,
    description="Looks for a new face database and takes it into service",
    intervals=FREQUENT,
)

FINGERPRINT_GENERATION = JobKind(
    type="fingerprint_generation",
    label="Fingerprint Generation",
    resource="gpu",
    priority=LOW,
    schedulable=True,
    description="Identifies the scenes that the loaded face database has not seen",
    supports_incremental=True,
)


def words(hours: int) -> str:
    """An interval as the page says it."""
    if hours in _WORDS:
        return _WORDS[hours]
    return f"Every {hours // 24} days" if hours % 24 == 0 else f"Every {hours} hours"
