"""The old API as a table: what requests may say and what answers hold, from the contract, not from the code.

A field is ``type``, or ``type = default``, then ``(least..most)``; ``?`` allows null. Fields that this
sidecar adds are in ``ADDED``, and docs/sidecar.md names each.
"""

from __future__ import annotations

TOP, FAR, SURE = "int = 5 (1..20)", "float = 0.6 (0..2)", "float = 0.5 (0..1)"
SIGNALS = {"use_multi_signal": "bool = True", "use_body": "bool = True", "use_tattoo": "bool = True"}
USUAL = {"top_k": TOP, "max_distance": FAR, "min_face_confidence": SURE}

REQUESTS: dict[str, dict[str, str]] = {
    "POST /identify": {"image_url": "str? = None", "image_base64": "str? = None", **USUAL, **SIGNALS},
    "POST /identify/image": {"image_id": "str", **USUAL, **SIGNALS},
    "POST /identify/gallery": {"gallery_id": "str", **USUAL},
    "POST /identify/scene": {
        "scene_id": "str",
        "stash_url": "str? = None",
        "api_key": "str? = None",
        "num_frames": "int = 60 (5..120)",
        "start_offset_pct": "float = 0.05 (0..0.5)",
        "end_offset_pct": "float = 0.95 (0.5..1)",
        "min_face_size": "int = 40 (20..200)",
        "min_face_confidence": "float = 0.5 (0.1..1)",
        "top_k": "int = 3 (1..10)",
        "max_distance": "float = 0.5 (0..2)",
        "cluster_threshold": "float = 0.6 (0.2..3)",
        "matching_mode": "str = 'frequency'",
        "scene_performer_stashdb_ids": "[str] = []",
        **SIGNALS,
    },
    "POST /queue": {
        "type": "str",
        "triggered_by": "str = 'user'",
        "priority": "int? = None",
        "cursor": "str? = None",
    },
    "PUT /queue/schedules/{type}": {
        "enabled": "bool",
        "interval_hours": "float",
        "priority": "int? = None",
    },
    "PUT /settings/{key}": {"value": "any"},
    "PUT /settings": {"settings": "{any}"},
    "POST /stash/search-performers": {"query": "str"},
}
# The plugin's backend sends these without a body: none may be asked for.
WITHOUT_BODY = (
    *("POST /database/update", "POST /models/download/{name}", "POST /models/download-all"),
    *("POST /queue/{job_id}/stop", "POST /queue/{job_id}/retry", "POST /system/refresh-stashbox-config"),
    *("POST /recommendations/fingerprints/stop", "POST /recommendations/analysis/{type}/run"),
)
QUERIES: dict[str, dict[str, str]] = {
    "POST /identify/url": {"url": "str", "top_k": TOP, "max_distance": FAR},
    "GET /queue": {"status": "str? = None", "type": "str? = None", "limit": "int = 50"},
    "POST /recommendations/fingerprints/refresh-all": {"confirm": "bool = False"},
}

MATCH = {
    **{name: "str" for name in ("stashdb_id", "name")},
    **{name: "float" for name in ("confidence", "distance", "facenet_distance", "arcface_distance")},
    **{name: "str?" for name in ("country", "image_url", "endpoint")},
    "already_tagged": "bool",
}
FACES = {"faces": "[FaceResult]", "face_count": "int"}
JOB = {
    **{name: "str" for name in ("type", "status", "triggered_by", "created_at")},
    **{name: "str?" for name in ("cursor", "error_message", "started_at", "completed_at")},
    **{name: "int" for name in ("id", "priority", "items_processed")},
    "items_total": "int?",
}

ANSWERS: dict[str, dict[str, str]] = {
    "GET /health": {
        "status": "str",
        "database_loaded": "bool",
        "performer_count": "int",
        "face_count": "int",
    },
    "GET /health/ffmpeg": {"ffmpeg_available": "bool", "v2_endpoint_ready": "bool"},
    "GET /health/rate-limiter": {
        "total_requests": "int",
        "total_wait_time": "float",
        "avg_wait_time": "float",
        "queue_size": "int",
        "requests_per_second": "float",
    },
    "GET /database/info": {
        "version": "str",
        "performer_count": "int",
        "face_count": "int",
        "sources": "[str]",
        "created_at": "str?",
        "tattoo_embedding_count": "int?",
    },
    "GET /database/check-update": {
        "update_available": "bool",
        "download_size_mb": "int?",
        **{name: "str?" for name in ("current_version", "latest_version", "release_name")},
        **{name: "str?" for name in ("download_url", "published_at", "error")},
    },
    "POST /database/update": {"job_id": "str", "status": "str"},
    "GET /database/update/status": {
        "status": "str",
        "progress_pct": "int",
        **{name: "str?" for name in ("current_version", "target_version", "error")},
    },
    "POST /identify": FACES,
    "POST /identify/url": FACES,
    "POST /identify/image": FACES,
    "POST /identify/gallery": {
        "gallery_id": "str",
        **{name: "int" for name in ("total_images", "images_processed", "faces_detected")},
        "performers": "[GalleryPerformer]",
        "errors": "[str]",
    },
    "POST /identify/scene": {
        "scene_id": "str",
        **{name: "int" for name in ("frames_analyzed", "frames_requested")},
        **{name: "int" for name in ("faces_detected", "faces_after_filter")},
        "persons": "[Person]",
        "errors": "[str]",
        "fingerprint_saved": "bool",
        "fingerprint_error": "str?",
        "timing": "Timing?",
        "multi_signal_used": "bool",
    },
    "GET /models/status": {"models": "{ModelFacts}"},
    "POST /models/download/{name}": {"status": "str", "model": "str"},
    "POST /models/download-all": {"status": "str"},
    "GET /models/download-progress": {"progress": "{DownloadProgress}"},
    "GET /capabilities": {"capabilities": "Can", "models": "{ModelFacts}"},
    "GET /settings": {"hardware_tier": "str", "categories": "{Category}"},
    "PUT /settings/{key}": {"key": "str", "value": "bool|int|float", "is_override": "bool"},
    "GET /system/info": {"version": "str", "uptime_seconds": "int", "hardware": "HardwareInfo"},
    "GET /queue": {"jobs": "[JobRow]"},
    "POST /queue": {"job_id": "int", "message": "str"},
    "GET /queue/status": {"queued": "int", "running": "int", "running_jobs": "[JobRow]"},
    "GET /queue/{job_id}": JOB,
    "GET /recommendations/counts": {"counts": "{{int}}", "total_pending": "int"},
    "GET /recommendations/fingerprints/status": {
        **{name: "int" for name in ("total_fingerprints", "complete_fingerprints")},
        **{name: "int" for name in ("pending_fingerprints", "error_fingerprints")},
        "current_db_version": "str?",
        **{name: "int?" for name in ("current_version_count", "needs_refresh_count")},
        "generation_running": "bool",
        "generation_progress": "FingerprintProgress?",
    },
}
MODELS: dict[str, dict[str, str]] = {
    "FaceResult": {"box": "FaceBox", "matches": "[PerformerMatch]"},
    "FaceBox": {**{name: "int" for name in ("x", "y", "width", "height")}, "confidence": "float"},
    "PerformerMatch": MATCH,
    "GalleryPerformer": {
        **{name: "str" for name in ("performer_id", "name")},
        **{name: "float" for name in ("best_distance", "avg_distance", "confidence")},
        "image_count": "int",
        "image_ids": "[str]",
        **{name: "str?" for name in ("country", "image_url", "endpoint")},
    },
    "Person": {
        "person_id": "int",
        "frame_count": "int",
        "best_match": "PerformerMatch?",
        "all_matches": "[PerformerMatch]",
        "signals_used": "[str]",
        "tattoos_detected": "int",
    },
    "Timing": {
        f"{stage}_ms": "float"
        for stage in (
            *("total", "extraction", "face_loop", "detection", "embedding", "recognition", "matching"),
        )
    },
    "ModelFacts": {"size": "int", **{name: "str" for name in ("status", "file", "group", "description")}},
    "DownloadProgress": {
        **{name: "str" for name in ("model_name", "status")},
        **{name: "int" for name in ("downloaded_bytes", "total_bytes")},
        "error": "str?",
        "percent": "float",
    },
    "Can": dict.fromkeys(
        ("upstream_sync", "duplicate_detection_basic", "identification", "tattoo_signal"), "bool"
    ),
    "HardwareInfo": {
        "gpu_available": "bool",
        "gpu_name": "str?",
        "gpu_vram_mb": "int?",
        **{name: "int" for name in ("cpu_cores", "memory_total_mb", "memory_available_mb")},
        "storage_free_mb": "int?",
        **{name: "str" for name in ("tier", "summary")},
    },
    "Setting": {
        **{name: "bool|int|float" for name in ("value", "default")},
        "is_override": "bool",
        **{name: "str" for name in ("type", "label", "description")},
        **{name: "int|float?" for name in ("min", "max")},
    },
    "JobRow": JOB,
}
# Answer or model → fields that the contract does not have.
ADDED: dict[str, tuple[str, ...]] = {
    "GET /health": ("version",),
    "GET /database/check-update": ("refused",),
    "GET /capabilities": ("missing",),
    "GET /settings": ("waiting_for_load", "warning"),
    "GET /system/info": ("warnings",),
    "ModelFacts": ("verified_by",),
    "Can": ("body_signal",),
    "Setting": ("applies",),
}
UPDATE_WORDS = (
    *("idle", "downloading", "extracting", "verifying", "swapping", "reloading", "complete", "failed"),
)
