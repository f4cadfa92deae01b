"""Each mode sends the request that the sidecar's contract has, and arguments never make another one of it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import facedb_call
import facedb_wire
from facedb_arguments import BadArguments, named_in_path
from facedb_modes import MODES, request_of
from plugin.backend_runs import ask
from plugin.bad_server import BadServer, answer
from plugin.mode_calls import REQUESTS, args_of
from plugin_calls import Call

each_request = pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each.mode)


def send(url: str, api_key: str = "", **args: Any) -> Any:
    """Run a mode in this process."""
    return facedb_call.call(facedb_wire.site_of(url, api_key), request_of(args))


def test_every_mode_has_its_request_here() -> None:
    assert {each.mode for each in REQUESTS} == set(MODES)


@each_request
def test_a_mode_sends_its_request(request_: Call) -> None:
    with BadServer(answer({"said": 1})) as server:
        assert send(server.url, mode=request_.mode, **args_of(request_)) == {"said": 1}
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.json) == (request_.method, request_.path, request_.body)
    assert asked.headers.get("content-type") == ("application/json" if asked.body else None)


@each_request
def test_a_mode_waits_as_long_as_todays(request_: Call) -> None:
    assert MODES[request_.mode].limit_s == request_.waits_s


@pytest.mark.parametrize(
    ("args", "path", "body"),
    [
        ({"mode": "identify_scene", "scene_id": 7, "max_frames": "20", "num_frames": 9}, "/identify/scene",
         {"scene_id": "7", "num_frames": 20}),
        ({"mode": "identify_scene", "scene_id": 7.0, "max_distance": "0.4", "min_face_size": 40.0,
          "scene_performer_stashdb_ids": ["x"]}, "/identify/scene",
         {"scene_id": "7", "max_distance": 0.4, "min_face_size": 40, "scene_performer_stashdb_ids": ["x"]}),
        ({"mode": "identify_image", "image_id": "1", "top_k": "3"}, "/identify/image",
         {"image_id": "1", "top_k": 3}),
        ({"mode": "search_performers"}, "/stash/search-performers", {"query": ""}),
        ({"mode": "db_update", "version": "2026.03.01"}, "/database/update?version=2026.03.01", None),
        ({"mode": "link_performer_stashbox", "image_id": 2, "performer_id": 3}, "/stash/link-performer",
         {"image_id": "2", "performer_id": "3", "stash_ids": [], "update_metadata": False}),
        ({"mode": "queue_list"}, "/queue", None),
        ({"mode": "queue_list", "status": "a&b=c"}, "/queue?status=a%26b%3Dc", None),
        ({"mode": "rec_list", "type": "x"}, "/recommendations?type=x&limit=100&offset=0", None),
        ({"mode": "rec_analysis_runs", "analysis_type": "x"},
         "/recommendations/analysis/runs?limit=20&type=x", None),
        ({"mode": "rec_dismiss", "rec_id": "1", "reason": "no"}, "/recommendations/1/dismiss",
         {"reason": "no"}),
        ({"mode": "queue_submit", "type": "x"}, "/queue", {"type": "x", "triggered_by": "user"}),
        ({"mode": "settings_get", "key": "a b?ü#%"}, "/settings/a%20b%3F%C3%BC%23%25", None),
        ({"mode": "settings_update", "key": "x", "value": False}, "/settings/x", {"value": False}),
    ],
    ids=lambda each: each["mode"] if isinstance(each, dict) and "mode" in each else "",
)  # fmt: skip
def test_what_pages_leave_out_or_write_otherwise(args: dict[str, Any], path: str, body: Any) -> None:
    with BadServer(answer({})) as server:
        send(server.url, **args)
    assert (server.asked[0].path, server.asked[0].json) == (path, body)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"mode": "identify_scene"}, "No scene_id provided"),
        ({"mode": "identify_image", "image_id": ""}, "No image_id provided"),
        ({"mode": "identify_gallery", "gallery_id": None}, "No gallery_id provided"),
        ({"mode": "rec_get"}, "No rec_id provided"),
        ({"mode": "rec_resolve", "action": "x"}, "rec_id and action required"),
        ({"mode": "rec_batch_dismiss"}, "No type provided"),
        ({"mode": "rec_run_analysis"}, "No analysis_type provided"),
        ({"mode": "rec_merge_scenes", "destination_id": 1}, "destination_id and source_ids required"),
        ({"mode": "rec_delete_files", "scene_id": 1}, "scene_id and keep_file_id required"),
        ({"mode": "rec_delete_scene"}, "scene_id required"),
        ({"mode": "rec_get_scene"}, "scene_id required"),
        ({"mode": "rec_update_tag"}, "tag_id required"),
        ({"mode": "rec_link_entity"}, "entity_type and entity_id required"),
        ({"mode": "endpoint_disable"}, "No endpoint provided"),
        ({"mode": "queue_submit"}, "No type provided"),
        ({"mode": "queue_update_schedule", "type": "x", "enabled": False}, "No interval_hours provided"),
        ({"mode": "models_download"}, "No model_name provided"),
        ({"mode": "db_rollback"}, "No version provided"),
        ({"mode": "identify_scene", "scene_id": 1, "top_k": "many"}, "top_k must be a whole number"),
        ({"mode": "identify_scene", "scene_id": 1, "max_distance": "1e999"}, "max_distance must be a number"),
        ({"mode": "identify_scene", "scene_id": [1]}, "scene_id must be text"),
        ({"mode": "queue_cancel", "job_id": "history"}, "job_id must be a whole number"),
        ({"mode": "rec_get", "rec_id": "../x"}, "rec_id must be a whole number"),
        ({"mode": "settings_get", "key": "../x"}, "key must not be a path"),
        ({"mode": "settings_get", "key": ".."}, "key must not be a path"),
        ({"mode": "settings_get", "key": "x" * 5000}, "key is too long"),
        ({"mode": "queue_nonsense"}, "Unknown queue mode: queue_nonsense"),
        ({"mode": "settings_nonsense"}, "Unknown settings mode: settings_nonsense"),
        ({"mode": "fp_nonsense"}, "Unknown recommendations mode: fp_nonsense"),
        ({"mode": "nonsense"}, "Unknown mode: nonsense"),
        ({"mode": {}}, "Unknown mode: dict"),
        ({}, "Unknown mode: "),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_asked_is_said(args: dict[str, Any], error: str) -> None:
    with pytest.raises(BadArguments, match=f"^{re.escape(error)}$"):
        request_of(args)


PLACED = sorted(name for name, mode in MODES.items() if named_in_path(mode.path))


@given(st.sampled_from(PLACED), st.text() | st.sampled_from(["..", "%2e%2e", "a/../..", "..;", "1/stop"]))
def test_no_argument_leaves_its_route(name: str, text: str) -> None:
    mode = MODES[name]
    args = {word: text for word in named_in_path(mode.path)}
    full = {**args_of(next(each for each in REQUESTS if each.mode == name)), **args, "mode": name}
    try:
        path = request_of(full).path
    except BadArguments:
        return
    # As requests and urllib3 would send it.
    sent = facedb_wire.requests.Request(mode.method, f"http://sidecar{path}").prepare().url
    assert sent is not None
    pattern = re.sub(r"\\\{.*?\\\}", "[^/?#]+", re.escape(mode.path))
    assert re.fullmatch(pattern, urlsplit(sent).path), sent


def test_the_key_is_sent_and_never_said() -> None:
    with BadServer(answer({"detail": "no"}, 401)) as server:
        said = ask(server.url, "database_info", api_key=" geheim ")
        assert server.asked[0].headers["authorization"] == "Bearer geheim"
        assert "geheim" not in f"{said.output}{said.log}"
        said = ask(server.url, "database_info", api_key="ge\r\nheim")
        assert said.output["error"] == "Request failed: the API key holds characters that no key has"
        ask(server.url, "database_info")
        assert "authorization" not in server.asked[-1].headers


def test_the_key_wins_over_a_netrc(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with BadServer(answer({})) as server:
        send(server.url, api_key="geheim", mode="health")
    assert server.asked[0].headers["authorization"] == "Bearer geheim"


@pytest.mark.parametrize("end", ["", "/", "///", "/proxied", "/proxied/"])
def test_an_address_may_have_a_path_and_slashes_at_its_end(end: str) -> None:
    with BadServer(answer({})) as server:
        send(f"{server.url}{end}", mode="health")
    assert server.asked[0].path == f"{end.rstrip('/')}/health"


@pytest.mark.parametrize(
    "url",
    ["localhost:5000", "ftp://a", "http://", "http://a:x", "http://a b", "http://a/?x", "http://[::1", "x"],
)
def test_an_address_that_cannot_be_one_is_said_without_repeating_it(url: str) -> None:
    said = ask(url, "health").output["error"]
    assert said == "Request failed: the sidecar's address must be like http://localhost:5000"
