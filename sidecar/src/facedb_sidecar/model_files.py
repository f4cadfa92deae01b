"""The model files of this sidecar: which are installed, and how those that are not get here.

One file after the other, each fetched by `facedb fetch-models` in a process of its own, with its sha256 and
from where the last attempt stopped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from facedb_release.cli.words import read_model_words
from facedb_release.fetching.modelfiles import Model
from facedb_release.progress import Phase
from facedb_sidecar.engine.models import ARCFACE_FILE, DETECTOR_FILE, FACENET_FILE
from facedb_sidecar.model_table import read_table
from facedb_sidecar.refusals import Refusal
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater.command import run_facedb

NEEDED = (DETECTOR_FILE, FACENET_FILE, ARCFACE_FILE)
STDIN = "/dev/stdin"

log = logging.getLogger(__name__)


class UnknownModel(Refusal):
    """There is no model of this name."""

    status = 404
    prefix = "Unknown model: "


class ReadOnly(Refusal):
    """The models folder is filled by somebody else."""

    status = 409


@dataclass(frozen=True)
class Download:
    """How far a download is: fields of contract 1.4.

    Attributes:
        model_name: in the table.
        downloaded_bytes: so far.
        total_bytes: in all.
        status: downloading, validating, complete or failed.
        error: why it failed.
    """

    model_name: str
    downloaded_bytes: int
    total_bytes: int
    status: str = "downloading"
    error: str | None = None

    @property
    def percent(self) -> float:
        """0 to 100, one digit behind the point."""
        return round(min(100.0, 100.0 * self.downloaded_bytes / self.total_bytes), 1)


class ModelManager:
    """See the module.

    Args:
        settings: of the process.
        arrived: called after each file that was installed, when the engine's own files are all there.
    """

    def __init__(self, settings: Settings, arrived: Callable[[], Awaitable[None]]) -> None:
        self._settings = settings
        self._arrived = arrived
        self._waiting: list[str] = []
        self._worker: asyncio.Task[None] | None = None
        self._progress: dict[str, Download] = {}
        try:
            read_model_words(settings.updates.model_source)
        except ValueError as error:
            # What is installed serves all the same.
            log.error("FACEDB_MODEL_SOURCE names no source: %s", error)

    @property
    def folder(self) -> Path:
        """Of the model files."""
        return self._settings.models_dir

    @property
    def progress(self) -> Mapping[str, Download]:
        """Downloads since the process began, by model."""
        return dict(self._progress)

    def table(self) -> Mapping[str, Model]:
        """The models there are, by name. Reads files."""
        return read_table(self.folder, self._settings.updates.models_manifest)

    def status_of(self, model: Model) -> str:
        """`installed` when the file has its size; its hash was compared when it came. Blocks."""
        path = self.folder / model.file.name
        try:
            return "installed" if path.stat().st_size == model.file.size else "corrupted"
        except OSError:
            return "not_installed"

    def ready(self) -> bool:
        """Whether the files that every engine needs are there. Blocks."""
        return all((self.folder / name).is_file() for name in NEEDED)

    async def download(self, name: str) -> None:
        """Begin to bring one model, unless it is on its way.

        Raises:
            UnknownModel, ReadOnly.
        """
        table = await asyncio.to_thread(self.table)
        if name not in table:
            raise UnknownModel(name)
        await self._enqueue([table[name]])

    async def download_all(self) -> None:
        """Begin to bring every model that is not installed.

        Raises:
            ReadOnly.
        """
        table = await asyncio.to_thread(self.table)
        missing = [m for m in table.values() if await asyncio.to_thread(self.status_of, m) != "installed"]
        await self._enqueue(missing)

    async def close(self) -> None:
        """Stop; what has come stays for the next time."""
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def _enqueue(self, models: Sequence[Model]) -> None:
        new = [m for m in models if m.name not in self._waiting]
        if new:
            await asyncio.to_thread(_require_writable, self.folder)
        for model in new:
            if model.name not in self._waiting:
                self._waiting.append(model.name)
                self._progress[model.name] = Download(model.name, 0, model.file.size)
        if self._waiting and (self._worker is None or self._worker.done()):
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        """Bring what waits, one after the other."""
        while self._waiting:
            name = self._waiting[0]
            try:
                await self._bring(name)
            except Exception as error:
                # The edge of the task: one model's trouble must not keep the others from coming.
                log.exception("A bug in the download of %s", name)
                self._set(name, status="failed", error=f"{type(error).__name__}: {error}")
            finally:
                self._waiting.remove(name)
            if self._progress[name].status == "complete" and await asyncio.to_thread(self.ready):
                await self._arrived()

    async def _bring(self, name: str) -> None:
        table = await asyncio.to_thread(self.table)
        file = table[name].file

        async def told(phase: Phase, done: int, total: int | None, of: str | None) -> None:
            if phase is Phase.DOWNLOADING:
                status = "validating" if done >= file.size else "downloading"
                self._set(name, downloaded_bytes=done, status=status)

        entry = asdict(file) | {"file": file.name}
        listed = json.dumps({"models": {name: entry}}).encode()
        words = ["fetch-models", "--into", str(self.folder), "--manifest", STDIN]
        updates = self._settings.updates
        outcome = await run_facedb([*words, *updates.model_source], told, token=updates.token, stdin=listed)
        if outcome.ok:
            self._set(name, downloaded_bytes=file.size, status="complete")
        else:
            log.error("The model %s did not come: %s: %s", name, outcome.reason, outcome.message)
            self._set(name, status="failed", error=outcome.message)

    def _set(self, name: str, **changes: object) -> None:
        self._progress[name] = replace(self._progress[name], **changes)  # type: ignore[arg-type]


def _require_writable(folder: Path) -> None:
    """Look whether the folder, or the first one above it that exists, may be written.

    Raises:
        ReadOnly: with what to do.
    """
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if os.statvfs(there).f_flag & os.ST_RDONLY or not os.access(there, os.W_OK):
        raise ReadOnly(
            f"The models folder {folder} is read-only here: whoever mounts it puts the models there "
            "(spec.models of a FaceDatabase, or `facedb fetch-models`)."
        )
