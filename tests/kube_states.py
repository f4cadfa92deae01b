"""FaceDatabases as the API shows them in the states that `kubectl facedb` has words for."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from world_objects import base_spec

NOW = datetime(2026, 11, 21, 4, 2, 32, tzinfo=UTC)
OLD, NEW, NEWER = "2026.02.10", "2026.02.18", "2026.03.01"
DIGEST = f"sha256:{'a' * 64}"

Json = dict[str, Any]


def at(seconds: float) -> str:
    """A moment so many seconds after NOW, as the API writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str, reason: str, message: str, *, since: float = -120) -> Json:
    """One of status.conditions."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": at(since),
    }


def claim(version: str) -> Json:
    """One of status.storage.claims, verified."""
    return {"name": f"faces-{version.replace('.', '-')}-01234567", "version": version, "verified": True}


def serving(**spec: Any) -> Json:
    """OLD serves, and one before it is kept."""
    return {
        "apiVersion": "facedb.dev/v1alpha1",
        "kind": "FaceDatabase",
        "metadata": {"name": "faces", "namespace": "media", "uid": "uid-1", "generation": 1},
        "spec": {**base_spec(), "version": OLD, **spec},
        "status": {
            "observedGeneration": 1,
            "desired": {"version": OLD},
            "active": {
                "version": OLD,
                "digest": DIGEST,
                "since": at(-90_000),
                "claim": "faces-2026-02-10-01234567",
            },
            "lastGood": {
                "version": OLD,
                "digest": DIGEST,
                "claim": "faces-2026-02-10-01234567",
                "release": "01234567",
                "revision": "89abcdef",
                "workload": "faces-89abcdef",
            },
            "bad": [],
            "history": [past("2026.01.30", -900_000), past(OLD, -90_000)],
            "storage": {"strategy": "Volume", "claims": [claim("2026.01.30"), claim(OLD)]},
            "replicas": 1,
            "readyReplicas": 1,
            "conditions": [
                condition("Ready", "True", "Serving", f"1 pods serve {OLD}."),
                condition("Stalled", "False", "Serving", ""),
            ],
        },
    }


def past(version: str, ended: float, outcome: str = "Succeeded") -> Json:
    """One of status.history."""
    return {
        "version": version,
        "outcome": outcome,
        "reason": "Serving" if outcome == "Succeeded" else "LoadFailed",
        "startedAt": at(ended - 95),
        "finishedAt": at(ended),
        "downloadedBytes": 794_000_000,
        "unavailableSeconds": 0.0,
    }


def moving(state: str, message: str, target: Json, **spec: Any) -> Json:
    """OLD serves while NEW is on its way."""
    body = serving(**{"version": NEW, **spec})
    ready = condition("Ready", "False", state, message, since=-60)
    body["status"] |= {
        "desired": {"version": NEW},
        "target": {
            "version": NEW,
            "revision": "rev1",
            "state": state,
            "startedAt": at(-60),
            "progress": 0,
            **target,
        },
        "conditions": [ready, condition("Stalled", "False", state, message)],
    }
    body["status"]["target"].setdefault("progressedAt", at(-30))
    return body


def fetching() -> Json:
    """NEW is being fetched, at its second attempt."""
    done, total = 492_000_000, 794_000_000
    target = {
        "bytesDone": done,
        "bytesTotal": total,
        "percent": "61%",
        "attempt": 2,
        "job": "faces-fetch-1-2",
    }
    return moving(
        "Fetching", "Fetching release 2026.02.18: Downloading", {**target, "fetching": f"release {NEW}"}
    )


def canary(*, pause: str | None = None) -> Json:
    """NEW stands at the first of two canary steps; it waits for promote unless there is a pause."""
    first = {"percent": 20, **({"pause": pause} if pause else {})}
    rollout = {
        "strategy": "Canary",
        "steps": [first, {"percent": 50, "pause": "10m"}],
        "progressDeadline": "10m",
    }
    target = {"stepSince": at(-20), "bytesDone": 794_000_000}
    return moving(
        "RollingOut", "1 of 5 pods serve 2026.02.18.", target, rollout=rollout, sidecar={"replicas": 5}
    )


def baking() -> Json:
    """NEW serves alone, and is not good yet."""
    rollout = {"strategy": "Rolling", "bake": "15m", "progressDeadline": "10m"}
    return moving("RollingOut", "2026.02.18 serves alone.", {"aloneSince": at(-300)}, rollout=rollout)


def refused(*, frozen: bool = False) -> Json:
    """NEW was refused; OLD serves, or all stands still."""
    body = serving(version=NEW)
    bad = {
        "version": NEW,
        "keys": ["k"],
        "reason": "CrashLoop",
        "message": "Restarted three times",
        "at": at(-600),
    }
    body["status"] |= {
        "desired": {"version": NEW},
        "bad": [{**bad, **({"frozen": True} if frozen else {})}],
        "conditions": [
            condition("Ready", "False", "RolledBack", f"{NEW} refused, still serving {OLD}."),
            condition("Stalled", "True", "RolledBack", f"{NEW} refused."),
        ],
    }
    return body


def offered(**channel: Any) -> Json:
    """A channel serves OLD and offers NEWER."""
    body = serving(channel={"track": "latest", "policy": "Notify", **channel})
    del body["spec"]["version"]
    body["status"]["available"] = {"version": NEWER, "seenAt": at(-7200), "checkedAt": at(-60)}
    update = condition("UpdateAvailable", "True", "AwaitingApproval", f"{NEWER} waits for approval.")
    body["status"]["conditions"].append(update)
    return body


def paused() -> Json:
    """OLD serves, and somebody has said pause."""
    body = serving()
    body["metadata"]["annotations"] = {"facedb.dev/pause": "0123456789ab"}
    body["status"]["conditions"].append(condition("Paused", "True", "PausedByUser", "Paused."))
    return body


def pod(name: str, version: str, *, in_traffic: bool, restarts: int = 0) -> Json:
    """A serving pod."""
    yes = ["ContainersReady", *(["Ready"] if in_traffic else [])]
    return {
        "metadata": {"name": name, "labels": {"facedb.dev/version": version}},
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": kind, "status": "True"} for kind in yes],
            "containerStatuses": [{"name": "sidecar", "restartCount": restarts}],
        },
    }


def event(reason: str, message: str, ago: float, *, kind: str = "Normal", count: int = 1) -> Json:
    """An Event of the resource."""
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": at(-ago), "count": count}


def states() -> dict[str, Json]:
    """All of them by name."""
    made = {
        "serving": serving(),
        "fetching": fetching(),
        "canary": canary(),
        "canary pausing": canary(pause="1m"),
        "baking": baking(),
        "refused": refused(),
        "frozen": refused(frozen=True),
        "offered": offered(window={"days": ["Sat"], "start": "06:00", "duration": "2h", "timeZone": "UTC"}),
        "paused": paused(),
    }
    return copy.deepcopy(made)
