"""Fixtures of the update tests: a source with releases, and a DATA_DIR with or without one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import make_release
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.sources.offers import Folder
from facedb_release.version import parse_version
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater.releases import Releases
from release_server import ReleaseServer
from updating import (
    NEW,
    OLD,
    Published,
    data_of,
    make_archives,
    update_settings,
)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NEW in some 7 MB, which take several requests."""
    folder = tmp_path_factory.mktemp("large")
    return make_release(folder, NEW, performers=800, faces_per_performer=2, ef_construction=20)


@pytest.fixture
def source(tmp_path: Path, archives: dict[str, Path]) -> Iterator[Published]:
    with ReleaseServer(tmp_path / "root") as server:
        yield Published(server, archives)


@pytest.fixture
def settings(tmp_path: Path, source: Published) -> Settings:
    (tmp_path / "data").mkdir()
    return update_settings(source.server.url, tmp_path / "data", memory="two")


@pytest.fixture(scope="session")
def with_old(archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR in which OLD is installed."""
    data = tmp_path_factory.mktemp("installed") / "data"
    source = Folder(archives[OLD])
    fetch(FetchRequest(into=data / "versions" / OLD, version=parse_version(OLD), source=source))
    Releases(data).point(data / "versions" / OLD)
    return data


@pytest.fixture
def installed(settings: Settings, source: Published, with_old: Path) -> Settings:
    """OLD serves; NEW is offered."""
    data_of(settings).rmdir()
    shutil.copytree(with_old, data_of(settings), symlinks=True)
    source.publish(OLD)
    source.publish(NEW)
    return settings
