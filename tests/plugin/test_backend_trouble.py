"""What a real sidecar cannot be made to do: the backend says what it was, and in time."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import facedb_call
import facedb_wire
from facedb_modes import MODES, request_of
from plugin.backend_runs import ask, failed
from plugin.bad_server import BadServer, Say, answer

BUSY = answer({"detail": "Database update in progress"}, 503, Retry_After="0")
PROXY = answer(b"no endpoints", 503)
# Beyond a limit: a process's start and end, on a machine that does other things too. The server never ends.
SPARE_S = 30.0


@pytest.fixture
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Every mode's time limit, in this process: 1.5 s where the server is silent anyway."""
    seconds: float = getattr(request, "param", 1.5)
    for name, mode in MODES.items():
        monkeypatch.setitem(MODES, name, replace(mode, limit_s=seconds))  # type: ignore[arg-type]
    return seconds


# For a server that does answer: on a busy machine an answer may take two seconds.
ENOUGH = pytest.mark.parametrize("limit", [6.0], indirect=True)


def send(url: str, mode: str, **args: Any) -> tuple[Any, float]:
    """Run a mode in this process: its output, and the seconds it took."""
    started = time.monotonic()
    said = facedb_call.call(facedb_wire.site_of(url, ""), request_of({"mode": mode, **args}))
    return said, time.monotonic() - started


@pytest.mark.parametrize(
    "busy", [[BUSY], [BUSY] * 3, [PROXY], [PROXY] * 3], ids=["1", "3", "proxy", "proxies"]
)
def test_a_503_that_passes_is_not_seen(busy: list[Say]) -> None:
    with BadServer(*busy, answer({"face_count": 0})) as server:
        said = ask(server.url, "identify_image", image_id="1")
    assert said.output == {"face_count": 0}
    # Each time the same question, with its body.
    assert [each.json for each in server.asked] == [{"image_id": "1"}] * (len(busy) + 1)
    assert (said.log.count("\n"), "asked again" in said.log) == (len(busy) + 1, True)


def test_a_503_is_asked_again_only_after_its_wait() -> None:
    busy = answer({"detail": "busy"}, 503, Retry_After="2")
    with BadServer(busy, answer({})) as server:
        _, seconds = send(server.url, "health")
    assert seconds >= 2


@ENOUGH
def test_a_503_that_stays_ends_within_the_limit(limit: float) -> None:
    with BadServer(BUSY) as server:
        said, seconds = send(server.url, "identify_image", image_id="1")
    assert said == failed("Identification failed: Database update in progress", 503, 0)
    assert seconds < limit + SPARE_S
    assert 1 < len(server.asked) <= limit / facedb_call.PAUSES[0] + 1


@ENOUGH
def test_a_proxys_503_that_stays_ends_within_the_limit_and_as_its_words(limit: float) -> None:
    with BadServer(PROXY) as server:
        said, seconds = send(server.url, "db_update_status")
    # Pauses of 0.25, 0.5, 1 and 2 s; the 4 that follow do not fit.
    assert (said, len(server.asked)) == (failed("no endpoints", 503), 5)
    assert seconds < limit + SPARE_S


@ENOUGH
def test_a_question_put_off_until_too_late_ends_as_the_503_it_met(limit: float) -> None:
    busy = answer({"detail": "loading"}, 503, Retry_After="3")
    with BadServer() as server:
        server.says = [busy, server.silent]
        said, seconds = send(server.url, "db_update")
    assert (said, len(server.asked)) == (failed("loading", 503, 3), 2)
    assert seconds < limit + SPARE_S


@ENOUGH
def test_a_question_that_was_slow_after_a_short_503_is_called_slow(limit: float) -> None:
    with BadServer() as server:
        server.says = [BUSY, server.silent]
        said, _ = send(server.url, "models_status")
    assert (said, len(server.asked)) == (failed("Request timed out"), 2)


@given(waited=st.floats(0, 1e4), left=st.floats(0, 1e4))
def test_the_larger_part_of_the_time_says_whether_it_was_busy_or_slow(waited: float, left: float) -> None:
    if abs(waited - left) > 1e-6:
        assert facedb_call.was_put_off(7.0, 7.0 + waited, 7.0 + waited + left) == (waited > left)


def test_a_wait_that_is_longer_than_the_limit_is_not_begun() -> None:
    with BadServer(answer({"detail": "loading"}, 503, Retry_After="60")) as server:
        said = ask(server.url, "db_update")
    assert (said.output, len(server.asked)) == (failed("loading", 503, 60), 1)


def test_what_the_sidecar_refuses_for_good_is_not_asked_again() -> None:
    with BadServer(answer({"detail": "Updates are off"}, 503)) as server:
        said = ask(server.url, "db_update")
    assert (said.output, len(server.asked)) == (failed("Updates are off", 503), 1)


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("health", "Health check failed: HTTP 503"),
        ("database_info", "Failed to get database info: HTTP 503"),
        ("identify_image", "Identification failed: later"),
        ("models_status", "later"),
    ],
)
def test_each_mode_has_todays_words(mode: str, error: str) -> None:
    with BadServer(answer({"detail": "later"}, 503, Retry_After="999")) as server:
        assert send(server.url, mode, image_id="1")[0] == failed(error, 503, 999)


def test_ready_is_asked_once_and_its_503_is_an_answer() -> None:
    not_ready = {"ready": False, "state": "loading", "reason": "Loading", "message": "…"}
    with BadServer(answer(not_ready, 503), answer(b"<html>", 503)) as server:
        assert ask(server.url, "ready").output == {**not_ready, "status": 503}
        # A proxy's page is none.
        assert ask(server.url, "ready").output == failed("<html>", 503)
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("soon", None),
        ("-1", None),
        ("9" * 400, None),
        ("nan", None),
        ("", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_nothing(said: str, seconds: float | None) -> None:
    with BadServer(answer({"detail": "no"}, 429, Retry_After=said)) as server:
        assert send(server.url, "models_status")[0] == failed("no", 429, seconds)


def test_a_date_is_judged_by_the_servers_own_clock() -> None:
    then = datetime(2001, 2, 3, tzinfo=UTC)
    until = format_datetime(then + timedelta(seconds=90), usegmt=True)
    with BadServer(
        answer({"detail": "no"}, 503, Retry_After=until, Date=format_datetime(then, usegmt=True))
    ) as it:
        assert send(it.url, "health")[0]["retry_after"] == 90
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with BadServer(answer({"detail": "no"}, 503, Retry_After=soon)) as it:
        assert 90 < send(it.url, "health")[0]["retry_after"] <= 100


def test_nobody_there_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = ask(f"http://127.0.0.1:{port}", "identify_gallery", gallery_id="1")
    assert said.output == failed("Connection refused - is Stash Sense running?")


SLOW = {
    "health": "Connection timed out",
    "models_status": "Request timed out",
    "identify_scene": "Request timed out - scene may be too long or sidecar is overloaded",
    "identify_gallery": "Gallery identification timed out - gallery may be too large",
}


@pytest.mark.parametrize("where", ["silent", "in the head", "in the body"])
@pytest.mark.parametrize("mode", SLOW)
def test_the_limit_is_that_of_the_whole_call(mode: str, where: str, limit: float) -> None:
    head = {"in the head": b"HTTP/1.1 200 OK\r\nX: ", "in the body": b"HTTP/1.1 200 OK\r\n\r\n"}
    with BadServer() as server:
        server.says = [server.silent if where == "silent" else server.drip(head[where])]
        said, seconds = send(server.url, mode, scene_id="1", gallery_id="1")
    assert said == failed(SLOW[mode])
    assert limit <= seconds < limit + SPARE_S


def test_a_process_ends_at_its_limit_though_bytes_still_come() -> None:
    with BadServer() as server:
        server.says = [server.drip(b"HTTP/1.1 200 OK\r\n\r\n")]
        said = ask(server.url, "health")
    assert said.output == failed("Connection timed out")
    assert 10 <= said.seconds < 10 + SPARE_S


def test_a_connection_that_is_cut_is_no_answer() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
    for says in (b"", cut, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"):
        with BadServer(says) as server:
            said = ask(server.url, "models_status").output
        assert said["error"].startswith(("Connection refused", "Request failed: ")), says
        assert (said["status"], said["retry_after"]) == (None, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"\xff\xfe\xfd", b'{"a": NaN}', b"[" * 100_000, b"1" * 10_000],
    ids=["nothing", "a page", "half", "bytes", "NaN", "deep", "digits"],
)
def test_an_answer_that_is_no_json_is_said(body: bytes) -> None:
    with BadServer(answer(body)) as server:
        said = ask(server.url, "models_status")
    assert said.output == failed("Request failed: the answer is not JSON", 200)


def test_a_number_that_json_cannot_hold_is_said() -> None:
    with BadServer(answer(b'{"a": 1e999}')) as server:
        said = ask(server.url, "models_status").output
    assert said == failed("Request failed: the answer is no JSON that Stash can read")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"detail": "nö \U0001f600"}, "nö \U0001f600"),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "too many"}, {"loc": [], "msg": "x"}, 3]},
         "body.top_k: too many; : x"),
        ({"detail": None}, '{"detail": null}'),
        ({"detail": {"a": 1}}, '{"detail": {"a": 1}}'),
        ([1], "[1]"),
        (b"<h1>Bad Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (b"", "HTTP 502"),
        (b"\xff", "\ufffd"),
        (b"x" * 5000, "x" * 2000),
    ],
    ids=["words", "fields", "null", "object", "list", "a page", "nothing", "bytes", "long"],
)  # fmt: skip
def test_why_it_is_refused_is_a_text(body: Any, error: str) -> None:
    with BadServer(answer(body, 502)) as server:
        assert ask(server.url, "models_status").output == failed(error, 502)


def test_a_huge_answer_comes_whole_and_one_beyond_all_bounds_is_left() -> None:
    huge = {"names": ["Zoë \u2028 </script>"] * 300_000}
    with BadServer(answer(huge)) as server:
        assert ask(server.url, "models_status").output == huge
    with BadServer(answer(b" " * (facedb_wire.MOST_BYTES + 1))) as server:
        said = ask(server.url, "models_status").output
    assert said == failed("Request failed: the answer is larger than 64 MiB")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_only_where_the_question_stays_the_same(status: int) -> None:
    with BadServer(answer({"there": 1})) as there:
        with BadServer(answer(b"", status, Location=f"{there.url}/moved")) as here:
            read = ask(here.url, "models_status", api_key="geheim").output
            asked = ask(here.url, "identify_image", image_id="1").output
        assert read == {"there": 1}
        # The key is for the address that the user has set.
        assert "authorization" not in there.asked[0].headers
        if status in (307, 308):
            assert (asked, there.asked[1].json) == ({"there": 1}, {"image_id": "1"})
        else:
            assert (asked["status"], len(there.asked)) == (status, 1)
            assert asked["error"].endswith(f"set it to that one, {there.url}/moved")


def test_a_circle_of_redirects_ends() -> None:
    with BadServer(answer(b"", 302, Location="/health")) as server:
        said = ask(server.url, "health").output
    assert re.match(r"Request failed: .*redirects", said["error"])


def test_a_certificate_that_is_wrong_is_not_taken_for_nobody() -> None:
    with BadServer(b"plain words\r\n\r\n", reads=False) as server:
        said = ask(server.url.replace("http:", "https:").replace("//", "//me:geheim@"), "health")
    assert said.output["error"].startswith("Request failed: ")
    assert "geheim" not in f"{said.output}{said.log}"


def test_what_data_says_cannot_write_into_stashs_log() -> None:
    words = "no\n\x01e\x02Stash is broken\r\n"
    with BadServer(answer({"detail": words}, 400)) as server:
        said = ask(server.url, "identify_image", image_id="1")
    assert said.output["error"] == f"Identification failed: {words}"
    assert said.log == "\x01w\x02[facedb] identify_image: Identification failed: no e Stash is broken \n"
