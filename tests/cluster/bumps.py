"""One bump that a test injures: what serves, what is wanted, and the server that it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cluster.client_pod import ClientPod
from cluster.shelf import Shelf
from cluster.world_of_one import Database
from release_server import ReleaseServer

ROLLOUT = {"strategy": "Rolling", "drain": "1s", "progressDeadline": "10m", "bake": "0s"}
RETRY = "facedb.dev/retry"


@dataclass
class Bump:
    """A database that serves one release, and another one on its way to it.

    Attributes:
        client: keeps asking the Service.
        server: where the new one comes from; it is this test's alone.
        old: serves.
        new: is wanted.
    """

    database: Database
    client: ClientPod
    shelf: Shelf
    server: ReleaseServer
    old: str
    new: str = ""
    _tokens: Any = field(default_factory=lambda: count(1))

    def begin(self, **changes: Any) -> None:
        """Ask for the new release, as kubectl apply would; ``changes`` replace parts of the spec."""
        self._apply({}, **changes)

    def retry(self, **changes: Any) -> str:
        """The same, with a new retry token: tried at once. Returns the token."""
        token = f"{self.new}-{next(self._tokens)}"
        self._apply({RETRY: token}, **changes)
        return token

    def _apply(self, annotations: dict[str, str], **changes: Any) -> None:
        spec = {"source": self.shelf.source(self.server), "rollout": ROLLOUT, **changes}
        self.database.apply(self.new, annotations=annotations, **spec)

    def unharmed(self) -> None:
        """The old release serves as before, and nobody has noticed anything."""
        assert self.database.status()["active"]["version"] == self.old
        assert self.database.condition("Available")["status"] == "True"
        failures = self.client.seen().failures
        assert failures == (), failures

    def converges(self) -> None:
        """The new release serves, and nobody has noticed anything."""
        self.database.wait_serving(self.new)
        failures = self.client.seen().failures
        assert failures == (), failures

    def archive_size(self) -> int:
        """Bytes of the new release's archive."""
        return self.shelf.archive(self.new).stat().st_size

    def downloaded(self) -> int:
        """Bytes that status counts for the new release."""
        told: int = self.database.status()["history"][-1]["downloadedBytes"]
        return told
