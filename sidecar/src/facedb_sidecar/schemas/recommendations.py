"""Requests and answers of ``/recommendations*``, in the shapes that the plugin reads. Mostly empty."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Recommendation(BaseModel):
    """Of this shape they would be; this sidecar makes none."""

    id: int
    type: str
    status: str
    target_type: str
    target_id: str
    details: dict[str, Any]
    confidence: float | None
    created_at: str
    updated_at: str

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 7,
                    "type": "duplicate_performer",
                    "status": "pending",
                    "target_type": "performer",
                    "target_id": "12",
                    "details": {},
                    "confidence": 1.0,
                    "created_at": "2026-02-18T09:30:00",
                    "updated_at": "2026-02-18T09:30:00",
                }
            ]
        }
    )


class RecommendationList(BaseModel):
    """``GET /recommendations``."""

    recommendations: list[Recommendation]
    total: int

    model_config = ConfigDict(json_schema_extra={"examples": [{"recommendations": [], "total": 0}]})


class Counts(BaseModel):
    """``GET /recommendations/counts``; the dashboard fails without both fields."""

    counts: dict[str, dict[str, int]]
    total_pending: int

    model_config = ConfigDict(json_schema_extra={"examples": [{"counts": {}, "total_pending": 0}]})


class AnalysisType(BaseModel):
    """An analysis of the library."""

    type: str
    enabled: bool
    description: str | None


class AnalysisTypes(BaseModel):
    """``GET /recommendations/analysis/types``."""

    types: list[AnalysisType]

    model_config = ConfigDict(json_schema_extra={"examples": [{"types": []}]})


class AnalysisRun(BaseModel):
    """One run of an analysis."""

    id: int
    type: str
    status: str
    started_at: str
    completed_at: str | None
    items_total: int | None
    items_processed: int | None
    recommendations_created: int
    error_message: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 3,
                    "type": "duplicate_performer",
                    "status": "completed",
                    "started_at": "2026-02-18T09:30:00",
                    "completed_at": "2026-02-18T09:31:00",
                    "items_total": 120,
                    "items_processed": 120,
                    "recommendations_created": 0,
                    "error_message": None,
                }
            ]
        }
    )


class StashConnection(BaseModel):
    """``GET /recommendations/stash/status``."""

    connected: bool
    url: str | None
    error: str | None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"connected": True, "url": "http://stash:9999", "error": None}]}
    )


class DisplaySettings(BaseModel):
    """``GET /recommendations/settings``: what the plugin keeps for its pages."""

    settings: dict[str, Any]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"settings": {"normalize_enum_display": True}}]}
    )


class DisplaySetting(BaseModel):
    """One of them; null: never set."""

    key: str
    value: Any

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"key": "normalize_enum_display", "value": True}]}
    )


class NewDisplayValue(BaseModel):
    """``POST /recommendations/settings/{key}``."""

    value: Any = Field(description="JSON of at most 64 KiB")

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": True}]})


class MonitoredField(BaseModel):
    """A field whose changes would be watched."""

    enabled: bool
    label: str


class FieldConfig(BaseModel):
    """``GET /recommendations/upstream/field-config/{endpoint}``: nothing is watched here."""

    endpoint: str
    fields: dict[str, MonitoredField]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"endpoint": "https://stashdb.org/graphql", "fields": {}}]}
    )


class Accepted(BaseModel):
    """Of no pending recommendations, none was accepted."""

    success: bool = True
    accepted_count: int = 0

    model_config = ConfigDict(json_schema_extra={"examples": [{"success": True, "accepted_count": 0}]})


class Dismissed(BaseModel):
    """Of no pending recommendations, none was dismissed."""

    success: bool = True
    dismissed_count: int = 0

    model_config = ConfigDict(json_schema_extra={"examples": [{"success": True, "dismissed_count": 0}]})
