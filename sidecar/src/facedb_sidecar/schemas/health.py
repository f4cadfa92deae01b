"""Requests and answers of ``/health`` and ``/ready``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """``GET /health``: always 200; degraded while nothing is loaded."""

    status: Literal["healthy", "degraded"]
    database_loaded: bool
    performer_count: int = 0
    face_count: int = 0


class Device(BaseModel):
    """Where the models run."""

    requested: str
    provider: str


class SelfCheck(BaseModel):
    """How many stored faces found themselves at load."""

    passed: bool
    checked: int


class Ready(BaseModel):
    """``GET /ready`` with 200: what is loaded and warm."""

    ready: Literal[True] = True
    version: str
    digest: str
    performer_count: int
    face_count: int
    device: Device
    self_check: SelfCheck


class NotReady(BaseModel):
    """``GET /ready`` with 503. ``failed`` is final for this process."""

    ready: Literal[False] = False
    state: Literal["loading", "failed"]
    reason: str
    message: str
    version: str | None = None
