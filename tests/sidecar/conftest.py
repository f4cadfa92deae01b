"""What the sidecar's tests share: a loaded engine, and what updates need."""

from __future__ import annotations

from serving_fixtures import engine, served
from update_fixtures import archives, installed, large, settings, source, with_old

__all__ = ["archives", "engine", "installed", "large", "served", "settings", "source", "with_old"]
