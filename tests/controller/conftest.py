"""Fixtures of the operator's unit tests."""

from __future__ import annotations

from typing import Any

import pytest

from world import World
from world_objects import base_spec


@pytest.fixture
def spec() -> dict[str, Any]:
    """A FaceDatabase's spec with the API server's defaults filled in."""
    return base_spec()


@pytest.fixture
def world(spec: dict[str, Any]) -> World:
    """An empty cluster with one database at 2026.02.12."""
    return World(spec)
