"""DATA_DIR as the last process left it → the engine to start with: the pointer's, else the best there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from facedb_release.errors import ReleaseError
from facedb_release.publish.install import finish_broken_import
from facedb_release.publish.swap import WORKPLACE
from facedb_release.version import parse_version
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.updater.adopt import adopt, flat_version
from facedb_sidecar.updater.loading import NOT_THE_RELEASE, Held, LoadFolder
from facedb_sidecar.updater.note import read_note
from facedb_sidecar.updater.releases import Releases, Taken, version_of

log = logging.getLogger(__name__)


class First:
    """Loads the first engine.

    Args:
        releases: of this sidecar.
        load: a folder → its engine.
    """

    def __init__(self, releases: Releases, load: LoadFolder) -> None:
        self._releases = releases
        self._load = load
        self._held: Held | None = None

    def load(self) -> Engine:
        """Bring the folder in order and load the release to serve. Blocks.

        Raises:
            LoadError: NoRelease, or why the last one tried cannot be served.
        """
        try:
            with self._releases.changing():
                trouble = _put_in_order(self._releases)
                return self._best(trouble, change=True)
        except Taken as taken:
            return self._best(LoadError("InUse", str(taken)), change=False)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._releases.data, error.strerror)
            where = f"{self._releases.data} cannot be written ({error.strerror})"
            why = f"{where}, and holds no verified release. Correct its mode and owner."
            return self._best(LoadError("VolumeUnavailable", why), change=False)

    def gone(self) -> None:
        """Nobody uses the first engine any more."""
        if self._held is not None:
            self._held.gone()

    def _best(self, trouble: LoadError | None, *, change: bool) -> Engine:
        for folder in _candidates(self._releases):
            held = Held(self._load, folder)
            try:
                engine = held.load()
            except LoadError as error:
                if error.reason in NOT_THE_RELEASE:
                    raise
                log.error("Release %s cannot be served: %s", folder.name, error)
                trouble = error
                continue
            self._held = held
            if change and folder != self._releases.current():
                self._releases.point(folder)
            return engine
        raise trouble or LoadError(
            "NoRelease",
            f"{self._releases.data} holds no release yet. Begin one with POST /database/update, "
            "or set FACEDB_INSTALL=true to have the newest one installed at start.",
        )


def _put_in_order(releases: Releases) -> LoadError | None:
    """End an import that was broken off, and adopt a flat release; return what stands in the way of that."""
    try:
        if (releases.data / WORKPLACE).exists():
            finish_broken_import(releases.data)
        version = flat_version(releases.data)
        if version is not None and _is_news(releases, version):
            adopt(releases, version)
    except ReleaseError as error:
        log.warning("The release in the root of %s is not used: %s", releases.data, error)
        return LoadError(str(error.reason), error.message)
    return None


def _is_news(releases: Releases, version: str) -> bool:
    """Whether nothing as new is there: an import into the root counts, old leftovers do not."""
    there = [v for v in map(version_of, releases.whole()) if v is not None]
    return not there or parse_version(version) > max(there)


def _candidates(releases: Releases) -> Iterator[Path]:
    """What may be served: a newly adopted release, the pointer's, then the newest; refused ones last."""
    bad = {b.version for b in read_note(releases.data).bad}
    current, whole = releases.current(), releases.whole()
    if current is not None:
        yield current
    others = [f for f in whole if f != current]
    yield from sorted(others, key=lambda f: f.name in bad)
