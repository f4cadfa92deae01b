"""A FaceDatabase as the API shows it, its pods and events → a View. Pure.

Nothing in it needs to be there: a resource that no operator has looked at yet has a view, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from facedb_kubectl.fields import Raw, after, flag, moment, number, part, parts, span, text, value, whole
from facedb_kubectl.tokens import annotation
from facedb_kubectl.view import Canary, Condition, Event, Offer, Past, Pod, Refused, Target, Transfer, View
from facedb_operator import names
from facedb_operator.plan.windows import next_opening
from facedb_operator.spec.channel import read_channel
from facedb_operator.spec.errors import InvalidSpec

MOST_EVENTS = 5
# Said before the operator has looked for the first time, or after a change that it has not seen yet.
UNSEEN = "Unseen"


def look(body: Raw, now: datetime, *, pods: Sequence[Raw] = (), events: Sequence[Raw] = ()) -> View:
    """What there is to say of a FaceDatabase at `now` (timezone-aware)."""
    status, spec, meta = part(body, "status"), part(body, "spec"), part(body, "metadata")
    conditions = tuple(_condition(c) for c in parts(status, "conditions"))
    ready = next((c for c in conditions if c.type == "Ready"), None)
    held = text(meta, "annotations", annotation("pause")) or ""
    active = text(status, "active", "version")
    return View(
        namespace=text(meta, "namespace") or "",
        name=text(meta, "name") or "",
        phase=ready.reason if ready else UNSEEN,
        message=ready.message if ready else "No operator has looked at it yet.",
        seen=ready is not None
        and (whole(status, "observedGeneration") or 0) >= (whole(meta, "generation") or 0),
        paused=held not in ("", "false"),
        suspended=flag(spec, "suspend"),
        desired=text(spec, "version") or text(status, "desired", "version"),
        active=active,
        active_since=moment(status, "active", "since"),
        last_good=text(status, "lastGood", "version"),
        ready=whole(status, "readyReplicas") or 0,
        wanted=_or(whole(spec, "sidecar", "replicas"), 1),
        strategy=text(spec, "rollout", "strategy") or "Auto",
        storage=text(status, "storage", "strategy") or text(spec, "storage", "strategy") or "Auto",
        target=_target(spec, status),
        offer=_offer(spec, status, conditions, now),
        kept=_kept(status, active),
        refused=tuple(_refused(each) for each in parts(status, "bad")),
        history=tuple(_past(each) for each in parts(status, "history")),
        conditions=conditions,
        pods=tuple(sorted((_pod(p) for p in pods), key=lambda p: (p.version, p.name))),
        events=_events(events),
        handled={
            k: v for k, v in part(status, "handled").items() if isinstance(k, str) and isinstance(v, str)
        },
    )


def _or(found: int | None, default: int) -> int:
    return default if found is None else found


def _condition(raw: Raw) -> Condition:
    return Condition(
        type=text(raw, "type") or "",
        status=text(raw, "status") or "Unknown",
        reason=text(raw, "reason") or "",
        message=text(raw, "message") or "",
        since=moment(raw, "lastTransitionTime"),
    )


def _target(spec: Raw, status: Raw) -> Target | None:
    target, rollout = part(status, "target"), part(spec, "rollout")
    version = text(target, "version")
    if version is None:
        return None
    return Target(
        version=version,
        state=text(target, "state") or "",
        started_at=moment(target, "startedAt"),
        deadline=after(moment(target, "progressedAt"), span(rollout, "progressDeadline")),
        transfer=_transfer(target),
        canary=_canary(rollout, target),
        bake_until=after(moment(target, "aloneSince"), span(rollout, "bake"))
        if text(rollout, "bake")
        else None,
    )


def _transfer(target: Raw) -> Transfer | None:
    job = text(target, "job")
    if job is None:
        return None
    return Transfer(
        what=text(target, "fetching") or "the release",
        bytes_done=whole(target, "bytesDone") or 0,
        bytes_total=whole(target, "bytesTotal"),
        attempt=whole(target, "attempt"),
        job=job,
    )


def _canary(rollout: Raw, target: Raw) -> Canary | None:
    steps, at = parts(rollout, "steps"), whole(target, "step") or 0
    # Beyond the last step everything goes over.
    if text(rollout, "strategy") != "Canary" or at >= len(steps):
        return None
    up, pause = moment(target, "stepSince"), text(steps[at], "pause")
    return Canary(
        step=at + 1,
        steps=len(steps),
        percent=whole(steps[at], "percent") or 0,
        until=after(up, span(steps[at], "pause")),
        waits_for_promote=up is not None and pause is None,
    )


def _offer(spec: Raw, status: Raw, conditions: Sequence[Condition], now: datetime) -> Offer | None:
    channel = part(spec, "channel")
    if not channel:
        return None
    update = next((c for c in conditions if c.type == "UpdateAvailable"), None)
    return Offer(
        version=text(status, "available", "version"),
        because=update.message if update else "",
        window_opens=_window(channel, now),
    )


def _window(channel: Raw, now: datetime) -> datetime | None:
    try:
        read = read_channel({"window": value(channel, "window")})
        return next_opening(read.window, now) if read and read.window else None
    # The operator says in its own words what is wrong with a window; here it is only not shown.
    except (InvalidSpec, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _kept(status: Raw, active: str | None) -> tuple[str, ...]:
    storage = part(status, "storage")
    held = [c for c in parts(storage, "claims") if flag(c, "verified")]
    held += [s for s in parts(storage, "snapshots") if flag(s, "ready")]
    # What is on its way is no release to go back to.
    apart = {None, active, text(status, "target", "version"), "models", "state"}
    known = {text(each, "version") for each in held} - apart
    return tuple(sorted((v for v in known if v), key=_by_date, reverse=True))


def _by_date(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(p) if p.isdecimal() and p.isascii() else 0, p) for p in version.split("."))


def _refused(raw: Raw) -> Refused:
    return Refused(
        version=text(raw, "version") or "",
        reason=text(raw, "reason") or "",
        message=text(raw, "message") or "",
        at=moment(raw, "at"),
        frozen=flag(raw, "frozen"),
    )


def _past(raw: Raw) -> Past:
    return Past(
        version=text(raw, "version") or "",
        outcome=text(raw, "outcome") or "",
        reason=text(raw, "reason") or "",
        started_at=moment(raw, "startedAt"),
        finished_at=moment(raw, "finishedAt"),
        downloaded_bytes=whole(raw, "downloadedBytes") or 0,
        unavailable_seconds=number(raw, "unavailableSeconds") or 0.0,
    )


def _pod(raw: Raw) -> Pod:
    meta, status = part(raw, "metadata"), part(raw, "status")
    true = {text(c, "type") for c in parts(status, "conditions") if text(c, "status") == "True"}
    return Pod(
        name=text(meta, "name") or "",
        version=text(meta, "labels", names.VERSION_LABEL) or "",
        phase="Leaving" if text(meta, "deletionTimestamp") else text(status, "phase") or "Unknown",
        ready="ContainersReady" in true,
        in_traffic="Ready" in true,
        restarts=sum(whole(c, "restartCount") or 0 for c in parts(status, "containerStatuses")),
        node=text(raw, "spec", "nodeName"),
    )


def _events(raw: Sequence[Raw]) -> tuple[Event, ...]:
    """The last few, newest last."""
    read = [_event(each) for each in raw]
    return tuple(sorted(read, key=lambda e: e.at or datetime.min.replace(tzinfo=UTC))[-MOST_EVENTS:])


def _event(raw: Raw) -> Event:
    return Event(
        type=text(raw, "type") or "Normal",
        reason=text(raw, "reason") or "",
        message=text(raw, "message") or "",
        at=moment(raw, "lastTimestamp")
        or moment(raw, "eventTime")
        or moment(raw, "metadata", "creationTimestamp"),
        count=whole(raw, "count") or 1,
    )
