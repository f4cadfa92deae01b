"""``/database/info``: what is loaded, never what merely lies on the disk."""

from fastapi import APIRouter

from facedb_sidecar.routes.needs import EngineDep
from facedb_sidecar.schemas import database as schemas

router = APIRouter(prefix="/database")


@router.get("/info")
async def info(engine: EngineDep) -> schemas.DatabaseInfo:
    """Version, counts and sources of the release that answers requests now."""
    return schemas.DatabaseInfo(
        version=engine.receipt.version,
        performer_count=len(engine.catalog.performers),
        face_count=len(engine.catalog.faces),
        sources=list(engine.manifest.sources),
        created_at=engine.manifest.created_at,
    )
