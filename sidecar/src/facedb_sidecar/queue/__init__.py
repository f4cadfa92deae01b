# ruff: noqa: A005 (absolute imports only: nobody gets this for the standard library's queue)
"""Background jobs: a table that survives restarts, and one worker at a time over it."""

from facedb_sidecar.queue.control import Handler, JobControl, JobFailed
from facedb_sidecar.queue.jobs import Job, Status
from facedb_sidecar.queue.kinds import DATABASE_UPDATE, FINGERPRINT_GENERATION, JobKind
from facedb_sidecar.queue.worker import Queue, UnknownType

__all__ = [
    "DATABASE_UPDATE",
    "FINGERPRINT_GENERATION",
    "Handler",
    "Job",
    "JobControl",
    "JobFailed",
    "JobKind",
    "Queue",
    "Status",
    "UnknownType",
]
