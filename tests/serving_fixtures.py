"""A real release with a real face in it, fetched as the Job fetches it, and the real engine over it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from builders import make_release
from enrolment import astronaut
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.sources.github import GitHub
from facedb_release.version import parse_version
from facedb_sidecar.engine import Engine
from release_server import ReleaseServer
from served import Served

VERSION = "2026.02.18"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The astronaut among sixty synthetic people."""
    return _served(tmp_path_factory.getbasetemp() / "served")


@pytest.fixture(scope="session")
def engine(served: Served) -> Engine:
    """The loaded engine; immutable, so that all tests may share it."""
    return _engine(served)


# Each conftest that takes these fixtures has them for itself; what they cost is paid once.
@cache
def _served(folder: Path) -> Served:
    person, photo = astronaut(folder / "models")
    archive = make_release(folder / "made", VERSION, performers=60, enrolled=[person])
    with ReleaseServer(folder / "root") as server:
        server.publish(archive, tag=f"v{VERSION}")
        source = GitHub("owner/data", server.url)
        fetch(FetchRequest(into=folder / "release", version=parse_version(VERSION), source=source))
    return Served(folder / "release", folder / "models", photo)


@cache
def _engine(served: Served) -> Engine:
    return Engine.load(served.release, served.models, "cpu")
