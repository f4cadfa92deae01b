"""One release fetched into its folder, by `facedb fetch` in a process of its own; or why it cannot be."""

from __future__ import annotations

from pathlib import Path

from facedb_release.errors import Reason
from facedb_sidecar.settings import UpdateSettings
from facedb_sidecar.updater.command import Told, run_facedb

# Another try may well succeed without anybody changing the release.
MAY_PASS = frozenset({str(Reason.ANOTHER_RELEASE)})


class Failed(Exception):
    """An update cannot go on.

    Attributes:
        reason: one word of docs/reasons.md.
        bad: the release itself is to blame.
    """

    def __init__(self, reason: str, message: str, *, bad: bool) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.bad = bad


async def fetch(
    updates: UpdateSettings, version: str, folder: Path, previous: Path | None, told: Told
) -> None:
    """Fetch and verify; files that the previous release has, too, are taken from it.

    Raises:
        Failed: with the reason and the message of `facedb fetch`.
    """
    words = ["fetch", "--into", str(folder), "--version", version]
    if previous is not None and previous != folder:
        words += ["--previous", str(previous)]
    outcome = await run_facedb([*words, *updates.source], told, token=updates.token)
    if not outcome.ok:
        bad = outcome.permanent and outcome.reason not in MAY_PASS
        raise Failed(str(outcome.reason), str(outcome.message), bad=bad)
