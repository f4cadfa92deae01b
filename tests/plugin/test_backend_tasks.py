"""A task has no page that sends settings along: the backend asks the Stash that started it, nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import facedb_call
import facedb_stash
import facedb_wire
from facedb_modes import request_of
from go_server import make_certificates
from plugin.backend_runs import failed, run
from plugin.bad_server import BadServer, answer


def test_a_task_asks_stash_for_the_address_and_the_key() -> None:
    newer = {"current_version": "1", "latest_version": "2", "update_available": True, "error": None}
    with BadServer(answer(newer)) as sidecar:
        settings = {"sidecarUrl": sidecar.url, "apiKey": "geheim"}
        told = {"data": {"configuration": {"plugins": {"facedb": settings, "other": {}}}}}
        with BadServer(answer(told)) as stash:
            said = _task(int(stash.url.rpartition(":")[2]))
        assert stash.asked[0].path == "/graphql"
        assert stash.asked[0].headers["cookie"] == "session=abc"
        assert sidecar.asked[0].headers["authorization"] == "Bearer geheim"
    assert said.output == newer
    assert said.log == "\x01i\x02[facedb] The sidecar serves 1; 2 is available\n"


def test_a_task_whose_stash_does_not_tell_says_so() -> None:
    with BadServer(b"") as stash:
        said = _task(int(stash.url.rpartition(":")[2]), mode="nonsense")
        assert (said.output, stash.asked) == (failed("Unknown mode: nonsense"), [])
        said = _task(int(stash.url.rpartition(":")[2]))
    assert said.log.startswith("\x01e\x02[facedb] Stash does not tell this plugin's settings")
    assert said.output["error"].startswith(
        "Stash does not tell this plugin's settings, so no sidecar was asked: "
    )


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (answer(b"no session", 401), "HTTP 401"),
        (answer(b"<html>"), "its answer has none"),
        (answer({"errors": [{"message": "no"}], "data": None}), "its answer has none"),
        (answer(b"", 307, Location="http://192.0.2.1/graphql"), "HTTP 307"),
    ],
    ids=["no session", "no JSON", "an error", "a redirect"],
)
def test_a_task_without_settings_asks_no_sidecar_that_nobody_named(says: bytes, why: str) -> None:
    with BadServer(says) as stash:
        said = _task(int(stash.url.rpartition(":")[2]))
        assert len(stash.asked) == 1
    assert said.output["error"].endswith(f"no sidecar was asked: {why}")


def test_a_task_asks_the_stash_that_started_it_whatever_its_certificate_says(tmp_path: Path) -> None:
    """Self-signed, and for another name. A proxy would ask some other machine's loopback."""
    told = {"data": {"configuration": {"plugins": {"facedb": {"sidecarUrl": "http://127.0.0.1:9"}}}}}
    with BadServer(answer(told)) as stash:
        stash.encrypt(make_certificates(tmp_path, "192.0.2.1"))
        port = int(stash.url.rpartition(":")[2])
        said = _task(port, scheme="https", env={"HTTPS_PROXY": "http://127.0.0.1:9"})
        assert stash.asked[0].headers["cookie"] == "session=abc"
    assert said.output["error"] == facedb_call.REFUSED
    assert "Warning" not in said.log


def test_elsewhere_than_on_this_machine_a_certificate_has_to_be_right(tmp_path: Path) -> None:
    own = {f"https://{host}:9999" for host in ("localhost", "127.0.0.1", "127.1.2.3", "[::1]")}
    others = {f"https://{host}:9999" for host in ("192.168.1.5", "stash", "localhost.example.org", "[::2]")}
    assert {url for url in own | others if facedb_stash.is_own_machine(url)} == own
    with BadServer(b"") as stash:
        stash.encrypt(make_certificates(tmp_path, "192.0.2.1"))
        site = facedb_wire.site_of(stash.url, "")
        with pytest.raises(facedb_wire.NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            facedb_wire.send(site, request_of({"mode": "ready"}), time.monotonic() + 30)


def _task(port: int, scheme: str = "http", env: Mapping[str, str] | None = None, **args: str) -> Any:
    cookie = {"Name": "session", "Value": "abc"}
    connection = {"Scheme": scheme, "Host": "0.0.0.0", "Port": port, "SessionCookie": cookie}
    given = {"server_connection": connection, "args": {"mode": "db_check_update", **args}}
    return run(json.dumps(given).encode(), env)
