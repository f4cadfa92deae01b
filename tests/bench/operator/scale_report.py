"""What was measured at scale → bars, and their page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..bars import Bar
from ..report import method_and_machine, table

METHOD = """\
A real etcd and kube-apiserver run alone on this machine, which the operator, in its own process as its image
starts it, shares with them and with a driver that plays the Job controller, the Deployment controller and the
kubelets. The driver writes what those would write: a Job's pod ends well at once; a Deployment's pods run at
once and are ready as soon as their gate is open. The pods' `/ready` is answered by one small server on
addresses 127.x.y.z. Every database is installed by the operator itself: a models volume, a release volume,
two Jobs, a Deployment, a Service, a volume of users' state and the pods' account. Requests are counted in the
API server's own audit log by user agent; watches are left out, the Lease's renewal is not. *Resident* is
VmRSS after everything was installed and at rest. *Change to Job*: from just before the first of the requests
that change the specs to the event by which the driver learns of the fetch Job; percentiles are the worst
round's."""


def bars(results: Mapping[str, Any]) -> tuple[Bar, ...]:
    """Return every row."""
    rest, count = results["rest"], results["databases"]
    held = f"{count} databases; the most ever {results['after']['peak_mib']:.0f}"
    cpu = rest["cpu_s"] / rest["seconds"]
    return (
        Bar("resident MiB", rest["rss_mib"], 160.0, held, 0),
        _requests(rest),
        *_changes(results),
        Bar("CPU at rest, share of a core", cpu, None, "passes, watches, the pods' answers"),
        Bar(
            "seconds until all serve", results["install_s"], None, f"{count} at once, the driver included", 0
        ),
    )


def _requests(rest: Mapping[str, Any]) -> Bar:
    asked = {k: v for k, v in rest["requests"].items() if not k.startswith("watch ")}
    lease = sum(v for k, v in asked.items() if k.endswith(" leases"))
    others = [f"{v} x {k}" for k, v in sorted(asked.items()) if not k.endswith(" leases")]
    note = f"in {rest['seconds']:.0f} s: {lease} for the Lease; beside it {', '.join(others) or 'nothing'}"
    return Bar(
        "API requests per second at rest, beyond watches", sum(asked.values()) / rest["seconds"], 2.0, note
    )


def _changes(results: Mapping[str, Any]) -> Iterator[Bar]:
    rounds = results["changes"]
    worst = max(rounds, key=lambda each: each[-1])
    note = f"{len(rounds)} rounds of {len(worst)}; the slowest {worst[-1]:.2f} s"
    yield Bar("spec change to Job, p50, seconds", percentile(worst, 50), None, note)
    yield Bar("spec change to Job, p99, seconds", percentile(worst, 99), 2.0, note)
    name = "CPU seconds of the operator until all have their Jobs"
    yield Bar(name, max(results["change_cpu_s"]), None, "the worst round's")


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that so many percent do not exceed; `values` are sorted."""
    return values[max(0, -(-len(values) * share // 100) - 1)]


def write(folder: Path, results: Mapping[str, Any], rows: Sequence[Bar], machine: Mapping[str, str]) -> None:
    """Write `operator.md` and `operator.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "operator.md").write_text("\n".join(_page(rows, machine)) + "\n")
    data = {
        "machine": dict(machine),
        "bars": [asdict(b) | {"verdict": b.verdict} for b in rows],
        "results": results,
    }
    (folder / "operator.json").write_text(json.dumps(data, indent=2) + "\n")


def _page(rows: Sequence[Bar], machine: Mapping[str, str]) -> Iterator[str]:
    yield "# The operator at scale, measured"
    yield ""
    yield "Written by `make bench-operator`; do not edit."
    yield ""
    yield from table(rows)
    yield from method_and_machine(METHOD, machine)
