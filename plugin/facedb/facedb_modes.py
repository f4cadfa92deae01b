"""The modes of the plugin: a name and arguments → one request to the sidecar. Pure: no network, no clock.

A mode is a row of ``MODES``; docs/plugin-backend.md is made out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facedb_arguments import (
    Argument,
    BadArguments,
    given,
    in_fields,
    in_path,
    in_query,
    is_empty,
    may,
    named_in_path,
    need,
)


@dataclass(frozen=True)
class Mode:
    """One row.

    Attributes:
        method: of HTTP.
        path: of the sidecar; ``{name}`` is an argument, ``{name:whole}`` a whole number.
        limit_s: seconds for the whole call, waiting for a sidecar that is busy included.
        body: fields of the JSON that is sent; None sends no body.
        query: fields of the query.
        body_is: the argument that is the whole body.
        needs: what is said when a needed argument is missing; without it ``No NAME provided``.
        prefix: of the error when the sidecar refuses.
        only_status: the error tells the status and not what the sidecar says.
        slow: the error when the time is over.
        answers_503: its 503 is an answer, and not asked again.
    """

    method: str
    path: str
    limit_s: float
    body: tuple[Argument, ...] | None = None
    query: tuple[Argument, ...] = ()
    body_is: str = ""
    needs: str = ""
    prefix: str = ""
    only_status: bool = False
    slow: str = "Request timed out"
    answers_503: bool = False


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        mode: the row.
        name: of the mode.
        path: with the query.
        body: for JSON; ignored unless ``has_body``.
        has_body: whether there is one.
    """

    mode: Mode
    name: str
    path: str
    body: Any
    has_body: bool


def _get(path: str, *query: Argument, limit_s: float = 30, **more: Any) -> Mode:
    return Mode("GET", path, limit_s, query=query, **more)


def _post(path: str, *body: Argument, limit_s: float = 60, **more: Any) -> Mode:
    return Mode("POST", path, limit_s, body, **more)


def _bare(path: str, *query: Argument, limit_s: float = 60, method: str = "POST") -> Mode:
    return Mode(method, path, limit_s, query=query)


def _identify(what: str, *more: Argument, limit_s: float, **words: Any) -> Mode:
    about = (need(f"{what}_id", "text"), *more)
    return _post(f"/identify/{what}", *about, limit_s=limit_s, prefix="Identification failed: ", **words)


_RECOMMENDED = "/recommendations/{rec_id:whole}"
_ACTIONS = "/recommendations/actions"
_FIELD_CONFIG = "/recommendations/upstream/field-config/{endpoint:base64}"
_HOW_CLOSE = (may("top_k", "whole"), may("max_distance", "number"))
# The scene, image or gallery that a performer is added to.
_TARGET = tuple(may(name, "text") for name in ("scene_id", "image_id", "gallery_id"))
_MERGE = (need("destination_id"), need("source_ids"))
_NEW = (given("stashbox_data", {}), given("endpoint", ""), given("stashbox_id", ""))

_HEALTH = {
    "health": _get(
        "/health", limit_s=10, only_status=True, prefix="Health check failed: ", slow="Connection timed out"
    ),
    "ready": _get("/ready", limit_s=10, answers_503=True),
    "capabilities": _get("/capabilities"),
    "system_info": _get("/system/info"),
}
_DATABASE = {
    "database_info": _get(
        "/database/info", limit_s=10, only_status=True, prefix="Failed to get database info: "
    ),
    "db_overview": _get("/database/overview", limit_s=10),
    "db_check_update": _get("/database/check-update"),
    "db_update": _bare("/database/update", may("version", "text"), limit_s=10),
    "db_update_status": _get("/database/update/status"),
    "db_rollback": _post("/database/rollback", need("version", "text"), limit_s=10),
    "db_retry": _bare("/database/retry", limit_s=10),
}
_IDENTIFY = {
    "identify_scene": _identify(
        "scene",
        may("num_frames", "whole", "max_frames", "num_frames"),
        *_HOW_CLOSE,
        may("min_face_size", "whole"),
        may("scene_performer_stashdb_ids"),
        limit_s=180,
        slow="Request timed out - scene may be too long or sidecar is overloaded",
    ),
    "identify_image": _identify("image", *_HOW_CLOSE, limit_s=30),
    "identify_gallery": _identify(
        "gallery",
        *_HOW_CLOSE,
        limit_s=300,
        slow="Gallery identification timed out - gallery may be too large",
    ),
}
_STASH = {
    "search_performers": _post("/stash/search-performers", given("query", "", "text")),
    "create_performer_from_stashbox": _post(
        "/stash/create-performer",
        *_TARGET,
        need("endpoint", "text"),
        need("stashdb_id", "text"),
        limit_s=30,
    ),
    "link_performer_stashbox": _post(
        "/stash/link-performer",
        *_TARGET,
        need("performer_id", "text"),
        given("stash_ids", []),
        given("update_metadata", False),
    ),
}
_MODELS = {
    "models_status": _get("/models/status"),
    "models_progress": _get("/models/download-progress"),
    "models_download": _bare("/models/download/{model_name}", limit_s=300),
    "models_download_all": _bare("/models/download-all", limit_s=300),
}
_SETTINGS = {
    "settings_get_all": _get("/settings"),
    "settings_get": _get("/settings/{key}"),
    "settings_update": Mode("PUT", "/settings/{key}", 30, (given("value", None),)),
    "settings_update_bulk": Mode("PUT", "/settings", 30, (given("settings", {}),)),
    "settings_reset": _bare("/settings/{key}", limit_s=30, method="DELETE"),
    "user_get_all_settings": _get("/recommendations/settings"),
    "user_get_setting": _get("/recommendations/settings/{key}"),
    "user_set_setting": _post("/recommendations/settings/{key}", given("value", None)),
    "endpoint_priorities_get": _get("/settings/endpoint-priorities"),
    "endpoint_priorities_set": _post("/settings/endpoint-priorities", given("endpoints", [])),
    "endpoint_disable": _post(
        "/settings/endpoint-disable", need("endpoint"), given("clear_recommendations", False)
    ),
    "endpoint_enable": _post("/settings/endpoint-enable", need("endpoint")),
}
_QUEUE = {
    "queue_list": _get("/queue", may("status")),
    "queue_status": _get("/queue/status"),
    "queue_types": _get("/queue/types"),
    "queue_submit": _post("/queue", need("type"), given("triggered_by", "user")),
    "queue_cancel": _bare("/queue/{job_id:whole}", limit_s=30, method="DELETE"),
    "queue_stop": _bare("/queue/{job_id:whole}/stop"),
    "queue_retry": _bare("/queue/{job_id:whole}/retry"),
    "queue_clear_history": _bare("/queue/history", limit_s=30, method="DELETE"),
    "queue_schedules": _get("/queue/schedules"),
    "queue_update_schedule": Mode(
        "PUT", "/queue/schedules/{type}", 30, (need("enabled"), need("interval_hours", "number"))
    ),
}
_FINGERPRINTS = {
    "fp_status": _get("/recommendations/fingerprints/status"),
    "fp_progress": _get("/recommendations/fingerprints/progress"),
    "fp_generate": _post(
        "/recommendations/fingerprints/generate",
        given("refresh_outdated", True),
        may("num_frames", "whole"),
        may("min_face_size", "whole"),
        may("max_distance", "number"),
    ),
    "fp_stop": _post("/recommendations/fingerprints/stop"),
}
_RECOMMENDATIONS = {
    "rec_counts": _get("/recommendations/counts"),
    "rec_list": _get(
        "/recommendations",
        may("status"),
        may("type"),
        given("limit", 100, "whole"),
        given("offset", 0, "whole"),
    ),
    "rec_get": _get(_RECOMMENDED),
    "rec_resolve": _post(
        f"{_RECOMMENDED}/resolve", need("action"), may("details"), needs="rec_id and action required"
    ),
    "rec_dismiss": _post(f"{_RECOMMENDED}/dismiss", may("reason")),
    "rec_dismiss_upstream": _post(
        f"{_RECOMMENDED}/dismiss-upstream", given("reason", None), given("permanent", False)
    ),
    "rec_batch_dismiss": _post(f"{_ACTIONS}/batch-dismiss", need("type"), given("permanent", False)),
    "rec_analysis_types": _get("/recommendations/analysis/types"),
    "rec_run_analysis": _bare("/recommendations/analysis/{analysis_type}/run"),
    "rec_analysis_runs": _get(
        "/recommendations/analysis/runs",
        given("limit", 20, "whole"),
        may("type", "", "analysis_type"),
    ),
    "rec_stash_status": _get("/recommendations/stash/status"),
    "rec_get_scene": _get("/recommendations/scene/{scene_id}", needs="scene_id required"),
    "rec_get_field_config": _get(_FIELD_CONFIG),
    "rec_set_field_config": _post(_FIELD_CONFIG, body_is="field_configs"),
}
_CHANGES = {
    "rec_merge_performers": _post(
        f"{_ACTIONS}/merge-performers", *_MERGE, limit_s=120, needs="destination_id and source_ids required"
    ),
    "rec_merge_scenes": _post(
        f"{_ACTIONS}/merge-scenes", *_MERGE, limit_s=120, needs="destination_id and source_ids required"
    ),
    "rec_delete_files": _post(
        f"{_ACTIONS}/delete-scene-files",
        need("scene_id"),
        given("file_ids_to_delete", []),
        need("keep_file_id"),
        given("all_file_ids", []),
        limit_s=120,
        needs="scene_id and keep_file_id required",
    ),
    "rec_delete_scene": _post(
        f"{_ACTIONS}/delete-scene",
        need("scene_id"),
        given("delete_file", False),
        needs="scene_id required",
    ),
    "rec_update_performer": _post(
        f"{_ACTIONS}/update-performer",
        need("performer_id"),
        given("fields", {}),
        needs="performer_id required",
    ),
    "rec_update_tag": _post(
        f"{_ACTIONS}/update-tag", need("tag_id"), given("fields", {}), needs="tag_id required"
    ),
    "rec_update_studio": _post(
        f"{_ACTIONS}/update-studio",
        need("studio_id"),
        given("fields", {}),
        given("endpoint", ""),
        limit_s=30,
        needs="studio_id required",
    ),
    "rec_update_scene": _post(
        f"{_ACTIONS}/update-scene",
        given("scene_id", "", "text"),
        given("fields", {}),
        given("performer_ids", None),
        given("tag_ids", None),
        given("studio_id", None),
    ),
    "rec_search_entities": _post(
        f"{_ACTIONS}/search-entities", given("entity_type", ""), given("query", ""), given("endpoint", "")
    ),
    "rec_link_entity": _post(
        f"{_ACTIONS}/link-entity",
        need("entity_type"),
        need("entity_id"),
        given("endpoint", ""),
        given("stashbox_id", ""),
        needs="entity_type and entity_id required",
    ),
    "rec_create_performer": _post(f"{_ACTIONS}/create-performer", *_NEW),
    "rec_create_tag": _post(f"{_ACTIONS}/create-tag", *_NEW),
    "rec_create_studio": _post(f"{_ACTIONS}/create-studio", *_NEW),
    "rec_accept_fingerprint_match": _post(
        f"{_ACTIONS}/accept-fingerprint-match",
        *(given(name, None) for name in ("recommendation_id", "scene_id", "endpoint", "stash_id")),
    ),
    "rec_accept_all_fingerprint_matches": _post(
        f"{_ACTIONS}/accept-all-fingerprint-matches", may("endpoint")
    ),
}
MODES: Mapping[str, Mode] = {
    **_HEALTH,
    **_DATABASE,
    **_IDENTIFY,
    **_STASH,
    **_MODELS,
    **_SETTINGS,
    **_QUEUE,
    **_FINGERPRINTS,
    **_RECOMMENDATIONS,
    **_CHANGES,
}
# A mode that nobody knows, by how it begins.
_FAMILIES = {
    "settings_": "settings ",
    "queue_": "queue ",
    **dict.fromkeys(("rec_", "fp_", "user_", "endpoint_"), "recommendations "),
}


def request_of(args: Mapping[str, Any]) -> Request:
    """Choose the mode that the arguments name, and fill it in.

    Raises:
        BadArguments: there is no such mode, or it lacks something.
    """
    name = args.get("mode", "")
    mode = MODES.get(name) if isinstance(name, str) else None
    if mode is None:
        said = name if isinstance(name, str) else type(name).__name__
        family = next((words for start, words in _FAMILIES.items() if said.startswith(start)), "")
        raise BadArguments(f"Unknown {family}mode: {said[:100]}")
    needed = [*named_in_path(mode.path), *(each.name for each in mode.body or () if each.needed)]
    if mode.needs and any(is_empty(args.get(word)) for word in needed):
        raise BadArguments(mode.needs)
    path = in_path(mode.path, args) + in_query(mode.query, args)
    if mode.body_is:
        body = args.get(mode.body_is)
        return Request(mode, name, path, {} if body is None else body, True)
    return Request(mode, name, path, in_fields(mode.body or (), args), mode.body is not None)
