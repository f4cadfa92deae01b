"""Old and new status → the Events that a user should read in ``kubectl describe``. Pure.

An Event's name stands for its database, its reason and the version that was wanted: the same news again finds
the same object, whose count is raised (``act.write_event``), and a database never has more of them than
there are reasons.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from facedb_operator import names
from facedb_operator.names import Condition, Event, Reason
from facedb_operator.status.conditions import word
from facedb_operator.status.times import stamp

# As the API server has it for an Event.
MESSAGE_LIMIT = 1024
# Conditions whose reason is the Event's.
_WATCHED = (Condition.READY, Condition.VERIFIED, Condition.DEGRADED)
_GOOD_NEWS = {Condition.READY: "True", Condition.VERIFIED: "True", Condition.DEGRADED: "False"}
# Not ready yet is normal while work goes on, or while somebody wants it so.
_NORMAL = frozenset(
    {
        Reason.FETCHING,
        Reason.LOOKING_UP,
        Reason.ROLLING_OUT,
        Reason.QUEUED,
        Reason.CHECKING,
        Reason.CANARY_PAUSED,
        Reason.BAKING,
        Reason.PROMOTED,
        Reason.RESTORING,
        Reason.SNAPSHOT_PENDING,
        Reason.RETRYING,
        Reason.SUSPENDED,
        Reason.PAUSED,
    }
)

Json = dict[str, Any]


class Regarding(Protocol):
    """What an Event is about; a FaceDatabase is."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def namespace(self) -> str:
        """Its namespace."""

    @property
    def uid(self) -> str:
        """Its uid."""


@dataclass(frozen=True)
class Subject:
    """What an Event is about, where the spec could not be read."""

    name: str
    namespace: str
    uid: str


@dataclass(frozen=True)
class _News:
    reason: str
    message: str
    normal: bool = True


def events_of(
    about: Regarding, old: Mapping[str, Any], new: Mapping[str, Any], now: datetime
) -> tuple[Json, ...]:
    """The Events of what changed between two statuses: each reason once, news only."""
    found = (*_of_conditions(old, new), *_of_rollouts(old, new), *_of_offers(old, new), *_of_rest(old, new))
    unique: dict[str, _News] = {}
    for news in found:
        unique.setdefault(news.reason, news)
    wanted = (new.get("desired") or {}).get("version") or ""
    return tuple(_event(about, news, wanted, now) for news in unique.values())


def _of_conditions(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_News]:
    before, after = _by_type(old), _by_type(new)
    for kind in _WATCHED:
        condition = after.get(kind)
        if condition is None or _word(before.get(kind)) == _word(condition):
            continue
        if _is_news(before, condition):
            good = condition["status"] == _GOOD_NEWS[kind]
            normal = good or (kind is Condition.READY and condition["reason"] in _NORMAL)
            yield _News(condition["reason"], condition["message"], normal)


def _by_type(status: Mapping[str, Any]) -> dict[str, Json]:
    return {c["type"]: c for c in status.get("conditions") or ()}


def _word(condition: Mapping[str, Any] | None) -> tuple[str, str] | None:
    return (condition["status"], condition["reason"]) if condition else None


def _is_news(before: Mapping[str, Json], condition: Json) -> bool:
    """Unknown says nothing yet; "not degraded" is news only to who was degraded."""
    if condition["status"] == "Unknown":
        return False
    was = before.get(condition["type"])
    calm = condition["type"] == Condition.DEGRADED and condition["status"] == "False"
    return not calm or (was is not None and was["status"] == "True")


def _of_rollouts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_News]:
    was, target = old.get("target") or {}, new.get("target") or {}
    if target and target.get("revision") != was.get("revision"):
        serving = (new.get("active") or {}).get("version")
        change = f"{serving} → {target['version']}" if serving else f"{target['version']}, the first one"
        yield _News(Event.ROLLOUT_STARTED, f"A rollout begins: {change}.")
    before, good = old.get("lastGood") or {}, new.get("lastGood") or {}
    if good and good.get("revision") != before.get("revision"):
        yield _News(Event.PROMOTED, f"{good['version']} is the last good release from now on.")


def _of_offers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_News]:
    was, now = old.get("desired") or {}, new.get("desired") or {}
    if "resolvedFrom" in now and now["version"] != was.get("version"):
        yield _News(Event.CHOSEN, f"{now['version']} was taken from the channel ({now['resolvedFrom']}).")
    kind = Condition.UPDATE_AVAILABLE
    before, after = _by_type(old).get(kind), _by_type(new).get(kind)
    if after is None or after["status"] != "True":
        return
    offers = [(status.get("available") or {}).get("version") for status in (old, new)]
    if _word(before) != _word(after) or offers[0] != offers[1]:
        yield _News(Event.UPDATE_AVAILABLE, after["message"])


def _of_rest(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_News]:
    known = _ready_snapshots(old)
    for name, version in sorted(_ready_snapshots(new).items()):
        if name not in known:
            yield _News(Event.SNAPSHOT_READY, f"{version} is kept as snapshot {name}.")
    before, after = (_by_type(status).get(Condition.PAUSED) for status in (old, new))
    if after is not None and _status(before) != after["status"]:
        if after["status"] == "True":
            yield _News(Reason.PAUSED, after["message"])
        elif before is not None:
            yield _News(Event.RESUMED, after["message"])


def _ready_snapshots(status: Mapping[str, Any]) -> dict[str, str]:
    kept = (status.get("storage") or {}).get("snapshots") or ()
    return {s["name"]: s.get("version", "") for s in kept if s.get("ready")}


def _status(condition: Mapping[str, Any] | None) -> str | None:
    return condition["status"] if condition else None


def _event(about: Regarding, news: _News, wanted: str, now: datetime) -> Json:
    kind = "Normal" if news.normal else "Warning"
    mark = names.short_hash(about.uid, kind, news.reason, wanted)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about.name}.{mark}", "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid,
        },
        "type": kind,
        "reason": word(news.reason),
        "message": news.message[:MESSAGE_LIMIT],
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": stamp(now),
        "lastTimestamp": stamp(now),
        "count": 1,
    }
