"""What tests of the HTTP edge share: a client whose sidecar is loaded, and photos as clients send them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import fields

from fastapi.testclient import TestClient

from facedb_sidecar.engine import Engine, Identification
from served import Served


def wait_ready(client: TestClient, seconds: float = 240.0) -> None:
    """Ask until loading ended, one way or the other."""
    deadline = time.monotonic() + seconds
    while client.get("/ready").json().get("state") == "loading":
        assert time.monotonic() < deadline, "the sidecar is still loading"


def photo_of(served: Served) -> dict[str, str]:
    """The body of a request with the enrolled person's photo."""
    return {"image_base64": base64.b64encode(served.photo).decode()}


def engine_that(engine: Engine, identify: Callable[..., Identification]) -> Engine:
    """The same engine with other answers."""

    class Other(Engine):
        pass

    Other.identify = staticmethod(identify)  # type: ignore[assignment]
    return Other(**{f.name: getattr(engine, f.name) for f in fields(engine)})
