"""Settings → the update backend they ask for, and what loads the first engine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from facedb_sidecar.engine import Engine
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import UpdateBackend
from facedb_sidecar.updater.cluster import Cluster
from facedb_sidecar.updater.first import First
from facedb_sidecar.updater.kube import Kube
from facedb_sidecar.updater.loading import Held, LoadFolder
from facedb_sidecar.updater.local import Local
from facedb_sidecar.updater.off import Off
from facedb_sidecar.updater.offers import CHECKS, Offers
from facedb_sidecar.updater.releases import Releases

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FirstLoad:
    """What Serving starts with: makes the first engine; called once nobody uses that one any more."""

    load: Callable[[], Engine]
    gone: Callable[[], None]


def first_load(settings: Settings, load: LoadFolder) -> FirstLoad:
    """The release of DATA_DIR where this sidecar updates itself; else the one that is mounted."""
    if settings.updates.backend == "local" and settings.data_dir is not None:
        first = First(Releases(settings.data_dir), load)
        return FirstLoad(first.load, first.gone)
    held = Held(load, settings.release_dir)
    return FirstLoad(held.load, held.gone)


def open_updates(settings: Settings, serving: Serving, load: LoadFolder) -> UpdateBackend:
    """Make the backend. One that cannot work says why, instead of keeping the sidecar from serving."""
    updates = settings.updates
    try:
        if updates.backend == "local" and settings.data_dir is not None:
            offers = Offers(updates.source, settings.data_dir / CHECKS)
            return Local(settings, Releases(settings.data_dir), offers, serving, load)
        if updates.backend == "cluster" and updates.database is not None:
            return Cluster(Kube.of_pod(updates.database), serving)
    except ValueError as error:
        log.error("Updates are off: %s", error)
        return Off(serving, f"{error}.")
    return Off(serving)
