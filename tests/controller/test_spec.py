"""The parser: every mistake is an InvalidSpec that names its field, and keys stay what they are."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from crd_right import EVERYTHING, REST, RIGHT
from crd_schema import defaulted, part
from crd_specs import Changes, check, in_channel, spec_of, window
from crd_strategy import nearly_right, specs
from facedb_operator import names, objects
from facedb_operator.names import Component
from facedb_operator.spec import FaceDatabase, InvalidSpec, parse_spec
from facedb_operator.spec.channel import Policy
from facedb_operator.spec.fields import ObjectKey, duration
from facedb_operator.spec.rollout import JobCheck, LatencyCheck, RecallCheck, Step, When
from facedb_operator.spec.sources import GitHubSource, OciSource, S3Source
from facedb_operator.steps import CreateClaim, CreateWorkload, StartLookup


def database(spec: dict[str, Any], **metadata: Any) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1", "generation": 7, **metadata}
    return parse_spec({"metadata": meta, "spec": spec}, default_image="sidecar:1")


def test_every_field_arrives_where_the_operator_looks_for_it() -> None:
    db = database(spec_of(EVERYTHING))
    assert (db.version, db.digest, db.generation) == ("2026.02.18", f"sha256:{'0' * 64}", 7)
    assert db.source.place == S3Source(
        "s3://bucket/faces/{version}.zip", "https://s3.example.org", "eu-central-1", "aws"
    )
    assert db.source.ca_bundle == ObjectKey("ca", "ca.crt")
    assert (db.source.proxy, db.source.headers) == ("http://proxy:3128", ObjectKey("headers", "lines"))
    assert db.models.source.place == OciSource("a.example/models:1", "docker")
    assert (db.storage.size, db.storage.models_size, db.storage.keep) == ("4Gi", "500M", 3)
    assert (db.verification.least_faces, db.verification.most_fewer_faces) == (1000, 10)
    assert db.verification.most_fewer_performers == 0
    assert (db.sidecar.image, db.sidecar.pull_secrets) == ("registry.example/sidecar:1", ("pull",))
    assert set(db.sidecar.placement) == {"nodeSelector", "tolerations", "affinity"}
    assert not db.sidecar.state.retain
    assert (db.suspend, db.retain) == (True, True)
    assert db.rollout.steps == (Step(20, timedelta(minutes=10)), Step(50, None))
    assert db.rollout.progress_deadline == timedelta(minutes=90)
    assert [type(c) for c in db.rollout.checks] == [RecallCheck, LatencyCheck, JobCheck, JobCheck, JobCheck]


def test_a_channel_arrives_with_its_window() -> None:
    channel = database(spec_of(REST)).channel
    assert channel is not None
    assert (channel.range, channel.policy) == (">=2026.02 <2026.04", Policy.AUTOMATIC)
    assert (channel.interval, channel.soak) == (timedelta(hours=6), timedelta(days=2))
    assert channel.window is not None
    assert (channel.window.days, channel.window.start_minute) == (frozenset({5, 6}), 150)
    assert (channel.window.duration, str(channel.window.zone)) == (timedelta(hours=4), "Europe/Berlin")


def test_checks_become_commands_in_which_values_stay_values() -> None:
    http, prometheus = (
        database(spec_of(check(**kind))).rollout.checks[0]
        for kind in (
            {"http": {"url": "{pod}/$(HOME)"}, "when": "BeforeTraffic", "timeout": "5s"},
            {"prometheus": {"url": "http://p", "query": "-x", "min": -1}},
        )
    )
    assert isinstance(http, JobCheck)
    assert isinstance(prometheus, JobCheck)
    assert http.command == ("facedb", "check-http", "--status=200", "--", "{pod}/$$(HOME)")
    assert (http.when, http.timeout) == (When.BEFORE_TRAFFIC, timedelta(seconds=5))
    assert prometheus.command == (
        *("facedb", "check-prometheus", "--query=-x", "--min=-1"),
        *("--", "http://p"),
    )


WRONG: dict[str, tuple[Changes, str]] = {
    "no version": (in_channel() | {"channel": None}, "spec"),
    "a range that fits nothing": (in_channel(range=">=2026.04 <2026.02"), "spec.channel.range"),
    "a policy of another edition": (in_channel(policy="Never"), "spec.channel.policy"),
    "a zone that is none": (window(timeZone="Mars/Base"), "spec.channel.window.timeZone"),
    "a zone that is a folder": (window(timeZone="Europe"), "spec.channel.window.timeZone"),
    "a start that is none": (window(start="9:00"), "spec.channel.window.start"),
    "a day that is none": (window(days=["Someday"]), "spec.channel.window.days"),
    "a size that is none": ({"storage.size": "much"}, "spec.storage.size"),
    "a volume of no size": ({"storage.modelsSize": "0Gi"}, "spec.storage.modelsSize"),
    "own volumes from nothing": (
        {"storage": {"strategy": "Volume", "distribution": "PerPod"}},
        "spec.storage.distribution",
    ),
    "a strategy of another edition": ({"rollout.strategy": "Shadow"}, "spec.rollout.strategy"),
    "a gate of another edition": ({"rollout.gate": "Maybe"}, "spec.rollout.gate"),
    "a long deadline": ({"rollout.progressDeadline": "100000d"}, "spec.rollout.progressDeadline"),
    "digits of another script": ({"rollout.bake": "\u0663m"}, "spec.rollout.bake"),
    "a pause that is none": (
        {"rollout.steps": [{"percent": 1, "pause": "x"}]},
        "spec.rollout.steps[0].pause",
    ),
    "a check of nothing": (check(), "spec.rollout.checks[0]"),
    "a check of two things": (check(recall={"min": 1}, job={"command": ["a"]}), "spec.rollout.checks[0]"),
    "a device of another edition": ({"sidecar.device": "tpu"}, "spec.sidecar.device"),
    "a policy for the state": (
        {"sidecar.state": {"deletionPolicy": "Keep"}},
        "spec.sidecar.state.deletionPolicy",
    ),
    "a policy for volumes": ({"deletionPolicy": "Keep"}, "spec.deletionPolicy"),
    "a mode of another edition": ({"verification.mode": "Off"}, "spec.verification.mode"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refused_with_its_field(name: str) -> None:
    changes, field = WRONG[name]
    with pytest.raises(InvalidSpec) as caught:
        database(spec_of(changes))
    assert caught.value.field == field
    assert len(caught.value.why) > 10


@given(specs() | nearly_right(RIGHT))
@settings(max_examples=400, suppress_health_check=list(HealthCheck))
def test_whatever_the_schema_takes_is_parsed_or_refused_by_name(spec: dict[str, Any]) -> None:
    """Never another exception: it would end the pass, and the user would see nothing."""
    try:
        db = database(defaulted(spec, part("spec")))
    except InvalidSpec as error:
        db, field = None, error.field
    if db is None:
        assert field.startswith("spec")
        return
    now_and_long_ago = (db.rollout.progress_deadline, db.rollout.bake, db.rollout.drain)
    assert all(timedelta(0) <= length < timedelta(days=366 * 300) for length in now_and_long_ago)
    # What parses can be built, and written as JSON.
    work = CreateWorkload(db.release_key, db.version, db.digest, db.claim_name, 1)
    made = (
        objects.service(db),
        objects.deployment(db, work),
        objects.claim(db, CreateClaim(Component.RELEASE, "1Gi")),
        *(objects.fetch_job(db, component, 1) for component in (Component.RELEASE, Component.MODELS)),
        objects.lookup_job(db, StartLookup("key", "latest")),
    )
    assert json.dumps(made)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("2d", 172800), ("0s", 0), ("1d1h1m1s", 90061)]
)
def test_durations_are_what_they_say(text: str, seconds: int) -> None:
    assert duration(text, "x").total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "1m1h", "1.5h", "-1s", " 1s", "1s\n", "100000s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec, match="expected a duration"):
        duration(text, "x")


def test_keys_stand_as_they_were_when_pods_were_made_by_them() -> None:
    """Written down: another edition of the operator that made other keys would restart every pod unasked.

    Should this fail, keys have changed and no spec has. Keep the old ones: a new field takes no part in them
    where it has its default.
    """
    spec = defaulted(spec_of({}), part("spec"))
    db = database(spec)
    found = {
        "release": db.release_key,
        "models": db.models_key,
        "fetch": db.fetch_key,
        "fetch of models": db.models_fetch_key,
        "revision": db.revision_key,
        "service": db.service_key,
        "trial": db.trial_key,
        "claim": db.claim_name,
        "claim of models": db.models_claim_name,
        "claim of state": db.state_claim_name,
    }
    assert found == {
        "release": "8e203d29",
        "models": "31049f88",
        "fetch": "f64b998b",
        "fetch of models": "e60752b4",
        "revision": "884c7502",
        "service": "9b7f4390",
        "trial": "16ed6bbf",
        "claim": "stash-2026-02-18-8e203d29",
        "claim of models": "stash-models-31049f88",
        "claim of state": "stash-state",
    }


def test_keys_hang_on_what_they_stand_for_and_on_nothing_else() -> None:
    spec = defaulted(spec_of({}), part("spec"))
    db = database(spec)
    kept = {
        "sidecar.replicas": 3,
        "storage.keep": 5,
        "storage.size": "9Gi",
        "rollout.bake": "1h",
        "rollout.strategy": "BlueGreen",
        "rollout.progressDeadline": "1h",
        "suspend": True,
        "deletionPolicy": "Retain",
    }
    for path, value in kept.items():
        other = database(defaulted(spec_of({path: value}), part("spec")))
        assert (other.release_key, other.revision_key, other.fetch_key) == (
            db.release_key,
            db.revision_key,
            db.fetch_key,
        ), path
    for path, value in {
        "rollout.gate": "Disabled",
        "rollout.drain": "20s",
        "sidecar.image": "b:2",
        "sidecar.env": [{"name": "A"}],
    }.items():
        other = database(defaulted(spec_of({path: value}), part("spec")))
        assert other.revision_key != db.revision_key, path
        assert other.release_key == db.release_key, path
    asked = database(defaulted(spec_of({"verification.minimums": {"faces": 1}}), part("spec")))
    assert (asked.release_key, asked.revision_key) == (db.release_key, db.revision_key)
    assert asked.fetch_key != db.fetch_key
    again = database(spec, annotations={names.RETRY_ANNOTATION: "1"})
    assert again.fetch_key != db.fetch_key
    assert again.revision_key == db.revision_key


def test_a_source_says_the_repository_that_it_stands_for() -> None:
    db = database(spec_of({}))
    assert db.source.place == GitHubSource("carrotwaxr/stash-sense-data", None, None, None)
    assert db.models.source.place == GitHubSource("carrotwaxr/stash-sense", None, None, None, "models")
