# ruff: noqa: A005 (absolute imports only: nobody gets this for the standard library's queue)
"""Requests and answers of ``/queue*``; the columns of a job are those of the contract."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

# Of SQLite.
LARGEST = 2**63 - 1

_JOB: JsonDict = {
    "id": 7,
    "type": "fingerprint_generation",
    "status": "running",
    "priority": 100,
    "cursor": None,
    "items_total": 120,
    "items_processed": 36,
    "error_message": None,
    "triggered_by": "user",
    "created_at": "2026-02-18T09:30:00",
    "started_at": "2026-02-18T09:30:01",
    "completed_at": None,
}


class JobRow(BaseModel):
    """A job. Moments are UTC without a zone, as the plugin expects them."""

    id: int
    type: str
    status: str
    priority: int
    cursor: str | None
    items_total: int | None
    items_processed: int
    error_message: str | None
    triggered_by: str
    created_at: str
    started_at: str | None
    completed_at: str | None

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_JOB]})


class JobList(BaseModel):
    """``GET /queue``: the newest first."""

    jobs: list[JobRow]

    model_config = ConfigDict(json_schema_extra={"examples": [{"jobs": [_JOB]}]})


class NewJob(BaseModel):
    """``POST /queue``."""

    type: str = Field(max_length=100)
    triggered_by: str = Field(default="user", max_length=100)
    priority: int | None = Field(default=None, ge=0, le=1_000_000)
    cursor: str | None = Field(default=None, max_length=10_000)

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "database_update"}]})


class Queued(BaseModel):
    """A job was queued."""

    job_id: int
    message: str

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"job_id": 7, "message": "Job queued: database_update"}]}
    )


class QueueStatus(BaseModel):
    """``GET /queue/status``."""

    queued: int
    running: int
    running_jobs: list[JobRow]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"queued": 0, "running": 1, "running_jobs": [_JOB]}]}
    )


class Interval(BaseModel):
    """A choice of the page of schedules."""

    hours: int
    label: str


class JobType(BaseModel):
    """A kind of job that this sidecar can run."""

    type_id: str
    display_name: str
    description: str
    resource: str
    default_priority: int
    supports_incremental: bool
    schedulable: bool
    default_interval_hours: int | None
    allowed_intervals: list[Interval]


class JobTypes(BaseModel):
    """``GET /queue/types``."""

    types: list[JobType]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "types": [
                        {
                            "type_id": "database_update",
                            "display_name": "Database Update",
                            "description": "Brings the newest release",
                            "resource": "light",
                            "default_priority": 10,
                            "supports_incremental": False,
                            "schedulable": True,
                            "default_interval_hours": 24,
                            "allowed_intervals": [{"hours": 24, "label": "Every day"}],
                        }
                    ]
                }
            ]
        }
    )


class ScheduleRow(BaseModel):
    """When a kind of job runs by itself."""

    type: str
    enabled: bool
    interval_hours: float
    priority: int
    last_run_at: str | None
    next_run_at: str | None


class ScheduleList(BaseModel):
    """``GET /queue/schedules``."""

    schedules: list[ScheduleRow]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "schedules": [
                        {
                            "type": "database_update",
                            "enabled": True,
                            "interval_hours": 24.0,
                            "priority": 10,
                            "last_run_at": None,
                            "next_run_at": "2026-02-19T09:30:00",
                        }
                    ]
                }
            ]
        }
    )


class NewSchedule(BaseModel):
    """``PUT /queue/schedules/{type}``."""

    enabled: bool
    interval_hours: float = Field(ge=0.1, le=24 * 366, allow_inf_nan=False)
    priority: int | None = Field(default=None, ge=0, le=1_000_000)

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True, "interval_hours": 24}]})


class Message(BaseModel):
    """What was done."""

    message: str

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "Stop requested"}]})
