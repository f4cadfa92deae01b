"""A real sidecar at home with real releases: a seed chooses what happens, and one whole release serves.

Updates that are good and bad, SIGKILL and SIGTERM in the middle of them, and clients all the while. Each
version calls the astronaut by another name, so that a mixture would show.
"""

from __future__ import annotations

import base64
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from builders import Enrolled, make_release, with_changed_json, with_flipped_byte, without_member
from edge_server import in_process
from enrolment import ASTRONAUT_ID, astronaut_photo, enrol
from facedb_sidecar.engine.models import load_models
from release_server import ReleaseServer
from served import Served

VERSIONS = ("2026.02.12", "2026.02.18", "2026.03.01")
SECRETS = {"STASH_API_KEY": "secret-of-stash", "FACEDB_TOKEN": "secret-of-github"}
OVER = frozenset({"idle", "complete", "failed"})
WITHIN_S = 240.0
BAD: tuple[Callable[[Path], Path], ...] = (
    lambda good: with_flipped_byte(good, "face_arcface.voy"),
    lambda good: without_member(good, "performers.json"),
    lambda good: with_changed_json(good, "faces.json", lambda faces: faces[:-1]),
)


@pytest.fixture(scope="module")
def archives(served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    person = enrol("", ASTRONAUT_ID, astronaut_photo(), load_models(served.models, "cpu"))
    folder = tmp_path_factory.mktemp("story")
    return {
        version: make_release(
            folder / version,
            version,
            performers=20 + 5 * seed,
            seed=seed,
            ef_construction=20,
            enrolled=[Enrolled(f"Eileen of {version}", ASTRONAUT_ID, person.facenet, person.arcface)],
        )
        for seed, version in enumerate(VERSIONS)
    }


@dataclass
class Home:
    """A DATA_DIR, where its releases come from, and what was seen there."""

    data: Path
    server: ReleaseServer
    served: Served
    archives: dict[str, Path]
    good: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def publish(self, version: str, archive: Path | None = None) -> Path:
        """Offer it; ten minutes pass for the source."""
        for note in (self.data / ".facedb-checks").glob("*"):
            note.unlink()
        if archive is None:
            self.good.add(version)
        return self.server.publish(archive or self.archives[version], tag=f"v{version}")

    @contextmanager
    def running(self) -> Iterator[Sidecar]:
        """A sidecar on the folder."""
        env = {
            **SECRETS,
            "DATA_DIR": str(self.data),
            "FACEDB_MODELS_DIR": str(self.served.models),
            "FACEDB_DEVICE": "cpu",
            "FACEDB_INSTALL": "true",
            "FACEDB_SWAP_MEMORY": "two",
            "FACEDB_DRAINING_FILE": str(self.data / "draining"),
            "FACEDB_SOURCE": f"--github owner/data --api-url {self.server.url} --stall-after 2 --attempts 2",
        }
        with in_process("facedb_sidecar.app:serve", env) as (process, port):
            reader = threading.Thread(target=lambda: self.said.extend(process.stderr or ()))
            reader.start()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                yield Sidecar(process, client, self)
            process.kill()
            reader.join(60)


@dataclass(frozen=True)
class Sidecar:
    """One process, and a client of it."""

    process: subprocess.Popen[str]
    client: httpx.Client
    home: Home

    def until(self, done: Callable[[], bool]) -> None:
        """Ask again and again."""
        deadline = time.monotonic() + WITHIN_S
        while not done():
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)

    def until_ready(self) -> None:
        """A release serves, and it is a good one."""
        self.until(lambda: self.client.get("/ready").status_code == 200)
        assert self.client.get("/ready").json()["version"] in self.home.good

    def until_kept(self, versions: set[str]) -> None:
        """These releases are there, and no others."""
        self.until(lambda: kept(self.home) == versions)

    def update(self) -> str:
        """Begin an update and wait for its end, with a client that asks meanwhile."""
        assert self.client.post("/database/update").status_code in (200, 400, 409)
        self.until(lambda: self.identified() and self.status() in OVER)
        return self.status()

    def status(self) -> str:
        return str(self.client.get("/database/update/status").json()["status"])

    def identified(self) -> bool:
        """Ask who is on the photo: the serving release answers, whole."""
        photo = base64.b64encode(self.home.served.photo).decode()
        answer = self.client.post("/identify", json={"image_base64": photo, "top_k": 1})
        assert answer.status_code == 200, answer.text
        [face] = answer.json()["faces"]
        assert face["matches"][0]["name"] in {f"Eileen of {version}" for version in self.home.good}
        assert face["matches"][0]["stashdb_id"] == ASTRONAUT_ID
        return True

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        assert self.process.wait(60) in (0, -how)


@pytest.mark.parametrize("seed", [8])
def test_whatever_a_seed_chooses_one_whole_good_release_serves(
    tmp_path: Path, served: Served, archives: dict[str, Path], seed: int
) -> None:
    chance = random.Random(seed)
    (tmp_path / "data").mkdir()
    with ReleaseServer(tmp_path / "root") as server:
        home = Home(tmp_path / "data", server, served, archives)
        home.publish(VERSIONS[0])
        for number, version in enumerate(VERSIONS[1:]):
            with home.running() as sidecar:
                sidecar.until_ready()
                assert sidecar.client.put("/settings/num_frames", json={"value": 20 + number}).is_success
                refused_then_killed(sidecar, version, chance)
            with home.running() as sidecar:
                sidecar.until_ready()
                assert sidecar.client.get("/settings/num_frames").json()["value"] == 20 + number
                sidecar.update()
                assert sidecar.client.get("/database/info").json()["version"] == version
                # It tidies up once it has said that the update is over.
                sidecar.until_kept(set(VERSIONS[number : number + 2]))
                sidecar.end(signal.SIGTERM)
    left_in_order(home)


def refused_then_killed(sidecar: Sidecar, version: str, chance: random.Random) -> None:
    """A bad release of the version is refused, then a good one begins to come, and the process ends."""
    bad = sidecar.home.publish(version, chance.choice(BAD)(sidecar.home.archives[version]))
    assert sidecar.update() == "failed"
    bad.unlink()
    sidecar.home.publish(version)
    assert sidecar.client.post("/database/update").status_code == 200
    threading.Event().wait(chance.random() * 2)
    sidecar.end(chance.choice([signal.SIGKILL, signal.SIGTERM]))


def kept(home: Home) -> set[str]:
    return {folder.name for folder in (home.data / "versions").iterdir()}


def left_in_order(home: Home) -> None:
    """No half release, no temporary folder, no damaged state, no secret in the log."""
    assert kept(home) == set(VERSIONS[1:])
    assert {p.name for p in home.data.iterdir()} <= {
        *(".facedb-checks", ".facedb-update.json", ".facedb-update.lock", "current", "versions"),
        "stash_sense.db",
    }
    with sqlite3.connect(home.data / "stash_sense.db") as state:
        assert state.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    said = "".join(home.said)
    assert not any(secret in said for secret in SECRETS.values())
    assert '"exception"' not in said
