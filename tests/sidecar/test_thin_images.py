"""Images of a few pixels' width: nothing to see, and no reason to fail."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from served import Served

SIZES = [(1, 2000), (2000, 1), (1, 320), (321, 1), (7, 49_000), (3, 961), (1, 1), (2, 600)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_very_thin_image_holds_no_face(engine: Engine, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)

    assert engine.identify(image, top_k=5, max_distance=0.6, min_confidence=0.5).faces == ()


def test_a_very_thin_image_is_answered_over_http(served: Served, engine: Engine) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((1, 2000, 3), 90, np.uint8)).save(file, "PNG")
    body = {"image_base64": base64.b64encode(file.getvalue()).decode()}
    with TestClient(create_app(served.settings(), load=lambda: engine)) as client:
        while client.get("/ready").json().get("state") == "loading":
            pass
        answer = client.post("/identify", json=body)

    assert (answer.status_code, answer.json()["face_count"], answer.json()["faces"]) == (200, 0, [])
