"""Every series that the operator and the sidecar tell, with its labels, out of their own registries."""

from __future__ import annotations

from functools import cache

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from facedb_operator import metrics as operator
from facedb_sidecar import metrics as sidecar

# What Prometheus and the monitors add to each.
ADDED = {"namespace", "name", "pod", "instance", "job", "container", "endpoint", "service"}
# A database about which everything is known, so that each of its gauges has a sample.
TOLD = {
    "active": {"version": "1"},
    "desired": {"version": "2"},
    "available": {"version": "3"},
    "target": {"bytesDone": 1, "bytesTotal": 2},
    "conditions": [{"type": "Ready", "reason": "Serving", "status": "True"}],
}


@cache
def known() -> dict[str, set[str]]:
    """The labels of each series, by its whole name."""
    found: dict[str, set[str]] = {}
    for module in (operator, sidecar):
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                found |= _of(metric)
    key = ("chart-tests", "told")
    operator.record_status(*key, TOLD)
    try:
        with operator.one_pass(*key):
            pass
        for family in operator.DATABASES.collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    finally:
        operator.forget(*key)
    process = {s.name for f in REGISTRY.collect() for s in f.samples if s.name.startswith("process_")}
    return {**{name: set() for name in process}, **found}


def _of(metric: Counter | Gauge | Histogram) -> dict[str, set[str]]:
    labels = set(metric._labelnames)
    name = metric._name
    if isinstance(metric, Counter):
        return {f"{name}_total": labels}
    if isinstance(metric, Histogram):
        return {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return {name: labels}
