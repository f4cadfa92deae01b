"""What a source does wrong: told with its own word, tried again, and never felt by who asks the Service."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from cluster.bumps import Bump
from cluster.waiting import wait_until
from go_server import make_certificates
from patience import PATIENCE_S
from release_tls import encrypt

pytestmark = pytest.mark.cluster

FOR_EVER = 1_000_000
# What `facedb fetch` grants a connection that brings next to nothing is 30 s.
GIVEN_UP_S = 60


@pytest.mark.fault("source answers 403")
@pytest.mark.fault("source answers 404")
@pytest.mark.fault("source answers 429 and asks for a pause")
@pytest.mark.fault("source answers 5xx")
def test_answers_that_are_no_release_have_each_their_word_and_are_asked_for_again(bump: Bump) -> None:
    faults, database = bump.server.faults, bump.database
    bump.new = bump.shelf.put()
    faults.fail_times, faults.fail_status = FOR_EVER, 403
    bump.begin()
    assert "wants a token" in database.wait("Ready", "False", "SourceForbidden")["message"]
    bump.unharmed()

    faults.fail_status = 404
    bump.retry()
    assert bump.new in database.wait("Ready", "False", "VersionNotFound")["message"]
    assert database.condition("Stalled")["status"] == "True"
    bump.unharmed()

    faults.fail_status, faults.retry_after = 429, "600"
    bump.retry()
    limited = database.wait("Ready", "False", "SourceForbidden")["message"]
    assert "limits how often it is asked until" in limited
    assert next_attempt(limited) > datetime.now(UTC) + timedelta(minutes=5)
    bump.unharmed()

    faults.fail_status, faults.retry_after = 503, None
    bump.retry()
    assert "it answered 503" in database.wait("Ready", "False", "SourceUnavailable")["message"]
    assert database.condition("Reconciling")["status"] == "True"
    bump.unharmed()

    faults.fail_times = 0
    bump.retry()
    bump.converges()


def next_attempt(message: str) -> datetime:
    """When it is tried again, as the message says: a time of day, within the next 24 hours."""
    found = re.search(r"next at (\d\d):(\d\d):(\d\d) UTC", message)
    assert found, message
    now = datetime.now(UTC)
    hours, minutes, seconds = (int(part) for part in found.groups())
    then = now.replace(hour=hours, minute=minutes, second=seconds, microsecond=0)
    return then if then > now - timedelta(hours=1) else then + timedelta(days=1)


@pytest.mark.fault("source redirects to signed addresses")
@pytest.mark.fault("source cuts the connection in the middle of a file")
def test_a_file_that_is_cut_is_gone_on_with_behind_its_redirect(bump: Bump) -> None:
    bump.new = bump.shelf.put()
    bump.server.faults.cut_after, bump.server.faults.cuts_left = 50_000, 4
    bump.begin()
    bump.converges()
    assert bump.server.faults.cuts_left == 0
    assert bump.downloaded() <= 1.1 * bump.archive_size()
    assert bump.server.bytes_sent <= 1.1 * bump.archive_size()
    # This server, as GitHub, answers each asset with a redirect to a signed address.
    assert {302, 206} <= {seen.status for seen in bump.server.seen}


@pytest.mark.fault("source stalls")
@pytest.mark.fault("source drips: a few bytes a second")
def test_connections_that_bring_next_to_nothing_are_given_up_and_the_rest_is_asked_for_anew(
    bump: Bump,
) -> None:
    faults, seen = bump.server.faults, bump.server.seen
    # Large enough for several connections.
    bump.new = bump.shelf.put(faces_per_performer=20.0)
    faults.bytes_per_second, faults.stall_after, faults.stalls_left = 60_000, 50_000, 1
    bump.begin()
    assert faults.stalled.wait(timeout=PATIENCE_S)
    faults.bytes_per_second = 20
    before = len(seen)
    # One part stalls and the others drip: they are asked for again, from where they were.
    wait_until(
        lambda: len({one.range for one in seen[before:] if one.status == 206}) >= 2,
        "two connections to be given up",
        timeout_s=GIVEN_UP_S,
        tell=bump.database.describe,
    )
    assert bump.database.condition("Ready")["reason"] == "Fetching"
    bump.unharmed()
    faults.bytes_per_second = None
    bump.converges()
    assert bump.downloaded() <= 1.1 * bump.archive_size()
    faults.resume()


@pytest.mark.fault("source replaces the archive in the middle of a fetch")
def test_an_archive_that_is_replaced_is_begun_anew_and_never_mixed(bump: Bump) -> None:
    faults = bump.server.faults
    bump.new = bump.shelf.put()
    faults.stall_after, faults.stalls_left = 50_000, 1
    faults.cut_after, faults.cuts_left = 100_000, 1
    bump.begin()
    assert faults.stalled.wait(timeout=PATIENCE_S)
    bump.shelf.replace(bump.new)
    faults.resume()
    bump.converges()
    assert faults.cuts_left == 0
    served = sha256(bump.shelf.archive(bump.new).read_bytes()).hexdigest()
    assert bump.database.status()["active"]["digest"] == f"sha256:{served}"


@pytest.mark.fault("source's certificate is of an unknown authority")
def test_an_unknown_authority_is_refused_until_the_spec_names_it(bump: Bump, tmp_path: Path) -> None:
    made = make_certificates(tmp_path, bump.database.place.host)
    encrypt(bump.server, made)
    bump.new = bump.shelf.put()
    bump.begin()
    told = bump.database.wait("Ready", "False", "SourceUnavailable")["message"]
    assert "certificate is not trusted" in told
    assert "caBundleRef" in told
    assert bump.server.seen == []
    bump.unharmed()

    bundle = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "authority", "namespace": bump.database.namespace},
        "data": {"ca.crt": made.authority.read_text()},
    }
    bump.database.place.kubernetes.apply(bundle)
    source = {**bump.shelf.source(bump.server), "caBundleRef": {"name": "authority", "key": "ca.crt"}}
    bump.begin(source=source)
    bump.converges()
