"""A seed → one release on a bad network, fetched by processes that are killed or stopped, until it is there.

Used by test_release_chaos.py; longer, by hand: `python tests/release_story.py SECONDS SEED`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import io
import multiprocessing
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builders import make_release
from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.receipt import NAME, read_receipt
from facedb_release.sources.offers import GitHub, Mirrors, Source
from facedb_release.transport import Patience
from facedb_release.verify.limits import Limits
from facedb_release.version import parse_version
from release_chaos import NETWORK, ROTTEN, Chaos, ChaosServer, fetch_in_small_steps, small_steps

VERSION = "2026.02.18"
ARCHIVE = f"stash-sense-data-v{VERSION}.zip"
HANGS_AFTER = 40.0
NETWORK_REASONS = {
    Reason.SOURCE_UNAVAILABLE,
    Reason.SOURCE_FORBIDDEN,
    Reason.ASSET_NOT_FOUND,
    Reason.VERSION_NOT_FOUND,
}
CONTEXT = multiprocessing.get_context("forkserver")


class Hung(BaseException):
    """A fetch that did not end."""


class Told(Exception):
    """What a fetch's listener raises."""


@contextlib.contextmanager
def stopped_after(seconds: float | None) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread after so long; and Hung, with all stacks, much later."""
    state = {"to stop": seconds is not None}

    def ring(*_: object) -> None:
        if state["to stop"]:
            state["to stop"] = False
            signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER, 1.0)
            raise KeyboardInterrupt
        faulthandler.dump_traceback(all_threads=True)
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds or HANGS_AFTER, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def variants(folder: Path, *, performers: int = 120) -> dict[str, Path]:
    """Make the same release as a zip in every form that is allowed; and `other`, another of the version."""
    plain = make_release(folder / "plain", VERSION, performers=performers, ef_construction=20)
    other = make_release(folder / "other", VERSION, performers=performers, seed=3, ef_construction=20)
    made = {"deflated": plain, "other": other}
    for kind in ("stored", "descriptors", "zip64"):
        made[kind] = folder / kind / ARCHIVE
        made[kind].parent.mkdir()
        _repack(plain, made[kind], kind)
    return made


class _Pipe(io.RawIOBase):
    """A file without seeking: zipfile then writes data descriptors."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return int(self._out.write(data))


def _repack(source: Path, target: Path, kind: str) -> None:
    method = zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
    with target.open("wb") as f, zipfile.ZipFile(source) as old:
        out: Any = _Pipe(f) if kind == "descriptors" else f
        with zipfile.ZipFile(out, "w", method) as new:
            for info in old.infolist():
                made = zipfile.ZipInfo(info.filename, (2026, 2, 18, 3, 0, 0))
                made.compress_type, made.external_attr = method, 0o100644 << 16
                with new.open(made, "w", force_zip64=kind == "zip64") as member:
                    member.write(old.read(info))


def contents(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as z:
        return {n: hashlib.sha256(z.read(n)).hexdigest() for n in z.namelist()}


@dataclass
class Story:
    """One seed's course.

    Attributes:
        seed: of all choices.
        archives: of variants.
        folder: to work in.
        told: how each step ended.
    """

    seed: int
    archives: dict[str, Path]
    folder: Path
    told: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Go through it.

        Raises:
            AssertionError: when something came that must not.
        """
        draw = self.draw = random.Random(self.seed)
        self.steps = draw.choice([(1 << 14, 1 << 14), (1 << 16, 1 << 15), (1 << 21, 1 << 14)])
        small_steps(*self.steps)
        with ChaosServer(self.folder / "a") as one, ChaosServer(self.folder / "b") as two:
            self.servers = (one, two)
            self._publish()
            request = self._request()
            self.allowed = [contents(a) for a in self.published]
            for _ in range(draw.randrange(1, 5)):
                self._step(request)
            for server in self.servers:
                server.chaos = None
                server.faults.bytes_per_second = None
            with stopped_after(None):
                fetch(request)
            self._check_whole(request.into)

    def _publish(self) -> None:
        first = self.archives[self.draw.choice(["deflated", "stored", "descriptors", "zip64"])]
        second = self.archives["other"] if self.draw.random() < 0.15 else first
        self.published = [first, second]
        for server, archive in zip(self.servers, self.published, strict=True):
            server.publish(archive, tag=f"v{VERSION}")
            server.faults.with_digests = self.draw.random() < 0.5

    def _request(self) -> FetchRequest:
        draw, (one, two) = self.draw, self.servers
        urls = tuple(f"{s.url}/files/owner/data/v{VERSION}/{ARCHIVE}" for s in (one, two))
        source: Source = draw.choice(
            [Mirrors(urls), Mirrors(urls), Mirrors(urls[:1]), GitHub("owner/data", one.url)]
        )
        pinned = "sha256:" + hashlib.sha256(self.published[0].read_bytes()).hexdigest()
        patience = Patience(
            connect_seconds=2,
            stall_seconds=0.3,
            min_bytes=1000,
            attempts=draw.choice([2, 4]),
            wait=lambda _: None,
        )
        if draw.random() < 0.3:
            (self.folder / "previous").mkdir()
            fetch(
                FetchRequest(
                    into=self.folder / "previous",
                    version=parse_version(VERSION),
                    source=Mirrors(urls[1:]),
                    limits=Limits(sample=0),
                )
            )
        return FetchRequest(
            into=self.folder / "into",
            version=parse_version(VERSION),
            source=source,
            digest=pinned if draw.random() < 0.3 else None,
            previous=self.folder / "previous" if draw.random() < 0.5 else None,
            limits=Limits(sample=0),
            patience=patience,
            connections=draw.choice([1, 2, 8]),
        )

    def _step(self, request: FetchRequest) -> None:
        """One attempt that may go wrong in every way."""
        draw = self.draw
        kinds = draw.choice([NETWORK, NETWORK, draw.sample(NETWORK, 3), (*NETWORK, ROTTEN)])
        for server in self.servers:
            server.chaos = Chaos(draw.randrange(1 << 30), draw.choice([0.02, 0.1, 0.3, 0.9]), tuple(kinds))
            server.faults.no_ranges = draw.random() < 0.1
            server.faults.bytes_per_second = draw.choice([None, 2_000_000])
        match draw.choice(["fetch", "fetch", "kill", "interrupt", "raise"]):
            case "kill":
                self._killed(request, draw.uniform(0.005, 0.3))
            case "interrupt":
                self._tried(request, after=draw.uniform(0.001, 0.15))
            case "raise":
                self._tried(replace(request, source=request.source), raises=draw.random())
            case _:
                self._tried(request)
        for server in self.servers:
            server.faults.no_ranges = False

    def _killed(self, request: FetchRequest, seconds: float) -> None:
        names = ("into", "version", "source", "digest", "previous", "connections")
        facts = {name: getattr(request, name) for name in names}
        process = CONTEXT.Process(target=fetch_in_small_steps, args=(self.steps, facts))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        self.told.append("killed")

    def _tried(self, request: FetchRequest, *, after: float | None = None, raises: float = 2.0) -> None:
        size = self.published[0].stat().st_size

        def told(phase: object, done: int, total: int | None, file: str | None) -> None:
            if done > raises * size:
                raise Told

        try:
            with stopped_after(after):
                fetch(request, progress=told)
            self.told.append("whole")
            self._check_whole(request.into)
        except ReleaseError as e:
            self.told.append(str(e.reason))
            self._check_error(e, request)
        except KeyboardInterrupt:
            self.told.append("interrupted")
        except Told:
            self.told.append("raised")

    def _check_error(self, error: ReleaseError, request: FetchRequest) -> None:
        assert not (request.into / NAME).exists(), error
        bad = any(ROTTEN in (s.chaos.met if s.chaos else ()) for s in self.servers)
        pinned_other = request.digest is not None and self.published[0] != self.published[1]
        unstreamed = error.reason is Reason.UNSAFE_ARCHIVE and "no ranges" in error.message
        if not (bad or pinned_other or unstreamed):
            assert error.reason in NETWORK_REASONS, (error, [s.chaos.met for s in self.servers if s.chaos])

    def _check_whole(self, into: Path) -> None:
        receipt = read_receipt(into)
        found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in into.iterdir() if p.name != NAME}
        assert found == {f.name: f.sha256 for f in receipt.files}, sorted(p.name for p in into.iterdir())
        assert found in self.allowed


def tell(seed: int, archives: dict[str, Path]) -> list[str]:
    """Run one story in a folder of its own; return how its steps ended."""
    folder = Path(tempfile.mkdtemp(prefix="story-"))
    story = Story(seed, archives, folder)
    try:
        story.run()
    except BaseException:
        sys.stderr.write(f"seed {seed}: {story.told} in {folder}\n")
        raise
    shutil.rmtree(folder)
    return story.told


def main() -> None:
    """Tell stories for so many seconds, from this seed on."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    CONTEXT.set_forkserver_preload(["release_chaos"])
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        archives, until, failed = variants(Path(folder)), time.monotonic() + seconds, []
        first = seed
        while time.monotonic() < until:
            try:
                counts.update(tell(seed, archives))
            except Exception as e:  # noqa: BLE001 - the edge of the process
                failed.append(seed)
                sys.stdout.write(f"seed {seed}: {type(e).__name__}: {str(e)[:600]}\n")
            seed += 1
        threads = threading.active_count()
        sys.stdout.write(f"{seed - first} stories {dict(counts)} failed {failed} threads {threads}\n")


if __name__ == "__main__":
    main()
