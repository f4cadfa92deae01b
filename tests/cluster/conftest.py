"""Fixtures of the cluster suite: the node, the stage and one namespace for each test module."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.bumps import ROLLOUT, Bump
from cluster.client_pod import ClientPod
from cluster.places import Place, installed_cluster, own_cluster
from cluster.shelf import Shelf
from cluster.stage import FIRST, Stage, install_chart, prepare
from cluster.world_of_one import Database
from enrolment import astronaut
from release_server import ReleaseServer


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The test node with both images and the installed chart.

    AS_INSTALLED=1 builds and installs nothing: for work on one test while another one runs.
    """
    if os.environ.get("AS_INSTALLED"):
        return installed_cluster()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return _freshly_installed()
    # One worker installs, the others wait for it.
    mark = tmp_path_factory.getbasetemp().parent / "installed"
    with mark.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if mark.stat().st_size:
            return installed_cluster()
        found = _freshly_installed()
        file.write("yes")
        return found


def _freshly_installed() -> Place:
    found = own_cluster()
    install_chart(found.kubernetes, found.images)
    return found


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Releases and models."""
    folder: Path = tmp_path_factory.mktemp("stage")
    person, photo = astronaut(folder / "models")
    return prepare(folder / "server", [person], photo)


@pytest.fixture(scope="session")
def shelf(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Where tests get releases of their own from."""
    return Shelf(stage.root, tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="session")
def server(stage: Stage, place: Place) -> Iterator[ReleaseServer]:
    """The release server, where pods can reach it."""
    with ReleaseServer(stage.root, host=place.host) as running:
        yield running


@pytest.fixture(scope="module")
def fdb(
    request: pytest.FixtureRequest, place: Place, stage: Stage, server: ReleaseServer
) -> Iterator[Database]:
    """A database, not applied yet, in a namespace that enforces restricted Pod Security on its pods."""
    name = str(request.module.__name__).rpartition(".")[2].removeprefix("test_").replace("_", "-")
    place.kubernetes.ensure_namespace(name, {"pod-security.kubernetes.io/enforce": "restricted"})
    yield Database(place, stage, server, name)
    place.kubernetes.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """The module's database serves the first release."""
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture(scope="module")
def asked(fdb: Database) -> Iterator[ClientPod]:
    """The module's database serves, and a client keeps asking it."""
    fdb.apply(FIRST, rollout=ROLLOUT)
    fdb.wait_serving(FIRST)
    client = fdb.client()
    client.start()
    yield client
    client.stop()


@pytest.fixture
def bump(fdb: Database, asked: ClientPod, shelf: Shelf) -> Iterator[Bump]:
    """A bump to a release of its own, from a server that only this test injures."""
    with ReleaseServer(fdb.stage.root, host=fdb.place.host) as server:
        yield Bump(fdb, asked, shelf, server, old=fdb.status()["active"]["version"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured: their properties called "measured"."""
    reports = [r for group in terminalreporter.stats.values() for r in group]
    made = (r for r in reports if isinstance(r, pytest.TestReport) and r.when == "call")
    lines = [str(text) for r in made for name, text in r.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
