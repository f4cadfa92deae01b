"""A release in a folder → an engine that serves from it, while nobody may change or remove the folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from facedb_release.errors import ReleaseError
from facedb_release.publish.in_use import hold
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError

LoadFolder = Callable[[Path], Engine]
# These say nothing against a release: with other models, or another device, it may serve.
NOT_THE_RELEASE = frozenset({"ModelMissing", "InvalidModel", "DeviceUnavailable", "InUse"})


class Held:
    """What Serving is given to load a release, and to call once nobody uses that engine any more."""

    def __init__(self, load: LoadFolder, folder: Path) -> None:
        self._load = load
        self.folder = folder
        self._stack = ExitStack()
        self._held = False

    def load(self) -> Engine:
        """Hold the folder and load; called again, it is held already.

        Raises:
            LoadError: also InUse, while an import changes the folder.
        """
        try:
            if not self._held:
                self._stack.enter_context(hold(self.folder))
                self._held = True
            return self._load(self.folder)
        except ReleaseError as error:
            self.gone()
            raise LoadError(str(error.reason), error.message) from error
        except BaseException:
            self.gone()
            raise

    def gone(self) -> None:
        """Let the folder go."""
        self._stack.close()
        self._held = False
