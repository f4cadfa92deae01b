"""How each state of a FaceDatabase is read by those who deliver by Git. One table."""

from __future__ import annotations

from gitops.recorded import State

# Argo CD's health, kstatus' word.
Read = tuple[str, str]

GOOD: Read = ("Healthy", "Current")
MOVING: Read = ("Progressing", "InProgress")
BAD: Read = ("Degraded", "Failed")
# It goes back by itself, and what is asked for is not to be had: Argo CD's Rollouts say the same.
BACK: Read = ("Degraded", "InProgress")
# Somebody wants it so; kstatus knows no word for it.
HELD: Read = ("Suspended", "InProgress")
HELD_AS_WANTED: Read = ("Suspended", "Current")

# Ready's reason, Ready, Stalled → how it is read.
TABLE: dict[State, Read] = {
    ("Serving", "True", "False"): GOOD,
    ("LookingUp", "False", "False"): MOVING,
    ("Fetching", "False", "False"): MOVING,
    ("FetchDied", "False", "False"): MOVING,
    ("FetchStuck", "False", "False"): MOVING,
    ("SourceUnavailable", "False", "False"): MOVING,
    ("SourceForbidden", "False", "False"): MOVING,
    ("Queued", "False", "False"): MOVING,
    ("RollingOut", "False", "False"): MOVING,
    ("Checking", "False", "False"): MOVING,
    ("Baking", "False", "False"): MOVING,
    ("Promoted", "False", "False"): MOVING,
    ("Retrying", "False", "False"): MOVING,
    ("Repairing", "False", "False"): MOVING,
    ("Restoring", "False", "False"): MOVING,
    ("SnapshotPending", "False", "False"): MOVING,
    ("StepFailed", "False", "False"): MOVING,
    ("CanaryPaused", "False", "False"): HELD,
    ("Paused", "False", "False"): HELD,
    ("Suspended", "False", "False"): HELD,
    ("Hibernated", "False", "False"): HELD,
    ("Paused", "True", "False"): HELD_AS_WANTED,
    ("Suspended", "True", "False"): HELD_AS_WANTED,
    ("Hibernated", "True", "False"): HELD_AS_WANTED,
    ("RollingBack", "False", "False"): BACK,
    ("RolledBack", "False", "False"): BACK,
    ("RollingBack", "False", "True"): BAD,
    ("RolledBack", "False", "True"): BAD,
    ("Frozen", "False", "True"): BAD,
    ("StepFailed", "False", "True"): BAD,
    ("InvalidSpec", "False", "True"): BAD,
    ("VersionNotFound", "False", "True"): BAD,
    ("AssetNotFound", "False", "True"): BAD,
    ("NoSpace", "False", "True"): BAD,
    ("SnapshotsUnavailable", "False", "True"): BAD,
    ("SnapshotFailed", "False", "True"): BAD,
    ("VolumeDeleted", "False", "True"): BAD,
    # Why the first release of all was refused: any reason of a release stands here.
    ("WrongChecksum", "False", "True"): BAD,
    ("InvalidSignature", "False", "True"): BAD,
    ("CorruptIndex", "False", "True"): BAD,
    ("CrashLoop", "False", "True"): BAD,
    ("CheckFailed", "False", "True"): BAD,
    ("WrongReleaseServed", "False", "True"): BAD,
    ("ProgressDeadlineExceeded", "False", "True"): BAD,
}
