"""Requests and answers of ``/settings*``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Value = bool | int | float
MOST_AT_ONCE = 100
MOST_ENDPOINTS = 100
MOST_URL = 2048
MOST_KEY = 200
# Examples.
_FRAMES: dict[str, Any] = {
    "value": 30,
    "default": 30,
    "is_override": False,
    "type": "int",
    "label": "Frames Per Scene",
    "description": "Frames of a scene in which faces are searched",
    "min": 10,
    "max": 200,
    "applies": "next request",
}
STASHDB: dict[str, Any] = {
    "endpoint": "https://stashdb.org/graphql",
    "name": "StashDB",
    "domain": "stashdb.org",
    "enabled": True,
}


class Setting(BaseModel):
    """One setting as the page shows it; ``min`` and ``max`` are absent for a switch."""

    value: Value
    default: Value
    is_override: bool
    type: str
    label: str
    description: str
    min: int | float | None = None
    max: int | float | None = None
    applies: str = Field(description="From when on a change counts: next request, or next load of the engine")

    model_config = ConfigDict(json_schema_extra={"examples": [_FRAMES]})


class KeyedSetting(Setting):
    """``GET /settings/{key}``."""

    key: str

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "num_frames", **_FRAMES}]})


class Category(BaseModel):
    """Settings under one heading."""

    label: str
    order: int
    settings: dict[str, Setting]


class AllSettings(BaseModel):
    """``GET /settings``."""

    hardware_tier: str
    categories: dict[str, Category]
    waiting_for_load: list[str] = Field(description="Changed settings that count after the next load")
    warning: str | None = Field(
        default=None, description="Why settings will not outlive this process; null: they will"
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "hardware_tier": "cpu",
                    "categories": {
                        "recognition": {
                            "label": "Recognition",
                            "order": 2,
                            "settings": {"num_frames": _FRAMES},
                        }
                    },
                    "waiting_for_load": [],
                }
            ]
        }
    )


class NewValue(BaseModel):
    """``PUT /settings/{key}``."""

    value: Any

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": 45}]})


class Stored(BaseModel):
    """Answer to a change or a reset."""

    key: str
    value: Value
    is_override: bool

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"key": "num_frames", "value": 45, "is_override": True}]}
    )


class NewValues(BaseModel):
    """``PUT /settings``."""

    settings: dict[Annotated[str, Field(max_length=MOST_KEY)], Any] = Field(max_length=MOST_AT_ONCE)

    model_config = ConfigDict(json_schema_extra={"examples": [{"settings": {"num_frames": 45}}]})


class StoredAll(BaseModel):
    """Answer to ``PUT /settings``."""

    stored: dict[str, Value]

    model_config = ConfigDict(json_schema_extra={"examples": [{"stored": {"num_frames": 45}}]})


class PartlyStored(BaseModel):
    """What was stored although other values were refused."""

    errors: dict[str, str]
    stored: dict[str, Value]


class PartlyStoredDetail(BaseModel):
    """422 of ``PUT /settings``."""

    detail: PartlyStored

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "detail": {
                        "errors": {"num_frames": "num_frames: 7 is not between 10 and 200"},
                        "stored": {"stash_api_rate": 4.0},
                    }
                }
            ]
        }
    )


class Endpoint(BaseModel):
    """A stash-box that Stash knows; its key is never told."""

    endpoint: str
    name: str
    domain: str
    enabled: bool


class Endpoints(BaseModel):
    """``GET /settings/endpoint-priorities``: the most important first."""

    endpoints: list[Endpoint]

    model_config = ConfigDict(json_schema_extra={"examples": [{"endpoints": [STASHDB]}]})


class Priorities(BaseModel):
    """``POST /settings/endpoint-priorities``: the most important first."""

    endpoints: list[Annotated[str, Field(max_length=MOST_URL)]] = Field(max_length=MOST_ENDPOINTS)

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"endpoints": ["https://stashdb.org/graphql"]}]}
    )


class EndpointSwitch(BaseModel):
    """``POST /settings/endpoint-disable`` and ``-enable``."""

    endpoint: str = Field(min_length=1, max_length=MOST_URL)
    clear_recommendations: bool = False

    model_config = ConfigDict(json_schema_extra={"examples": [{"endpoint": "https://stashdb.org/graphql"}]})


class Success(BaseModel):
    """It was done."""

    success: bool = True

    model_config = ConfigDict(json_schema_extra={"examples": [{"success": True}]})
