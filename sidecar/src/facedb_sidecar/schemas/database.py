"""Requests and answers of ``/database/*``."""

from __future__ import annotations

from pydantic import BaseModel


class DatabaseInfo(BaseModel):
    """``GET /database/info``: of the release that is loaded."""

    version: str
    performer_count: int
    face_count: int
    sources: list[str]
    created_at: str | None
    tattoo_embedding_count: int | None = None
