"""A FaceDatabase's spec and status → the eight words that plugins know, and what may be asked of it. Pure.

| the FaceDatabase | word |
|---|---|
| nothing wanted yet, suspended | idle |
| Fetching | downloading, and verifying once all bytes are there |
| RollingOut and what else moves pods | swapping, and reloading once the new pod loads |
| Ready | complete |
| Stalled, rolling back, RolledBack | failed |

Fields that are not there are absent, never an error: operators older and newer than this are read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from facedb_release.version import Version, parse_version
from facedb_sidecar.updater import Check, UpdateStatus
from facedb_sidecar.updater.machine import ACTIVE, BEGINS, Status

GROUP = "facedb.dev"
Json = Mapping[str, Any]
_FETCHING = frozenset({"Fetching", "FetchDied", "FetchStuck"})
_BACK = frozenset({"RollingBack", "RolledBack", "InvalidSpec"})


def status_of(database: Json) -> UpdateStatus:
    """How far the FaceDatabase is."""
    status, ready = status_part(database), condition(database, "Ready")
    active, desired = version_in(status, "active"), version_in(status, "desired") or pinned(database)
    target = version_in(status, "target") or desired
    base = UpdateStatus(current_version=active, target_version=target)
    if not ready or ready.get("reason") == "Suspended":
        return replace(base, error=ready.get("message"))
    if _is_behind(database):
        # The operator has not looked at this spec yet: what it says is of the one before.
        return _at(replace(base, target_version=pinned(database) or target), Status.DOWNLOADING, 0)
    if ready.get("status") == "True":
        return replace(base, status=Status.COMPLETE, progress_pct=100)
    if ready.get("reason") in _BACK or condition(database, "Stalled").get("status") == "True":
        return replace(base, status=Status.FAILED, error=ready.get("message"))
    return _under_way(base, status.get("target") or {}, str(ready.get("reason")))


def steady(before: UpdateStatus, now: UpdateStatus) -> UpdateStatus:
    """Within one update neither word nor progress goes back, although pods may."""
    if before.status not in ACTIVE or now.status not in ACTIVE or before.target_version != now.target_version:
        return now
    further = max(before.status, now.status, key=ACTIVE.index)
    return replace(now, status=further, progress_pct=max(before.progress_pct, now.progress_pct))


def check_of(database: Json) -> Check:
    """What could be served instead of what is."""
    status = status_part(database)
    offered: Json = status.get("available") or {}
    current = version_in(status, "active")
    latest = waiting(database) or version_in(status, "desired") or pinned(database)
    size = offered.get("size")
    named = offered if offered.get("version") == latest else {}
    return Check(
        current_version=current,
        latest_version=latest,
        update_available=_newer(latest, current),
        release_name=named.get("name"),
        download_url=named.get("url"),
        download_size_mb=round(size / 1e6) if named and isinstance(size, int) else None,
        published_at=named.get("publishedAt"),
    )


def pinned(database: Json) -> str | None:
    """The version that the spec names, if it names one."""
    version = (database.get("spec") or {}).get("version")
    return str(version) if version else None


def waiting(database: Json) -> str | None:
    """A version that could be had and is newer than the one that is wanted now."""
    status = status_part(database)
    offered = version_in(status, "available")
    return offered if _newer(offered, version_in(status, "desired") or pinned(database)) else None


def handled(database: Json, verb: str) -> str | None:
    """The last token of a verb that the operator acted on."""
    token = (status_part(database).get("handled") or {}).get(verb)
    return None if token is None else str(token)


def way_to_change(namespace: str, name: str, database: Json) -> str:
    """What to do about a version that the spec pins."""
    wanted = waiting(database) or "VERSION"
    return (
        f"FaceDatabase {namespace}/{name} pins version {pinned(database)}. Change spec.version in Git, or "
        f"with: kubectl -n {namespace} patch facedatabase {name} --type merge "
        f'-p \'{{"spec":{{"version":"{wanted}"}}}}\''
    )


def _under_way(base: UpdateStatus, target: Json, reason: str) -> UpdateStatus:
    if reason in _FETCHING:
        done, total = target.get("bytesDone") or 0, target.get("bytesTotal") or 0
        if total and done >= total and target.get("fetching") != "models":
            return _at(base, Status.VERIFYING, 0)
        return _at(base, Status.DOWNLOADING, min(1.0, done / total) if total else 0)
    return _at(base, Status.RELOADING if target.get("progress") else Status.SWAPPING, 0)


def _at(base: UpdateStatus, status: Status, share: float) -> UpdateStatus:
    begins = BEGINS[status]
    following = min((p for p in BEGINS.values() if p > begins), default=100)
    return replace(base, status=status, progress_pct=begins + int(share * (following - begins)))


def _is_behind(database: Json) -> bool:
    generation = (database.get("metadata") or {}).get("generation")
    seen = status_part(database).get("observedGeneration")
    return isinstance(generation, int) and isinstance(seen, int) and seen < generation


def status_part(database: Json) -> Json:
    """What the operator says."""
    return database.get("status") or {}


def condition(database: Json, kind: str) -> Json:
    """One of its conditions; empty where there is none."""
    conditions = status_part(database).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), {})


def version_in(status: Json, field: str) -> str | None:
    """The version of one part of the status."""
    version = (status.get(field) or {}).get("version")
    return str(version) if version else None


def _newer(one: str | None, other: str | None) -> bool:
    """Whether a version is known and newer than the other one, or there is no other."""
    left, right = _parsed(one), _parsed(other)
    return left is not None and (right is None or left > right)


def _parsed(text: str | None) -> Version | None:
    try:
        return parse_version(text) if text else None
    except ValueError:
        return None
