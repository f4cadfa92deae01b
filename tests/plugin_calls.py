"""The plugin's pages as lists of requests, in the order in which its scripts send them (contract, section 5).

``AS_PAGE`` are the reads that a page is drawn from: one that is refused, or that answers with a filled field
``error``, is thrown by the plugin and leaves its page empty.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

BOX = "https://stashdb.org/graphql"
WHO = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"
FIELDS = base64.b64encode(BOX.encode()).decode()


@dataclass(frozen=True)
class Call:
    """One request of a mode of the plugin's backend.

    Attributes:
        mode: as the plugin calls it.
        method: of HTTP.
        path: with the query.
        body: JSON; None sends ``null`` where the plugin's ``requests`` would.
        waits_s: before the plugin gives up.
    """

    mode: str
    method: str
    path: str
    body: Any = None
    waits_s: float = 30.0
    headers: dict[str, str] = field(default_factory=dict)


def get(mode: str, path: str, waits_s: float = 30.0) -> Call:
    return Call(mode, "GET", path, waits_s=waits_s)


def post(mode: str, path: str, body: Any = None, waits_s: float = 60.0) -> Call:
    return Call(mode, "POST", path, body, waits_s)


DASHBOARD = (
    get("rec_counts", "/recommendations/counts"),
    get("health", "/health", 10),
    get("fp_status", "/recommendations/fingerprints/status"),
    get("database_info", "/database/info", 10),
    get("rec_analysis_types", "/recommendations/analysis/types"),
    get("rec_analysis_runs", "/recommendations/analysis/runs?limit=10"),
    get("rec_list", "/recommendations?status=pending&limit=100&offset=0"),
)
SETTINGS_TAB = (
    get("settings_get_all", "/settings"),
    get("system_info", "/system/info"),
    get("models_status", "/models/status"),
    get("capabilities", "/capabilities"),
    get("models_progress", "/models/download-progress"),
    get("endpoint_priorities_get", "/settings/endpoint-priorities"),
    get("user_get_setting", "/recommendations/settings/normalize_enum_display"),
    get("user_get_all_settings", "/recommendations/settings"),
    get("rec_get_field_config", f"/recommendations/upstream/field-config/{FIELDS}"),
    get("queue_schedules", "/queue/schedules"),
    get("queue_types", "/queue/types"),
)
OPERATIONS_TAB = (
    get("queue_status", "/queue/status"),
    get("queue_list", "/queue"),
    get("queue_list", "/queue?status=running"),
    get("queue_types", "/queue/types"),
    get("fp_progress", "/recommendations/fingerprints/progress"),
)
AS_PAGE = (*DASHBOARD, *SETTINGS_TAB, *OPERATIONS_TAB)

# What may be refused, in words: the plugin shows them.
LOOKS = (
    get("db_check_update", "/database/check-update"),
    get("db_update_status", "/database/update/status"),
    get("rec_stash_status", "/recommendations/stash/status"),
    get("rec_get", "/recommendations/1"),
    get("rec_get_scene", "/recommendations/scene/1"),
    get("", "/health/ffmpeg"),
    get("", "/health/rate-limiter"),
    get("", "/system/stashbox-connections"),
    get("", f"/stashbox/performer/stashdb.org/{WHO}"),
    get("", "/queue/1"),
    get("", "/settings/num_frames"),
    get("", "/ready"),
    get("", "/recommendations/analysis/runs/1"),
)
IDENTIFY = (
    post("identify_scene", "/identify/scene", {"scene_id": "1", "top_k": 5, "max_distance": 0.5}, 180),
    post("identify_image", "/identify/image", {"image_id": "1"}, 30),
    post("identify_gallery", "/identify/gallery", {"gallery_id": "1"}, 300),
    post("", "/identify", {"image_base64": "bm8gaW1hZ2U="}),
    post("", "/identify", {}),
    post("", "/identify/url?url=http://127.0.0.1:9/x.jpg"),
    post("search_performers", "/stash/search-performers", {"query": "a"}),
    post(
        "create_performer_from_stashbox",
        "/stash/create-performer",
        {"scene_id": "1", "endpoint": "stashdb.org", "stashdb_id": WHO},
        30,
    ),
    post(
        "link_performer_stashbox",
        "/stash/link-performer",
        {
            "scene_id": "1",
            "performer_id": "1",
            "stash_ids": [{"endpoint": BOX, "stash_id": WHO}],
            "update_metadata": True,
        },
    ),
)
CLICKS = (
    Call("settings_update", "PUT", "/settings/num_frames", {"value": 45}),
    Call("settings_update_bulk", "PUT", "/settings", {"settings": {"num_frames": 50, "nonsense": 1}}),
    Call("settings_reset", "DELETE", "/settings/num_frames"),
    post("endpoint_priorities_set", "/settings/endpoint-priorities", {"endpoints": [BOX]}),
    post("endpoint_disable", "/settings/endpoint-disable", {"endpoint": BOX, "clear_recommendations": False}),
    post("endpoint_enable", "/settings/endpoint-enable", {"endpoint": BOX}),
    post("user_set_setting", "/recommendations/settings/normalize_enum_display", {"value": False}),
    post("", "/system/refresh-stashbox-config"),
    Call(
        "queue_update_schedule",
        "PUT",
        "/queue/schedules/database_update",
        {"enabled": False, "interval_hours": 24},
    ),
    post("queue_submit", "/queue", {"type": "database_update", "triggered_by": "user"}),
    post("queue_stop", "/queue/1/stop"),
    Call("queue_cancel", "DELETE", "/queue/1"),
    post("queue_retry", "/queue/1/retry"),
    post("fp_generate", "/recommendations/fingerprints/generate", {"refresh_outdated": True}),
    post("fp_stop", "/recommendations/fingerprints/stop", {}),
    post("", "/recommendations/fingerprints/refresh", [1, 2]),
    post("", "/recommendations/fingerprints/refresh-all?confirm=true"),
    Call("queue_clear_history", "DELETE", "/queue/history"),
    post("models_download", "/models/download/nonsense", None, 300),
    post("db_update", "/database/update", None, 10),
    post("rec_run_analysis", "/recommendations/analysis/duplicate_scenes/run"),
    post("rec_resolve", "/recommendations/1/resolve", {"action": "merged"}),
    post("rec_dismiss", "/recommendations/1/dismiss", {}),
    post("rec_dismiss_upstream", "/recommendations/1/dismiss-upstream", {"reason": None, "permanent": False}),
    post("rec_batch_dismiss", "/recommendations/actions/batch-dismiss", {"type": "x", "permanent": False}),
    post("rec_accept_all_fingerprint_matches", "/recommendations/actions/accept-all-fingerprint-matches", {}),
    post("rec_merge_performers", "/recommendations/actions/merge-performers", {"destination_id": "1"}, 120),
    post("rec_set_field_config", f"/recommendations/upstream/field-config/{FIELDS}", {}),
)
