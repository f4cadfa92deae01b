"""``/models/*`` and ``/capabilities``: which model files are here, how more come, what they enable."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from facedb_release.fetching.modelfiles import Model
from facedb_sidecar.model_files import Download, ModelManager
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.schemas import models as schemas
from facedb_sidecar.schemas.errors import Detail

UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Detail, "description": "Unknown model"}}
READ_ONLY: dict[int | str, dict[str, Any]] = {
    409: {"model": Detail, "description": "Models are put here by somebody else"}
}

router = APIRouter(tags=["models"], responses=COMMON)


@router.get("/models/status", summary="Which model files are here")
async def status(parts: PartsDep) -> schemas.ModelsStatus:
    """Installed means: there, with its size. Its hash was compared when it came."""
    return schemas.ModelsStatus(models=await asyncio.to_thread(_models, parts.models))


@router.post("/models/download/{name}", summary="Bring one model", responses={**UNKNOWN, **READ_ONLY})
async def download(name: str, parts: PartsDep) -> schemas.DownloadStarted:
    """Begin in the background; once more has no effect while it is on its way."""
    await parts.models.download(name)
    return schemas.DownloadStarted(model=name)


@router.post("/models/download-all", summary="Bring every model", responses=READ_ONLY)
async def download_all(parts: PartsDep) -> schemas.AllDownloadsStarted:
    """Begin in the background, one after the other; what is installed is left alone."""
    await parts.models.download_all()
    return schemas.AllDownloadsStarted()


@router.get("/models/download-progress", summary="How far the downloads are")
async def download_progress(parts: PartsDep) -> schemas.DownloadsProgress:
    """Every download since the start."""
    return schemas.DownloadsProgress(
        progress={name: _progress(one) for name, one in parts.models.progress.items()}
    )


@router.get("/capabilities", summary="What this sidecar can do now")
async def capabilities(parts: PartsDep) -> schemas.Capabilities:
    """Of what is loaded, not of what merely lies on the disk."""
    engine = parts.serving.engine
    signals = engine.signals if engine else None
    can = schemas.Can(
        identification=engine is not None,
        tattoo_signal=signals is not None and signals.tattoo is not None,
        body_signal=signals is not None and signals.body is not None,
    )
    models = await asyncio.to_thread(_models, parts.models)
    missing = dict(signals.missing) if signals else {}
    return schemas.Capabilities(capabilities=can, models=models, missing=missing)


def _models(manager: ModelManager) -> dict[str, schemas.ModelFacts]:
    return {name: _facts(manager, model) for name, model in manager.table().items()}


def _facts(manager: ModelManager, model: Model) -> schemas.ModelFacts:
    return schemas.ModelFacts.model_validate(
        {
            "status": manager.status_of(model),
            "file": model.file.name,
            "size": model.file.size,
            "group": model.group,
            "description": model.description,
            "verified_by": "sha256" if model.file.sha256 else "size",
        }
    )


def _progress(one: Download) -> schemas.DownloadProgress:
    return schemas.DownloadProgress.model_validate(one, from_attributes=True)
