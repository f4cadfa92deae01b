"""What a route may answer besides 200, for the OpenAPI document: one table, so that all say it alike."""

from __future__ import annotations

from typing import Any

from facedb_sidecar.schemas.errors import Detail

Answers = dict[int | str, dict[str, Any]]

_RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}

# Of the layers in front of every route; see middleware.
COMMON: Answers = {
    400: {"model": Detail, "description": "The request cannot be understood, or cannot be met"},
    401: {"model": Detail, "description": "The API key is missing or wrong (only where one is set)"},
    408: {"model": Detail, "description": "The body did not come in time"},
    413: {"model": Detail, "description": "The body is larger than what is read"},
    500: {
        "description": "An error that nobody foresaw",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
}
GATE: Answers = {
    503: {
        "model": Detail,
        "description": "No release is loaded, an update is in progress, or too many requests wait",
        "headers": _RETRY_AFTER,
    }
}
RECOGNITION_FAILED: Answers = {500: {"model": Detail, "description": "The engine failed on this image"}}
