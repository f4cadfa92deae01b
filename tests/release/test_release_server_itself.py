"""The server of the tests itself, where a fault of its own would pass for one of ours."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

import release_server
from release_server import ReleaseServer


def test_what_is_told_and_what_is_sent_are_of_one_file(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = tmp_path / "asset"
    asset.write_bytes(b"before")
    server.publish(asset, tag="v1")
    after = tmp_path / "after" / "asset"
    after.parent.mkdir()
    after.write_bytes(b"after!")
    span = release_server._Handler._span

    def swapped(handler: release_server._Handler, size: int, etag: str) -> tuple[int, int] | str | None:
        server.publish(after, tag="v1")
        return span(handler, size, etag)

    url = f"{server.url}/files/owner/data/v1/asset"
    told = httpx.get(url, timeout=60)
    monkeypatch.setattr(release_server._Handler, "_span", swapped)
    again = httpx.get(url, timeout=60)
    assert (again.content, again.headers["ETag"]) == (b"before", told.headers["ETag"])
    assert httpx.get(url, timeout=60).content == b"after!"
