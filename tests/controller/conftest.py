"""Fixtures of the operator's unit tests."""

from __future__ import annotations

from typing import Any

import pytest

from world import World


@pytest.fixture
def spec() -> dict[str, Any]:
    """A FaceDatabase's spec with the API server's defaults filled in."""
    return base_spec()


@pytest.fixture
def world(spec: dict[str, Any]) -> World:
    """An empty cluster with one database at 2026.02.12."""
    return World(spec)


def base_spec() -> dict[str, Any]:
    """A spec of one CPU pod, Rolling."""
    return {
        "version": "2026.02.12",
        "source": {"github": {"repository": "owner/data"}},
        "models": {
            "source": {"github": {"repository": "owner/models", "tag": "models"}},
            "files": [{"name": "arcface.onnx", "size": 3, "sha256": "0" * 64}],
        },
        "storage": {"size": "4Gi", "modelsSize": "1Gi", "keep": 2},
        "sidecar": {"replicas": 1, "device": "cpu", "service": {"type": "ClusterIP", "port": 5000}},
        "rollout": {"strategy": "Rolling", "progressDeadline": "2m", "drain": "5s"},
    }
