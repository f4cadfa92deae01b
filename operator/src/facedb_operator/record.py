"""What status remembers because nobody can observe it again: last good, bad, target, history.

Pure. ``status.py`` writes these fields and this module reads them back; all else in status is a view.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Good:
    """A release that was serving when it was recorded, and the objects that serve it.

    ``query_ms``: of its self-check, the median of its pods; later releases are compared with it. ``image``:
    what its pods ran. ``models``: the key of those that its pods had; None in statuses of older operators.
    """

    version: str
    digest: str | None
    claim: str
    release_key: str
    revision_key: str
    workload: str
    query_ms: float | None = None
    image: str | None = None
    models: str | None = None


@dataclass(frozen=True)
class Bad:
    """A release that was refused or rolled back.

    ``keys`` name the try that failed (a fetch key, a trial key): another spec or retry token makes other
    keys, and only then is the release tried again. ``revision_key`` is set when pods ran it. ``frozen``: all
    stands still until somebody promotes, aborts, retries or changes the spec.
    """

    version: str
    digest: str | None
    keys: tuple[str, ...]
    reason: str
    message: str
    at: datetime
    revision_key: str | None = None
    frozen: bool = False


@dataclass(frozen=True)
class Available:
    """The newest version that a channel's source offers, as the last look found it.

    Attributes:
        seen_at: when this version was first seen; its soak counts from here.
        checked_at: when the source was last asked with success.
        question: stands for what was asked: another range, source or retry token asks anew.
        unpacked_bytes: what it takes on a volume.
    """

    version: str
    seen_at: datetime
    checked_at: datetime
    question: str = ""
    unpacked_bytes: int | None = None
    name: str | None = None
    url: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True)
class Target:
    """The rollout under way: which revision, since when, how far, and what it cost so far.

    Attributes:
        step: of a canary, from 0; beyond the last one everything goes over.
        step_since: since when as many pods serve as this step asks for; None while they do not.
        alone_since: since when the revision serves in full and alone: the bake counts from here.
        state: the reason that the last pass gave.
        promoted: somebody ended the pause of this step.
        accepted: somebody took it as it is: it is judged no more, and needs no bake.
    """

    version: str
    revision_key: str
    started_at: datetime
    progressed_at: datetime
    progress: int
    unavailable_since: datetime | None
    unavailable_s: float
    downloaded_bytes: int
    step: int = 0
    step_since: datetime | None = None
    alone_since: datetime | None = None
    state: str = ""
    promoted: bool = False
    accepted: bool = False


@dataclass(frozen=True)
class Record:
    """The remembered part of a status.

    Attributes:
        chosen: the version that was chosen from the channel.
        available: what the channel offers.
        handled: verb → the last token that was dealt with.
    """

    last_good: Good | None = None
    bad: tuple[Bad, ...] = ()
    target: Target | None = None
    chosen: str | None = None
    available: Available | None = None
    handled: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] | None = None


def parse_time(text: str) -> datetime:
    """An RFC 3339 time of the API, such as ``2026-11-21T04:02:32Z``, with its zone."""
    return datetime.fromisoformat(text)


def parse_record(status: Mapping[str, Any]) -> Record:
    """Read the remembered part of a status. Absent parts are absent, never an error."""
    good = status.get("lastGood")
    target = status.get("target")
    return Record(
        last_good=_good(good) if good else None,
        bad=tuple(_bad(entry) for entry in status.get("bad") or ()),
        target=_target(target) if target and "revision" in target else None,
        chosen=(status.get("desired") or {}).get("version"),
        available=_available(status.get("available")),
        handled=dict(status.get("handled") or {}),
        raw=status,
    )


def _good(raw: Mapping[str, Any]) -> Good:
    return Good(
        version=raw["version"],
        digest=raw.get("digest"),
        claim=raw["claim"],
        release_key=raw["release"],
        revision_key=raw["revision"],
        workload=raw["workload"],
        query_ms=raw.get("queryMilliseconds"),
        image=raw.get("image"),
        models=raw.get("models"),
    )


def _bad(raw: Mapping[str, Any]) -> Bad:
    return Bad(
        version=raw["version"],
        digest=raw.get("digest"),
        keys=tuple(raw.get("keys") or ()),
        reason=raw["reason"],
        message=raw.get("message", ""),
        at=parse_time(raw["at"]),
        revision_key=raw.get("revision"),
        frozen=bool(raw.get("frozen", False)),
    )


def _target(raw: Mapping[str, Any]) -> Target:
    since = raw.get("unavailableSince")
    return Target(
        version=raw["version"],
        revision_key=raw["revision"],
        started_at=parse_time(raw["startedAt"]),
        progressed_at=parse_time(raw["progressedAt"]),
        progress=int(raw.get("progress", 0)),
        unavailable_since=parse_time(since) if since else None,
        unavailable_s=float(raw.get("unavailableSeconds", 0)),
        downloaded_bytes=int(raw.get("bytesDone", 0)),
        step=int(raw.get("step", 0)),
        step_since=_moment(raw.get("stepSince")),
        alone_since=_moment(raw.get("aloneSince")),
        state=raw.get("state", ""),
        promoted=bool(raw.get("promoted", False)),
        accepted=bool(raw.get("accepted", False)),
    )


def _available(raw: Mapping[str, Any] | None) -> Available | None:
    if not raw or "seenAt" not in raw:
        return None
    return Available(
        version=raw["version"],
        seen_at=parse_time(raw["seenAt"]),
        checked_at=parse_time(raw.get("checkedAt") or raw["seenAt"]),
        question=raw.get("question", ""),
        unpacked_bytes=raw.get("size"),
        name=raw.get("name"),
        url=raw.get("url"),
        published_at=_moment(raw.get("publishedAt")),
    )


def _moment(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
