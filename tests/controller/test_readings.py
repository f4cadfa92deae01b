"""Raw objects of a real API server → facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_operator import names
from facedb_operator.facts import CheckRun, FetchJob, JobState, Progress, Verified
from facedb_operator.observe.findings import with_words
from facedb_operator.observe.readings import (
    JOB_NAME_LABEL,
    Worker,
    read_claim,
    read_counted,
    read_job,
    read_pod,
    read_progress,
    read_storage_class,
    read_worker,
    read_workload,
    with_worker,
)
from facedb_operator.record import parse_time
from world_objects import outcome

AT = "2026-11-21T04:00:00Z"


def raw(name: str, component: str = "sidecar", **parts: Any) -> dict[str, Any]:
    labels = {names.COMPONENT_LABEL: component, names.KEY_LABEL: "k1", names.VERSION_LABEL: "2026.02.12"}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": AT}, **parts}


def pod_status(*conditions: tuple[str, str], **container: Any) -> dict[str, Any]:
    listed = [{"type": t, "status": s, "lastTransitionTime": AT} for t, s in conditions]
    return {"podIP": "10.0.0.1", "conditions": listed, "containerStatuses": [container]}


def test_a_pod_is_in_traffic_only_when_it_is_ready_as_a_whole() -> None:
    status = pod_status(("ContainersReady", "True"), ("Ready", "False"), restartCount=2)
    pod = read_pod(raw("p", status=status), None)
    assert (pod.containers_ready, pod.ready, pod.gate, pod.restarts) == (True, False, None, 2)


@pytest.mark.parametrize(("status", "is_open"), [("True", True), ("False", False)])
def test_the_gate_is_read_from_its_condition(status: str, is_open: bool) -> None:
    assert read_pod(raw("p", status=pod_status((names.SERVING_GATE, status))), None).gate is is_open


def test_an_evicted_pod_counts_as_gone() -> None:
    assert read_pod(raw("p", status={"phase": "Failed"}), None).deleting


def test_why_a_pod_waits_and_how_it_ended_are_told() -> None:
    killed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pod = read_pod(raw("p", status=pod_status(state=waiting, lastState=killed)), None)
    assert pod.waiting == "ImagePullBackOff: no such image"
    assert pod.last_exit == "OOMKilled (exit code 137)"


def test_a_container_that_is_just_being_created_does_not_wait_for_anything() -> None:
    state = {"waiting": {"reason": "ContainerCreating"}}
    assert read_pod(raw("p", status=pod_status(state=state)), None).waiting is None


def fetch(component: str = "release", **parts: Any) -> FetchJob:
    found = read_job(raw("j", component, **parts))
    assert isinstance(found, FetchJob)
    return found


def worker(**status: Any) -> Worker:
    pod = raw("p", status=status)
    pod["metadata"]["labels"][JOB_NAME_LABEL] = "j"
    return read_worker(pod)


def ended(kind: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": AT, **more}]}


def test_a_jobs_verdict_is_its_pods_termination_message() -> None:
    said = outcome("2026.02.12", ok=False, reason="WrongChecksum", permanent=True)
    pod = worker(**pod_status(state={"terminated": {"message": said.to_json()}}))
    job = with_worker(fetch(status=ended("Failed")), pod, None)
    assert (job.state, job.outcome) == (JobState.FAILED, said)


def test_a_job_that_was_killed_has_no_verdict() -> None:
    pod = worker(**pod_status(state={"terminated": {"message": "Killed"}}))
    assert with_worker(fetch(status={}), pod, None).outcome is None


@pytest.mark.parametrize(
    ("status", "died"),
    [
        ({"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}, "OOMKilled, exit code 137"),
        ({"state": {"running": {}}}, ""),
    ],
)
def test_a_job_says_how_its_container_ended(status: dict[str, Any], died: str) -> None:
    assert with_worker(fetch(), worker(**{**pod_status(**status), "phase": "Failed"}), None).died == died
    assert with_worker(fetch(), worker(**{**pod_status(**status), "phase": "Running"}), None).died == ""


def test_a_job_whose_pod_was_evicted_has_the_nodes_words() -> None:
    pod = worker(phase="Failed", reason="Evicted", message="The node was low on memory.")
    assert with_worker(fetch(), pod, None).died == "Evicted: The node was low on memory."
    assert with_worker(fetch(), worker(phase="Failed", reason="NodeLost"), None).died == "NodeLost"


def test_a_job_whose_pod_cannot_be_scheduled_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
    job = with_worker(fetch(), worker(conditions=[condition]), None)
    assert job.blocked == "Unschedulable: no node"


def test_a_jobs_log_is_of_the_pod_that_writes_it() -> None:
    at = Progress("Downloading", 1, 9, "a")
    assert with_worker(fetch(), worker(phase="Running"), at).progress == at
    assert (worker(phase="Running").job, worker(phase="Running").running) == ("j", True)
    assert worker(phase="Failed").ended


def test_a_lookup_is_a_job_that_answers_like_a_fetch() -> None:
    said = outcome("2026.02.12", ok=True)
    pod = worker(phase="Succeeded", **pod_status(state={"terminated": {"message": said.to_json()}}))
    job = with_worker(fetch("lookup", status=ended("Complete")), pod, None)
    assert (job.component, job.state, job.outcome) == (names.Component.LOOKUP, JobState.SUCCEEDED, said)


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        pytest.param(None, "DeadlineExceeded: too slow", id="no pod is left: the Job's own words"),
        pytest.param("recall 0.91 < 0.99", "recall 0.91 < 0.99", id="its last words"),
        pytest.param(
            outcome("2026.02.12", ok=False, reason="CheckFailed").to_json(),
            "2026.02.12: CheckFailed",
            id="the message of facedb's own outcome, not its JSON",
        ),
    ],
)
def test_a_check_says_why_it_failed(pod: str | None, message: str) -> None:
    body = raw("j", "check", status=ended("Failed", message="DeadlineExceeded: too slow"))
    body["metadata"]["annotations"] = {names.CHECK_ANNOTATION: "recall"}
    check = read_job(body)
    assert isinstance(check, CheckRun)
    state = {"terminated": {"message": pod}}
    found = with_words(check, worker(phase="Failed", **pod_status(state=state)) if pod else None)
    assert (found.check, found.key, found.state, found.message) == ("recall", "k1", JobState.FAILED, message)


EVICTED = {"reason": "Evicted", "message": "The node was low on memory."}
BY_ITSELF = pod_status(state={"terminated": {"reason": "Error", "exitCode": 1, "message": "no face found"}})
TOLD_TO_STOP = pod_status(state={"terminated": {"reason": "Error", "exitCode": 143}})
UNKNOWN = pod_status(state={"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}})
DISRUPTED = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]


@pytest.mark.parametrize(
    ("pod", "died"),
    [
        pytest.param({"phase": "Failed", **BY_ITSELF}, "", id="it failed by itself"),
        pytest.param({"phase": "Failed", **EVICTED}, "Evicted: The node was low on memory.", id="evicted"),
        pytest.param(
            {"phase": "Failed", **TOLD_TO_STOP, "conditions": DISRUPTED}, "Error, exit code 143", id="drained"
        ),
        pytest.param(
            {"phase": "Running", "conditions": DISRUPTED}, "its pod was killed or evicted", id="going"
        ),
        pytest.param(
            {"phase": "Failed", **UNKNOWN}, "ContainerStatusUnknown, exit code 137", id="lost with its node"
        ),
        pytest.param(None, "its pod was killed or evicted", id="gone"),
    ],
)
def test_a_check_has_found_nothing_when_its_pod_was_taken_away(pod: dict[str, Any] | None, died: str) -> None:
    why = "Job has reached the specified backoff limit"
    check = read_job(raw("j", "check", status=ended("Failed", reason="BackoffLimitExceeded", message=why)))
    assert isinstance(check, CheckRun)
    assert with_words(check, worker(**pod) if pod else None).died == died


def test_a_check_that_took_too_long_has_failed_though_its_pod_is_gone() -> None:
    check = read_job(raw("j", "check", status=ended("Failed", reason="DeadlineExceeded", message="too slow")))
    assert isinstance(check, CheckRun)
    for pod in (None, worker(phase="Running", conditions=DISRUPTED)):
        found = with_words(check, pod)
        assert (found.died, found.message) == ("", "too slow")


def test_a_check_that_runs_or_ended_well_has_not_died() -> None:
    for status in ({}, ended("Complete")):
        check = read_job(raw("j", "check", status=status))
        assert isinstance(check, CheckRun)
        assert with_words(check, None).died == ""


def test_a_check_tells_which_attempt_it_is_also_one_of_an_older_operator() -> None:
    body = raw("j", "check", status=ended("Failed"))
    older = read_job(body)
    body["metadata"]["annotations"] = {names.ATTEMPT_ANNOTATION: "3"}
    newer = read_job(body)
    assert isinstance(older, CheckRun)
    assert isinstance(newer, CheckRun)
    assert (older.attempt, newer.attempt) == (1, 3)
    assert newer.finished_at == parse_time(AT)


def test_a_storage_class_tells_who_makes_its_volumes_and_when() -> None:
    body: dict[str, Any] = {
        "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "csi.example.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    found = read_storage_class(body)
    assert (found.driver, found.default, found.waits_for_consumer) == ("csi.example.com", True, True)


def test_the_last_progress_line_counts() -> None:
    log = (
        '{"event":"progress","phase":"Downloading","bytes_done":1,"bytes_total":9,"file":"a"}\n'
        '{"event":"progress","phase":"Verifying","bytes_done":9,"bytes_total":null,"file":null}\n'
        "INFO something else\n"
    )
    progress = read_progress(log)
    assert progress is not None
    assert (progress.phase, progress.bytes_done, progress.bytes_total) == ("Verifying", 9, None)


@given(st.text(max_size=200))
def test_any_log_is_read_without_an_error(log: str) -> None:
    assert read_progress(log) is None or '"progress"' in log


@given(
    st.builds(Verified, st.none() | st.text(), st.none() | st.text(), st.none(), st.integers(), st.integers())
)
def test_a_claims_receipt_survives_its_annotation(facts: Verified) -> None:
    assert Verified.from_json(facts.to_json()) == facts


def test_claims_and_deployments_carry_what_they_are_for() -> None:
    claim = read_claim(raw("c", "release", spec={}))
    assert (claim.key, claim.version, claim.verified, claim.owned) == ("k1", "2026.02.12", None, False)
    gpu = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "50m"}}
    gate = {"conditionType": names.SERVING_GATE}
    template = {"spec": {"readinessGates": [gate], "containers": [{"resources": gpu}]}}
    work = raw("w", spec={"replicas": 2, "template": template}, status={"replicas": 1})
    work["metadata"]["annotations"] = {names.CLAIM_ANNOTATION: "c", names.DIGEST_ANNOTATION: "sha256:ab"}
    found = read_workload(work)
    assert (found.claim, found.digest, found.replicas) == ("c", "sha256:ab", 2)
    assert found.holds == {"nvidia.com/gpu", "cpu"}
    assert read_counted(work).pods == 1
    assert found.trouble is None
    told = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}
    work["status"]["conditions"] = [{"type": "Available", "status": "True", "message": "fine"}, told]
    assert read_workload(work).trouble == "exceeded quota: pods"
    told["status"] = "False"
    assert read_workload(work).trouble is None
