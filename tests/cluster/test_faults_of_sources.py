"""What a source does wrong: told with its own word, tried again, and never felt by who asks the Service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.stage import DATA_REPOSITORY, FIRST, SECOND
from cluster.world_of_one import Database
from release_server import ReleaseServer

pytestmark = pytest.mark.cluster

FOR_EVER = 1_000_000
CUT_AT = 200_000


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that serves the first release."""
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture
def injured(serving: Database) -> Iterator[ReleaseServer]:
    """Another server with the same releases, for one test to injure; afterwards the first serves again."""
    with ReleaseServer(serving.stage.root, host=serving.place.host) as server:
        yield server
    serving.apply(FIRST)
    serving.wait_serving(FIRST)


def bump(serving: Database, server: ReleaseServer, **more: Any) -> None:
    """Ask for the second release from this server."""
    source = {"github": {"repository": DATA_REPOSITORY, "apiURL": server.url}, **more}
    serving.apply(SECOND, source=source)


def assert_unharmed(serving: Database) -> None:
    """The first release serves as before."""
    assert serving.status()["active"]["version"] == FIRST
    assert serving.condition("Available")["status"] == "True"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(403, "SourceForbidden", marks=pytest.mark.fault("source answers 403"), id="403"),
        pytest.param(404, "VersionNotFound", marks=pytest.mark.fault("source answers 404"), id="404"),
        pytest.param(429, "SourceForbidden", marks=pytest.mark.fault("source answers 429"), id="429"),
        pytest.param(503, "SourceUnavailable", marks=pytest.mark.fault("source answers 5xx"), id="503"),
    ],
)
def test_an_answer_that_is_no_release_is_told_and_asked_for_again(
    serving: Database, injured: ReleaseServer, status: int, reason: str
) -> None:
    injured.faults.fail_times, injured.faults.fail_status = FOR_EVER, status
    injured.faults.retry_after = "2" if status == 429 else None
    bump(serving, injured)
    serving.wait("Ready", "False", reason)
    assert_unharmed(serving)
    injured.faults.fail_times = 0
    serving.wait_serving(SECOND)


@pytest.mark.fault("source cuts the connection in the middle of a file")
def test_a_file_that_is_cut_is_gone_on_with(serving: Database, injured: ReleaseServer) -> None:
    injured.faults.cut_after, injured.faults.cuts_left = CUT_AT, 3
    bump(serving, injured)
    serving.wait_serving(SECOND)
    assert injured.faults.cuts_left == 0
    size = next((serving.stage.root / DATA_REPOSITORY / f"v{SECOND}").glob("*.zip")).stat().st_size
    assert serving.status()["history"][-1]["downloadedBytes"] <= 1.1 * size


@pytest.mark.fault("source stalls")
def test_a_source_that_stalls_is_left_and_asked_again(serving: Database, injured: ReleaseServer) -> None:
    injured.faults.stall_after, injured.faults.stalls_left = CUT_AT, 1
    bump(serving, injured)
    assert injured.faults.stalled.wait(timeout=120)
    assert_unharmed(serving)
    # `facedb fetch` waits 30 s for the next byte.
    serving.wait_serving(SECOND)
    injured.faults.resume()


@pytest.mark.fault("source redirects to signed addresses")
def test_redirects_are_followed(serving: Database, injured: ReleaseServer) -> None:
    # This server, as GitHub, answers each asset with a 302 to a signed address.
    bump(serving, injured)
    serving.wait_serving(SECOND)
    assert any(seen.status == 302 for seen in injured.seen)


@pytest.mark.fault("source replaces the archive in the middle of a fetch")
def test_an_archive_that_is_replaced_is_begun_anew(serving: Database, injured: ReleaseServer) -> None:
    injured.faults.stall_after, injured.faults.stalls_left = CUT_AT, 1
    bump(serving, injured)
    assert injured.faults.stalled.wait(timeout=120)
    injured.faults.etag_suffix = "-replaced"
    injured.faults.resume()
    serving.wait_serving(SECOND)
