"""HTTP routes: each file one part of the contract. They know schemas and parts, no arrays."""

from facedb_sidecar.routes import database, health, identify, stash

ROUTERS = (health.router, database.router, identify.router, stash.router)
