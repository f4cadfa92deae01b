"""Every mode of the plugin's backend: what a page sends along, and the request that the sidecar must get.

Requests of modes that today's plugin has stand in plugin_calls.py; here are the ones it does not name.
"""

from __future__ import annotations

from typing import Any

import plugin_calls as pages
from plugin_calls import BOX, FIELDS, Call, get, post

ACTIONS = "/recommendations/actions"
NEW = {"stashbox_data": {"name": "A"}, "endpoint": BOX, "stashbox_id": "x"}
MERGE = {"destination_id": "1", "source_ids": ["2"]}
OTHERS = (
    get("db_overview", "/database/overview", 10),
    post("db_rollback", "/database/rollback", {"version": "2026.01.30"}, 10),
    post("db_retry", "/database/retry", None, 10),
    get("ready", "/ready", 10),
    get("settings_get", "/settings/num_frames"),
    post("models_download_all", "/models/download-all", None, 300),
    post("rec_merge_performers", f"{ACTIONS}/merge-performers", MERGE, 120),
    post("rec_merge_scenes", f"{ACTIONS}/merge-scenes", MERGE, 120),
    post(
        "rec_delete_files",
        f"{ACTIONS}/delete-scene-files",
        {"scene_id": "1", "file_ids_to_delete": ["2"], "keep_file_id": "3", "all_file_ids": ["2", "3"]},
        120,
    ),
    post("rec_delete_scene", f"{ACTIONS}/delete-scene", {"scene_id": "1", "delete_file": False}),
    post("rec_update_performer", f"{ACTIONS}/update-performer", {"performer_id": "1", "fields": {"a": 1}}),
    post("rec_update_tag", f"{ACTIONS}/update-tag", {"tag_id": "1", "fields": {}}),
    post(
        "rec_update_studio",
        f"{ACTIONS}/update-studio",
        {"studio_id": "1", "fields": {}, "endpoint": BOX},
        30,
    ),
    post(
        "rec_update_scene",
        f"{ACTIONS}/update-scene",
        {"scene_id": "1", "fields": {}, "performer_ids": ["1"], "tag_ids": None, "studio_id": None},
    ),
    post(
        "rec_search_entities",
        f"{ACTIONS}/search-entities",
        {"entity_type": "tag", "query": "a", "endpoint": BOX},
    ),
    post(
        "rec_link_entity",
        f"{ACTIONS}/link-entity",
        {"entity_type": "tag", "entity_id": "1", "endpoint": BOX, "stashbox_id": "x"},
    ),
    post("rec_create_performer", f"{ACTIONS}/create-performer", NEW),
    post("rec_create_tag", f"{ACTIONS}/create-tag", NEW),
    post("rec_create_studio", f"{ACTIONS}/create-studio", NEW),
    post(
        "rec_accept_fingerprint_match",
        f"{ACTIONS}/accept-fingerprint-match",
        {"recommendation_id": 1, "scene_id": "1", "endpoint": BOX, "stash_id": "x"},
    ),
)
PAGES = (*pages.AS_PAGE, *pages.LOOKS, *pages.IDENTIFY, *pages.CLICKS)
_KNOWN = {request.mode: request for request in (*PAGES, *OTHERS) if request.mode}
REQUESTS = tuple(_KNOWN.values())
# What a page sends beside the body: parts of the path, of the query, and names that differ.
BESIDE: dict[str, dict[str, Any]] = {
    **{f"rec_{name}": {"rec_id": 1} for name in ("get", "resolve", "dismiss", "dismiss_upstream")},
    **{f"queue_{name}": {"job_id": 1} for name in ("cancel", "stop", "retry")},
    **{f"settings_{name}": {"key": "num_frames"} for name in ("get", "update", "reset")},
    **{f"user_{name}_setting": {"key": "normalize_enum_display"} for name in ("get", "set")},
    "rec_list": {"status": "pending", "limit": 100, "offset": 0},
    "rec_analysis_runs": {"limit": 10},
    "rec_run_analysis": {"analysis_type": "duplicate_scenes"},
    "rec_get_scene": {"scene_id": "1"},
    "rec_get_field_config": {"endpoint": BOX},
    "rec_set_field_config": {"endpoint": BOX, "field_configs": {}},
    "queue_list": {"status": "running"},
    "queue_update_schedule": {"type": "database_update"},
    "models_download": {"model_name": "nonsense"},
}
assert FIELDS in _KNOWN["rec_get_field_config"].path


def args_of(request: Call) -> dict[str, Any]:
    """What a page sends for this request."""
    return {**(request.body or {}), **BESIDE.get(request.mode, {})}
