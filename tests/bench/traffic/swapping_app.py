"""The sidecar as it is, and one more route: load the other release and swap, as an update does at its end.

``uvicorn --factory bench.traffic.swapping_app:create``. The releases are already on the disk, so that no
fetch is measured along. Settings come from the environment, as in the container.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from fastapi import FastAPI, Request

from facedb_sidecar.app import create_app, made_in_full
from facedb_sidecar.engine import Engine, EngineOptions
from facedb_sidecar.hardware import usable_cores
from facedb_sidecar.settings import Settings

FIRST, OTHER = "FACEDB_RELEASE_DIR", "BENCH_OTHER_RELEASE"
SWAP = "/bench/swap"


def create() -> FastAPI:
    """Build the app."""
    settings = Settings.from_env()
    folders = [Path(os.environ[FIRST]), Path(os.environ[OTHER])]

    def load(folder: Path) -> Engine:
        options = EngineOptions(search=settings.search, threads=usable_cores())
        return Engine.load(folder, settings.models_dir, settings.device, options=options)

    app = create_app(settings, load=lambda: load(folders[0]))

    @app.post(SWAP)
    async def swap(request: Request) -> dict[str, object]:
        serving = request.app.state.parts.serving
        folders.reverse()
        began = time.perf_counter()
        await serving.swap(lambda: load(folders[0]))
        return {"seconds": time.perf_counter() - began, "version": serving.engine.receipt.version}

    return made_in_full(app)
