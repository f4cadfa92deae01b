"""kill -9 at every step of an update: the next process serves a whole release, and ends the update."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from facedb_sidecar.updater.machine import Status
from facedb_sidecar.updater.note import read_note
from facedb_sidecar.updater.releases import Releases, version_of
from release_server import ReleaseServer
from updating import NEW, OLD

SIDECARS = Path(__file__).resolve().parents[1] / "dying_sidecar.py"


@dataclass(frozen=True)
class Ended:
    """How a sidecar ended: its steps, and what it said at a good end (before, after, status)."""

    code: int
    steps: list[str]
    said: list[str]


class Sidecars:
    """Starts them over one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process = subprocess.Popen(
            [sys.executable, str(SIDECARS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, data: Path, at: int | str | None = None) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"data": str(data), "url": self._url, "at": at}) + "\n")
        self._process.stdin.flush()
        raw = json.loads(self._process.stdout.readline())
        told = [line.partition(" ")[::2] for line in raw["told"]]
        said = [text for kind, text in told if kind == "said"]
        return Ended(raw["code"], [t for kind, t in told if kind == "step"], (said or [""])[0].split())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture(scope="module")
def sidecars(tmp_path_factory: pytest.TempPathFactory, archives: dict[str, Path]) -> Iterator[Sidecars]:
    with ReleaseServer(tmp_path_factory.mktemp("server")) as server:
        server.publish(archives[NEW], tag=f"v{NEW}")
        started = Sidecars(server.url)
        yield started
        started.close()


@pytest.fixture
def data(with_old: Path, tmp_path: Path) -> Path:
    """Where OLD serves, and NEW is to be had."""
    return shutil.copytree(with_old, tmp_path / "data", symlinks=True)


STEPS = (
    "noted downloading",
    "fetching",
    "fetched",
    "noted swapping",
    "noted reloading",
    "swapped",
    "pointed",
    "noted complete",
)


def test_these_are_all_the_steps_that_every_update_takes(sidecars: Sidecars, data: Path) -> None:
    ended = sidecars.run(data)

    assert ended.said == [OLD, NEW, "complete"]
    # How far fetching is, is noted when its phase was seen in time.
    assert [step for step in ended.steps if step not in ("noted extracting", "noted verifying")] == list(
        STEPS
    )


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_this_step_it_serves_a_whole_release_and_converges(
    sidecars: Sidecars, data: Path, step: str
) -> None:
    assert sidecars.run(data, step).code == -signal.SIGKILL
    current = Releases(data).current()
    assert current is not None
    assert version_of(current) is not None

    ended = sidecars.run(data)

    done = step in ("pointed", "noted complete")
    assert ended.said == [NEW if done else OLD, NEW, "complete"]
    assert {p.name for p in (data / "versions").iterdir()} == {OLD, NEW}
    assert not list(data.glob("versions/*/.facedb-partial"))


def test_killed_twice_while_loading_it_gives_the_release_up_until_somebody_asks(
    sidecars: Sidecars, data: Path
) -> None:
    assert sidecars.run(data, "noted reloading").code == -signal.SIGKILL
    assert sidecars.run(data, "noted reloading").code == -signal.SIGKILL

    died = sidecars.run(data, "noted failed")

    assert died.code == -signal.SIGKILL
    note = read_note(data)
    assert note.status is Status.FAILED
    assert [bad.version for bad in note.bad] == [NEW]
    assert Releases(data).current() == data / "versions" / OLD
    assert sidecars.run(data).said == [OLD, NEW, "complete"]
