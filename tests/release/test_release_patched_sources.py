"""Patches out of a real bucket and a real registry; both are built from the Go proxy, hence the mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.remote import Tally
from facedb_release.sources.offers import S3, Oci, Source
from registry import registry
from release_server import ReleaseServer
from s3_server import SECRET, USER, s3_server

from .conftest import NEXT, VERSION, Wanted

pytestmark = pytest.mark.cluster


@pytest.fixture
def held(server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path], tmp_path: Path) -> Path:
    """The folder of the old release, fetched."""
    server.publish(pair[0], tag=f"v{VERSION}")
    fetch(wanted(into=tmp_path / "held"))
    return tmp_path / "held"


def moved_by_patch(wanted: Wanted, source: Source, held: Path) -> int:
    """Fetch the next release, and return how many bytes came."""
    tally = Tally()
    done = fetch(wanted(version=NEXT, source=source, previous=held), tally=tally)
    assert done.receipt.version == NEXT
    return tally.received


def test_a_bucket_gives_patches(
    wanted: Wanted,
    pair: tuple[Path, Path, Path],
    held: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    _, new, patch = pair
    with s3_server(tmp_path / "s3") as server:
        for path in (new, patch):
            server.put("data", f"faces/{path.name}", path.read_bytes())
        source = S3("data", "faces", endpoint=server.url)

        assert moved_by_patch(wanted, source, held) <= patch.stat().st_size + 20_000 < new.stat().st_size


def test_a_registry_gives_patches(
    wanted: Wanted, pair: tuple[Path, Path, Path], held: Path, tmp_path: Path
) -> None:
    _, new, patch = pair
    with registry(tmp_path / "registry") as server:
        server.push("owner/data", NEXT, {path.name: path.read_bytes() for path in (new, patch)})
        source = Oci(f"http://{server.host}/owner/data:{{version}}")

        assert moved_by_patch(wanted, source, held) <= patch.stat().st_size + 20_000 < new.stat().st_size
