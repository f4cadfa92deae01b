"""What Prometheus reads. docs/metrics.md explains every name.

Gauges of a database are made at each scrape out of its last status: they survive a restart, and go with the
database. Counters and histograms count what this process has seen happen.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from sys import intern
from typing import Any

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from facedb_operator.record import parse_time
from facedb_operator.status.phases import Phase, phase_of
from facedb_operator.wakeups import Gone, Key

_LABELS = ("namespace", "name")
_MINUTE_S = 60.0

STEPS = Counter("facedb_steps", "Steps carried out", ("step",))
PASSES = Histogram(
    "facedb_pass_seconds", "Seconds of a pass over one database", buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30)
)
FAILED_PASSES = Counter("facedb_failed_passes", "Passes that ended in an error and were repeated", _LABELS)
ROLLOUTS = Histogram(
    "facedb_rollout_seconds",
    "Seconds of a rollout from its first pass to its end",
    ("outcome",),
    buckets=tuple(_MINUTE_S * minutes for minutes in (0.5, 1, 2, 5, 10, 20, 60, 180, 720)),
)
ROLLBACKS = Counter("facedb_rollbacks", "Rollouts that ended with the release before them", _LABELS)
DOWNLOADED = Counter("facedb_downloaded_bytes", "Bytes that ended rollouts have fetched", _LABELS)
UNAVAILABLE = Counter(
    "facedb_unavailable_seconds", "Seconds in which no pod served, in ended rollouts", _LABELS
)

# Parts of the status that name a version.
_RELEASES = {
    "active": "The release in traffic",
    "desired": "The release that is wanted",
    "available": "The newest release that the channel offers",
}
_COUNTERS = (FAILED_PASSES, ROLLBACKS, DOWNLOADED, UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown of a database: not its whole status, of which there may be a thousand.

    Attributes:
        conditions: type, reason and whether it is True.
        versions: of the releases in ``_RELEASES``.
    """

    phase: Phase
    conditions: tuple[tuple[str, str, bool], ...]
    versions: tuple[str | None, ...]
    bad: int
    ready_pods: int
    bytes_done: int | None
    bytes_total: int | None


class Databases(Collector):
    """What is shown of every database, as gauges."""

    def __init__(self) -> None:
        self._shown: dict[Key, _Shown] = {}
        self._passed: dict[Key, float] = {}

    def saw(self, key: Key, status: Mapping[str, Any]) -> None:
        """Its gauges say this from now on."""
        self._shown[key] = _shown(status)

    def passed(self, key: Key) -> None:
        """A pass over it has just ended well."""
        self._passed[key] = time.monotonic()

    def forget(self, key: Key) -> None:
        """It does not exist any more."""
        self._shown.pop(key, None)
        self._passed.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called at each scrape, in the thread that answers it."""
        # Copies: passes go on meanwhile.
        found, passed = dict(self._shown), dict(self._passed)
        yield from (*_states(found), *_releases(found), *_pods(found))
        age = _family("facedb_pass_age_seconds", "Seconds since the last pass that ended well")
        now = time.monotonic()
        for key, at in passed.items():
            age.add_metric(key, now - at)
        yield age


DATABASES = Databases()


def record_status(namespace: str, name: str, status: Mapping[str, Any]) -> None:
    """Set every gauge of one database to what its status says."""
    DATABASES.saw((namespace, name), status)


def record_news(namespace: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Count the rollouts that have ended between two statuses."""
    known = {_ending(entry): entry for entry in old.get("history") or ()}
    for entry in new.get("history") or ():
        if (before := known.get(_ending(entry))) is not None:
            # A gap that outlasted its rollout is known only now.
            more = entry.get("unavailableSeconds", 0) - before.get("unavailableSeconds", 0)
            UNAVAILABLE.labels(namespace, name).inc(max(0, more))
            continue
        ROLLOUTS.labels(entry["outcome"]).observe(_seconds(entry))
        DOWNLOADED.labels(namespace, name).inc(entry.get("downloadedBytes", 0))
        UNAVAILABLE.labels(namespace, name).inc(entry.get("unavailableSeconds", 0))
        if entry["outcome"] == "RolledBack":
            ROLLBACKS.labels(namespace, name).inc()


@contextmanager
def one_pass(namespace: str, name: str) -> Iterator[None]:
    """Measure a pass; ``Gone`` is no error."""
    begin = time.monotonic()
    try:
        yield
        DATABASES.passed((namespace, name))
    except Gone:
        raise
    except Exception:
        FAILED_PASSES.labels(namespace, name).inc()
        raise
    finally:
        PASSES.observe(time.monotonic() - begin)


def forget(namespace: str, name: str) -> None:
    """Drop all that is said of a database."""
    DATABASES.forget((namespace, name))
    for counter in _COUNTERS:
        counter.remove_by_labels({"namespace": namespace, "name": name})


def _shown(status: Mapping[str, Any]) -> _Shown:
    target = status.get("target") or {}
    conditions = (
        (intern(c["type"]), intern(c["reason"]), c["status"] == "True")
        for c in status.get("conditions") or ()
    )
    return _Shown(
        phase=phase_of(status),
        conditions=tuple(conditions),
        versions=tuple((status.get(field) or {}).get("version") for field in _RELEASES),
        bad=len(status.get("bad") or ()),
        ready_pods=status.get("readyReplicas", 0),
        bytes_done=target.get("bytesDone"),
        bytes_total=target.get("bytesTotal"),
    )


def _states(found: Mapping[Key, _Shown]) -> Iterator[GaugeMetricFamily]:
    phase = _family("facedb_phase", "1 for the phase that a database is in, else 0", "phase")
    condition = _family("facedb_condition", "1 while this condition of a database is True", "type", "reason")
    bad = _family("facedb_bad_releases", "Releases that were refused and are remembered")
    for key, shown in found.items():
        for each in Phase:
            phase.add_metric((*key, each.value), float(each is shown.phase))
        for kind, reason, is_true in shown.conditions:
            condition.add_metric((*key, kind, reason), float(is_true))
        bad.add_metric(key, shown.bad)
    yield from (phase, condition, bad)


def _releases(found: Mapping[Key, _Shown]) -> Iterator[GaugeMetricFamily]:
    for number, (field, text) in enumerate(_RELEASES.items()):
        family = _family(f"facedb_{field}_release_info", text, "version")
        for key, shown in found.items():
            if version := shown.versions[number]:
                family.add_metric((*key, version), 1)
        yield family


def _pods(found: Mapping[Key, _Shown]) -> Iterator[GaugeMetricFamily]:
    ready = _family("facedb_ready_pods", "Sidecar pods in the Service's endpoints")
    done = _family("facedb_fetched_bytes", "Bytes that the rollout under way has fetched")
    total = _family("facedb_fetch_bytes", "Bytes that the rollout under way has to fetch")
    for key, shown in found.items():
        ready.add_metric(key, shown.ready_pods)
        for family, value in ((done, shown.bytes_done), (total, shown.bytes_total)):
            if value is not None:
                family.add_metric(key, value)
    yield from (ready, done, total)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=(*_LABELS, *labels))


def _ending(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(field) for field in ("version", "outcome", "startedAt", "finishedAt"))


def _seconds(entry: Mapping[str, Any]) -> float:
    begin, end = (parse_time(entry[field]) for field in ("startedAt", "finishedAt"))
    return (end - begin).total_seconds()


# At the end: the registry asks at once what there is.
REGISTRY.register(DATABASES)
