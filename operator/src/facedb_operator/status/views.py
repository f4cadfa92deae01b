"""Parts of the status, as JSON: the release in traffic, volumes, and what must be remembered. Pure."""

from typing import Any

from facedb_operator.facts import Observed
from facedb_operator.plan.keeping import strategy
from facedb_operator.record import Available, Bad, Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.conditions import MESSAGE_LIMIT
from facedb_operator.status.times import stamp
from facedb_operator.steps import Plan

Json = dict[str, Any]


def active(db: FaceDatabase, seen: Observed) -> Json | None:
    """The release that is in traffic now; during a rolling update the one with more pods."""
    ranked = sorted(seen.workloads, key=lambda w: len(seen.serving(w.revision_key)), reverse=True)
    if not ranked or not seen.serving(ranked[0].revision_key):
        return None
    work = ranked[0]
    old = (db.record.raw or {}).get("active") or {}
    same = old.get("version") == work.version and old.get("claim") == work.claim
    since = old.get("since") if same else stamp(seen.now)
    return {"version": work.version, "digest": work.digest, "since": since, "claim": work.claim}


def desired(db: FaceDatabase, plan: Plan) -> Json | None:
    """The release that is wanted: the spec's, or the one that was chosen from the channel."""
    version = plan.chosen or db.version
    if not version:
        return None
    digest = {"digest": db.digest} if db.digest else {}
    if db.channel is None:
        return {"version": version, **digest}
    return {"version": version, **digest, "resolvedFrom": db.channel.range or "latest"}


def available(found: Available | None) -> Json | None:
    """What the channel offers."""
    if found is None:
        return None
    known = {
        "question": found.question or None,
        "size": found.unpacked_bytes,
        "name": found.name,
        "url": found.url,
    }
    return {
        "version": found.version,
        "seenAt": stamp(found.seen_at),
        "checkedAt": stamp(found.checked_at),
        **({"publishedAt": stamp(found.published_at)} if found.published_at else {}),
        **{k: v for k, v in known.items() if v is not None},
    }


def handled(db: FaceDatabase, plan: Plan) -> Json:
    """Verb → the last token that was dealt with. A retry is dealt with by the keys that hold it."""
    retry = {"retry": db.verbs.retry} if db.verbs.retry else {}
    return {**db.record.handled, **plan.handled, **retry}


def storage(db: FaceDatabase, seen: Observed) -> Json:
    """How releases are kept, and where."""
    return {
        "strategy": strategy(db, seen).value,
        "claims": claims(seen),
        "snapshots": snapshots(seen),
    }


def snapshots(seen: Observed) -> list[Json]:
    """Releases that are kept as snapshots."""
    return [
        {"name": s.name, "version": s.version, "ready": s.ready}
        for s in sorted(seen.snapshots, key=lambda s: s.name)
        if not s.deleting
    ]


def claims(seen: Observed) -> list[Json]:
    """Volumes, and what is on them."""
    state = seen.state
    return [
        *(
            {"name": c.name, "version": c.version or "models", "verified": c.verified is not None}
            for c in sorted(seen.claims, key=lambda c: c.name)
            if not c.deleting
        ),
        *([{"name": state.name, "version": "state"}] if state is not None and not state.deleting else []),
    ]


def good_json(good: Good) -> Json:
    """What ``record`` reads back."""
    return {
        "version": good.version,
        "digest": good.digest,
        "claim": good.claim,
        "release": good.release_key,
        "revision": good.revision_key,
        "workload": good.workload,
        **({"queryMilliseconds": good.query_ms} if good.query_ms is not None else {}),
        **({"image": good.image} if good.image is not None else {}),
        **({"models": good.models} if good.models is not None else {}),
    }


def bad_json(bad: Bad) -> Json:
    """What ``record`` reads back."""
    known = {"digest": bad.digest, "revision": bad.revision_key, "frozen": bad.frozen or None}
    return {
        "version": bad.version,
        "keys": list(bad.keys),
        "reason": bad.reason,
        "message": bad.message[:MESSAGE_LIMIT],
        "at": stamp(bad.at),
        **{k: v for k, v in known.items() if v is not None},
    }
