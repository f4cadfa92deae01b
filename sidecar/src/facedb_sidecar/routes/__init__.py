"""HTTP routes: each file one part of the contract. They know schemas and parts, no arrays."""

from facedb_sidecar.routes import (
    database,
    fingerprints,
    health,
    identify,
    identify_stash,
    models,
    queue,
    recommendations,
    settings,
    stash,
    system,
)

ROUTERS = (
    health.router,
    database.router,
    identify.router,
    identify_stash.router,
    models.router,
    stash.router,
    settings.router,
    system.router,
    queue.router,
    fingerprints.router,
    recommendations.router,
)
