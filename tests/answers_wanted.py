"""Asking a server until it answers as wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from patience import PATIENCE_S

POLL_S = 0.02


def asked_until(client: TestClient, path: str, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The first answer of this path that is as wanted; fails with the last one when none comes in time."""
    end = time.monotonic() + PATIENCE_S
    while True:
        said: dict[str, Any] = client.get(path).json()
        if wanted(said):
            return said
        assert time.monotonic() < end, said
        time.sleep(POLL_S)
