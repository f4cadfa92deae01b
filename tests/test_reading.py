"""Looks at a cluster carry what its kubeconfig signs in with: `make demo CLUSTER=current` meets all kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes.client import ApiClient

from cluster import reading


def test_a_look_carries_the_token_of_the_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kubeconfig"
    user = {"name": "a", "user": {"token": "secret-1"}}
    cluster = {"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    whole = {"current-context": "a", "users": [user], "clusters": [cluster], "contexts": [context]}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **whole}))
    sent: list[tuple[str, str]] = []

    def call(self: ApiClient, method: str, url: str, headers: dict[str, str], **_: object) -> object:
        sent.append((url, headers.get("authorization", headers.get("Authorization", ""))))
        raise OSError("nobody is there")

    monkeypatch.setattr(ApiClient, "call_api", call)
    with pytest.raises(RuntimeError, match="nobody is there"):
        reading.one(file, "pods", "x", "ns")
    assert sent == [("http://127.0.0.1:9/api/v1/namespaces/ns/pods/x", "Bearer secret-1")]
