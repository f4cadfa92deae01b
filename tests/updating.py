"""The local update backend over a real server and real releases, with engines that load at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from builders import make_release
from facedb_release.errors import ReleaseError
from facedb_release.receipt import Receipt, read_receipt
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.signals import NO_SIGNALS, Signals
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Settings, UpdateSettings
from facedb_sidecar.updater import UpdateStatus
from facedb_sidecar.updater.first import First
from facedb_sidecar.updater.local import Local
from facedb_sidecar.updater.machine import ACTIVE
from facedb_sidecar.updater.offers import CHECKS, Offers
from facedb_sidecar.updater.releases import Releases
from release_server import ReleaseServer

OLD, NEW, NEWER = "2026.02.12", "2026.02.18", "2026.03.01"


@dataclass(frozen=True)
class LightEngine:
    """What updates need of an engine."""

    receipt: Receipt
    folder: Path
    signals: Signals = NO_SIGNALS

    def close(self) -> None:
        """Nothing to let go."""


def light_load(folder: Path) -> Engine:
    """Load what proves that the release is whole."""
    try:
        return cast(Engine, LightEngine(read_receipt(folder), folder))
    except ReleaseError as error:
        raise LoadError(str(error.reason), error.message) from error


def refusing(*versions: str, reason: str = "CorruptIndex") -> Callable[[Path], Engine]:
    """Like light_load, but some versions cannot be served."""

    def load(folder: Path) -> Engine:
        if folder.name in versions:
            raise LoadError(reason, f"{folder.name} did not find its own faces.")
        return light_load(folder)

    return load


@dataclass
class Running:
    """One sidecar's worth of parts."""

    settings: Settings
    releases: Releases
    serving: Serving
    local: Local

    @property
    def version(self) -> str | None:
        """What serves."""
        return self.serving.engine.receipt.version if self.serving.engine else None

    async def until_over(self) -> UpdateStatus:
        """Wait for the end of the update; the progress is held against what was promised."""
        before = await self.local.status()
        while before.status in ACTIVE:
            await asyncio.sleep(0.005)
            now = await self.local.status()
            assert now.progress_pct >= before.progress_pct
            if now.status in ACTIVE:
                assert ACTIVE.index(now.status) >= ACTIVE.index(before.status)
            before = now
        run = self.local._run
        if run is not None:
            await run
        return await self.local.status()

    async def update(self) -> UpdateStatus:
        """Begin an update and wait for its end."""
        job = await self.local.start()
        assert len(job) == 12
        assert int(job, 16) >= 0
        return await self.until_over()


def update_settings(server_url: str, data: Path, **changes: Any) -> Settings:
    """Settings of a sidecar that updates itself from the server."""
    source = ("--github", "owner/data", "--api-url", server_url, "--stall-after", "2", "--attempts", "2")
    updates = UpdateSettings(backend="local", source=source, **changes)
    return Settings(
        release_dir=data / "unused",
        models_dir=data / "models",
        device="cpu",
        draining_file=data / "draining",
        data_dir=data,
        updates=updates,
    )


@asynccontextmanager
async def running(
    settings: Settings,
    load: Callable[[Path], Engine] = light_load,
    *,
    step: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Running]:
    """A sidecar that has loaded what there was, and gone on with what was cut off."""
    assert settings.data_dir is not None
    releases = Releases(settings.data_dir)
    first = First(releases, load)
    serving = Serving(first.load, gone=first.gone)
    offers = Offers(settings.updates.source, settings.data_dir / CHECKS)
    local = Local(settings, releases, offers, serving, load, step=step)
    try:
        await serving.load()
        await local.begin()
        yield Running(settings, releases, serving, local)
    finally:
        await local.close()
        serving.close()
        first.gone()


def forget_checks(data: Path) -> None:
    """Let ten minutes pass for the source."""
    for note in (data / CHECKS).glob("*"):
        note.unlink()


@dataclass(frozen=True)
class Published:
    """A server with releases on it, and their archives."""

    server: ReleaseServer
    archives: dict[str, Path]

    def publish(self, version: str, archive: Path | None = None) -> None:
        """Offer a version."""
        self.server.publish(archive or self.archives[version], tag=f"v{version}")

    def withdraw(self, version: str) -> None:
        """Offer it no longer."""
        folder = self.server.root / "owner" / "data" / f"v{version}"
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def make_archives(folder: Path) -> dict[str, Path]:
    """Small releases of every version."""
    return {
        version: make_release(folder / version, version, performers=20, seed=seed, ef_construction=20)
        for seed, version in enumerate((OLD, NEW, NEWER))
    }


class Gate:
    """Holds whoever comes through until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.opened.wait(60)


def held(gate: Gate, *versions: str) -> Callable[[Path], Engine]:
    """Like light_load, but some versions wait at the gate."""

    def load(folder: Path) -> Engine:
        if folder.name in versions:
            gate()
        return light_load(folder)

    return load


def with_updates(settings: Settings, **changes: Any) -> Settings:
    """The settings with other update settings."""
    return replace(settings, updates=replace(settings.updates, **changes))


def data_of(settings: Settings) -> Path:
    assert settings.data_dir is not None
    return settings.data_dir


def play(settings: Settings, story: Callable[[Running], Awaitable[None]], **how: object) -> None:
    async def all_of_it() -> None:
        async with running(settings, **how) as run:  # type: ignore[arg-type]
            await story(run)

    asyncio.run(all_of_it())


def versions(settings: Settings) -> set[str]:
    return {p.name for p in (data_of(settings) / "versions").iterdir()}


def pointed(settings: Settings) -> str:
    return (data_of(settings) / "current").resolve().name


def serves(version: str) -> Callable[[Running], Awaitable[None]]:
    async def story(run: Running) -> None:
        assert run.version == version

    return story
