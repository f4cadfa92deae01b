"""What Prometheus reads: right after a restart, counted once, gone with the database, and as documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from facedb_operator import metrics
from facedb_operator.names import Reason
from facedb_operator.status import invalid_status
from facedb_operator.status.phases import Phase, phase_of
from facedb_operator.wakeups import Gone
from world import EPOCH, World
from world_objects import base_spec, outcome

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()
A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
KEY = ("default", "stash")
ONE = {"namespace": "default", "name": "stash"}


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    metrics.forget(*KEY)
    yield
    metrics.forget(*KEY)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {**ONE, **labels})


def families() -> dict[str, Any]:
    found = [f for f in REGISTRY.collect() if f.name.startswith("facedb_")]
    return {
        f"{f.name}_total" if f.type == "counter" else f.name: f
        for f in found
        if not f.name.startswith("facedb_sidecar")
    }


def samples_of_the_database() -> list[str]:
    return [
        s.name
        for f in families().values()
        for s in f.samples
        if s.labels.get("namespace") == KEY[0] and s.labels.get("name") == KEY[1]
    ]


def gone() -> None:
    """A pass that finds the database no more."""
    with metrics.one_pass(*KEY):
        metrics.forget(*KEY)
        raise Gone


def live(world: World, seconds: int) -> set[str]:
    """So many seconds as the reconciler measures them; the phases that were seen."""
    seen = set()
    for _ in range(seconds):
        old = world.status
        with metrics.one_pass(*KEY):
            world.one_pass()
        metrics.record_status(*KEY, world.status)
        metrics.record_news(*KEY, old, world.status)
        current = [p for p in Phase if value("facedb_phase", phase=p) == 1]
        assert len(current) == 1
        seen.add(str(current[0]))
        world.tick()
    return seen


def corrupt(version: str) -> Any:
    return outcome(version, ok=version != C, reason="WrongChecksum", permanent=version == C)


def test_a_database_is_in_one_phase_at_a_time_from_fetching_to_serving() -> None:
    world = World(base_spec(), fetches=corrupt)
    assert live(world, 60) >= {"Fetching", "RollingOut", "Serving"}
    assert value("facedb_phase", phase="Serving") == 1
    world.apply(version=C)
    live(world, 60)
    assert value("facedb_phase", phase="Stalled") == 1
    world.apply(version=A, suspend=True)
    live(world, 2)
    assert value("facedb_phase", phase="Waiting") == 1


def test_a_status_that_says_nothing_is_pending_and_a_spec_that_cannot_be_read_stalled() -> None:
    assert phase_of({}) is Phase.PENDING
    body = {"metadata": {"generation": 1}}
    assert phase_of(invalid_status(body, "spec.source", "names no source", EPOCH)) is Phase.STALLED


def test_a_rollout_is_counted_once_with_its_bytes_and_its_gap() -> None:
    spec = base_spec()
    spec["rollout"]["strategy"] = "Recreate"
    world = World(spec, gpus=1)
    done = REGISTRY.get_sample_value("facedb_rollout_seconds_count", {"outcome": "Succeeded"}) or 0
    live(world, 60)
    world.apply(version=B)
    live(world, 60)
    after = REGISTRY.get_sample_value("facedb_rollout_seconds_count", {"outcome": "Succeeded"})
    assert after == done + 2
    assert value("facedb_downloaded_bytes_total") == 2000
    gap = sum(h["unavailableSeconds"] for h in world.status["history"])
    assert value("facedb_unavailable_seconds_total") == gap > 0
    assert value("facedb_rollbacks_total") is None


def test_a_full_history_still_counts_what_is_new() -> None:
    ended = {"outcome": "Succeeded", "startedAt": "2026-11-21T04:00:00Z", "downloadedBytes": 5}
    old = [{**ended, "version": "1", "finishedAt": f"2026-11-21T04:00:{n:02}Z"} for n in range(10)]
    new = [*old[1:], {**ended, "version": "1", "finishedAt": "2026-11-21T04:01:00Z"}]
    metrics.record_news(*KEY, {"history": old}, {"history": new})
    assert value("facedb_downloaded_bytes_total") == 5


def test_a_rollback_and_a_bad_release_are_counted() -> None:
    world = World(base_spec(), fetches=corrupt)
    live(world, 60)
    assert value("facedb_bad_releases") == 0
    world.apply(version=C)
    live(world, 60)
    assert value("facedb_bad_releases") == 1
    assert value("facedb_rollbacks_total") == 1


def test_versions_are_those_of_the_status_and_old_ones_go() -> None:
    world = World(base_spec())
    live(world, 60)
    assert value("facedb_active_release_info", version=A) == 1
    world.apply(version=B)
    live(world, 60)
    assert value("facedb_active_release_info", version=A) is None
    assert (
        value("facedb_active_release_info", version=B) == value("facedb_desired_release_info", version=B) == 1
    )


def test_what_a_channel_offers_is_shown() -> None:
    spec = base_spec()
    del spec["version"]
    spec["channel"] = {"policy": "Notify"}
    live(World(spec), 60)
    assert value("facedb_available_release_info", version=B) == 1


def test_the_bytes_of_a_download_are_shown_while_it_goes_on() -> None:
    metrics.record_status(*KEY, {"target": {"bytesDone": 10, "bytesTotal": 40}})
    assert (value("facedb_fetched_bytes"), value("facedb_fetch_bytes")) == (10, 40)
    metrics.record_status(*KEY, {})
    assert (value("facedb_fetched_bytes"), value("facedb_fetch_bytes")) == (None, None)


def test_a_pass_has_an_age_and_an_error_is_counted_and_leaves_the_age_alone() -> None:
    passes = REGISTRY.get_sample_value("facedb_pass_seconds_count") or 0
    with metrics.one_pass(*KEY):
        pass
    before = metrics.DATABASES._passed[KEY]
    with pytest.raises(ZeroDivisionError), metrics.one_pass(*KEY):
        _ = 1 / 0
    assert metrics.DATABASES._passed[KEY] == before
    age = value("facedb_pass_age_seconds")
    assert age is not None
    assert age >= 0
    assert value("facedb_failed_passes_total") == 1
    assert REGISTRY.get_sample_value("facedb_pass_seconds_count") == passes + 2


def test_a_database_that_is_gone_is_forgotten_whole() -> None:
    world = World(base_spec(), fetches=corrupt)
    live(world, 30)
    world.apply(version=C)
    live(world, 60)
    with pytest.raises(ZeroDivisionError), metrics.one_pass(*KEY):
        _ = 1 / 0
    assert samples_of_the_database()
    with pytest.raises(Gone):
        gone()
    assert samples_of_the_database() == []


def test_labels_are_bounded() -> None:
    """However long a database lives, it has no more samples than it has conditions, phases and releases."""
    world = World(base_spec(), fetches=corrupt)
    live(world, 60)
    count = len(samples_of_the_database())
    for number in range(4):
        world.apply(version=(B, C, A, B)[number])
        live(world, 60)
    # Of the counters, rollbacks came, with the moment when its counting began.
    assert len(samples_of_the_database()) <= count + 2


def test_every_metric_is_explained_and_exists() -> None:
    assert set(re.findall(r"^\| `(facedb_\w+)`", PAGE, re.MULTILINE)) == set(families())


def test_the_labels_and_kinds_are_those_that_the_page_names() -> None:
    live(World(base_spec(), fetches=corrupt), 40)
    rows = re.findall(r"^\| `(facedb_\w+)`(?: by ([\w, ]+))? \| (\w+) \|", PAGE, re.MULTILINE)
    for name, labels, kind in rows:
        family = families()[name]
        assert family.type == kind, name
        wanted = {label for label in labels.split(", ") if label}
        for sample in family.samples:
            assert set(sample.labels) - {"namespace", "name", "le"} == wanted, name


def test_every_phase_is_explained_and_exists() -> None:
    section = PAGE.partition("\n## Phases\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(Phase)


@pytest.mark.parametrize("reason", Reason)
def test_whatever_the_reason_there_is_a_phase(reason: Reason) -> None:
    condition = {"type": "Ready", "status": "False", "reason": reason}
    assert phase_of({"conditions": [condition]}) in Phase
