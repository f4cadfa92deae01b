"""What the release tests share: one good release, a server over a folder of their own, and quick patience."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import make_release
from facedb_release.fetching.fetch import FetchRequest
from facedb_release.patches.plan import patch_archive_name
from facedb_release.patches.publish import make_patch_archive
from facedb_release.sources.github import GitHub
from facedb_release.transport import Patience
from facedb_release.verify.limits import Limits
from facedb_release.version import parse_version
from release_server import ReleaseServer

VERSION = "2026.02.18"
NEXT = "2026.03.01"
Wanted = Callable[..., FetchRequest]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of a small good release."""
    return make_release(tmp_path_factory.mktemp("good"), VERSION, performers=30)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack a zip into a folder and return it."""
    with zipfile.ZipFile(archive) as z:
        z.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The zips of a release, of the next one in which one person more is known, and of the patch."""
    folder = tmp_path_factory.mktemp("pair")
    old = make_release(folder / "old", VERSION, performers=300, ef_construction=20)
    new = make_release(folder / "new", NEXT, performers=301, ef_construction=20)
    patch = folder / patch_archive_name(new.name, parse_version(VERSION))
    make_patch_archive(unpacked(old, folder / "a"), unpacked(new, folder / "b"), patch)
    return old, new, patch


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReleaseServer]:
    with ReleaseServer(tmp_path / "root") as running:
        yield running


@pytest.fixture
def published(server: ReleaseServer, good: Path) -> ReleaseServer:
    """The server, with the good release on it."""
    server.publish(good, tag=f"v{VERSION}")
    return server


@pytest.fixture
def wanted(server: ReleaseServer, tmp_path: Path) -> Wanted:
    """Make a request for the release, from the API unless told otherwise, without opening indices."""

    def make(**changes: Any) -> FetchRequest:
        facts: dict[str, Any] = {
            "into": tmp_path / "into",
            "version": parse_version(changes.pop("version", VERSION)),
            "source": GitHub("owner/data", server.url),
            "limits": Limits(sample=0),
            "patience": Patience(connect_seconds=60, stall_seconds=60, attempts=3, wait=lambda _: None),
        }
        return FetchRequest(**(facts | changes))

    return make
