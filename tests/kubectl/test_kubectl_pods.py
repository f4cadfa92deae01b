"""`kubectl facedb verify` and `logs` against a real API server; the test plays Job controller and kubelet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import kube_states as states
from facedb_kubectl.client import JOBS, Cluster, Where
from facedb_kubectl.errors import Refused
from facedb_kubectl.verify_job import place_of, verify_job
from facedb_operator.facts import Snapshot, Verified
from facedb_operator.objects import serving_pods
from facedb_operator.spec import parse_spec
from facedb_operator.steps import CreateWorkload
from kube_states import NEW, NOW, OLD
from patience import PATIENCE_S
from played_kubelet import NODE, PlayedKubelet

if TYPE_CHECKING:
    from api_server import ApiServer
    from conftest import Plugin

Json = dict[str, Any]
RUNNING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
GOOD = {
    "ok": True,
    "reason": "Verified",
    "message": "/release holds a good release.",
    "faults": [],
    "warnings": [],
}
BAD = {
    "ok": False,
    "reason": "WrongChecksum",
    "message": "faces.json is not the listed one",
    "faults": [
        {"reason": "WrongChecksum", "message": "faces.json is not the listed one", "file": "faces.json"},
        {"reason": "MissingFile", "message": "performers.json is not there", "file": "performers.json"},
    ],
    "warnings": [],
}


def serving_pod(name: str = "faces-rev0-abcde", version: str = OLD, snapshot: Snapshot | None = None) -> Json:
    """A pod as the operator's Deployment makes it."""
    body = {k: v for k, v in states.serving(version=version).items() if k != "status"}
    db = parse_spec(body, default_image="sidecar:1")
    step = CreateWorkload(db.release_key, version, None, "faces-2026-02-10-01234567", 1, snapshot)
    template = serving_pods.deployment(db, step)["spec"]["template"]
    return {
        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
        "spec": {**template["spec"], "nodeName": NODE},
    }


def own_volume() -> Snapshot:
    """The snapshot from which each pod has a volume of its own."""
    facts = Verified(OLD, digest="sha256:ab", performer_count=1, face_count=1, bytes_downloaded=1)
    return Snapshot("faces-snap", "key", OLD, facts, NOW, ready=True)


@pytest.fixture
def node(api: ApiServer) -> Iterator[PlayedKubelet]:
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    merge = "application/merge-patch+json"
    assert api.request("PATCH", "/api/v1/namespaces/media", level, Content_Type=merge)[0] == 200
    with PlayedKubelet(api) as played:
        yield played
        api.kubectl("delete", "pods", "--all", "-n", "media", "--force", "--grace-period=0")


def test_the_job_reads_the_volume_of_the_release_in_traffic_and_of_no_other() -> None:
    pods = [serving_pod("b", NEW), serving_pod("a", OLD)]
    place = place_of("faces", OLD, pods)
    assert (place.claim, place.pod["metadata"]["name"]) == ("faces-2026-02-10-01234567", "a")
    with pytest.raises(Refused, match="No pod of faces serves"):
        place_of("faces", "2026.01.01", pods)
    with pytest.raises(Refused, match="No pod of faces serves"):
        place_of("faces", OLD, [])


def test_a_pod_with_a_volume_of_its_own_is_verified_on_that_volume() -> None:
    place = place_of("faces", OLD, [serving_pod("faces-x", OLD, own_volume())])
    assert place.claim == "faces-x-release"


def test_the_job_can_write_nowhere_and_ask_nobody() -> None:
    pod = serving_pod()
    spec = verify_job(states.serving(), place_of("faces", OLD, [pod]), "0123", 60)["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    [container] = spec["containers"]
    assert [m for m in container["volumeMounts"] if not m.get("readOnly")] == [
        {"name": "tmp", "mountPath": "/tmp"}
    ]
    assert spec["volumes"][0]["persistentVolumeClaim"] == {
        "claimName": "faces-2026-02-10-01234567",
        "readOnly": True,
    }
    assert not any("gpu" in json.dumps(part) for part in (container["resources"], spec))
    assert spec["securityContext"] == pod["spec"]["securityContext"]


def test_the_publics_keys_of_the_spec_are_insisted_on() -> None:
    body = states.serving(verification={"signature": {"publicKeys": ["RWQabc", "RWQdef"]}})
    job = verify_job(body, place_of("faces", OLD, [serving_pod()]), "0123", 60)
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[-4:] == ["--public-key", "RWQabc", "--public-key", "RWQdef"]


def play_job(plugin: Plugin, node: PlayedKubelet, lines: list[str], status: Json) -> Json:
    """Wait for the Job, run its pod to an end, and return the Job."""
    cluster = Cluster(Where(kubeconfig=plugin.api.kubeconfig))
    job = next(jobs[0] for jobs in cluster.follow(JOBS, "media") if jobs)
    name = job["metadata"]["name"]
    template = job["spec"]["template"]
    labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
    node.logs[f"media/{name}-x/verify"] = lines
    node.run({"metadata": {"name": f"{name}-x", "labels": labels}, "spec": template["spec"]}, status)
    return dict(job)


@pytest.mark.cluster
@pytest.mark.parametrize(("verdict", "code"), [(GOOD, 0), (BAD, 1)], ids=["good", "bad"])
def test_verify_says_what_the_job_found_and_leaves_nothing(
    plugin: Plugin, node: PlayedKubelet, verdict: Json, code: int
) -> None:
    plugin.put(states.serving())
    node.run(serving_pod(), RUNNING)
    process = plugin.start("verify", "faces", "-o", "json")
    lines = ["WARNING something", *json.dumps(verdict, indent=2).splitlines()]
    job = play_job(plugin, node, lines, {"phase": "Succeeded" if code == 0 else "Failed"})
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    said = json.loads(out)
    assert (said["ok"], said["reason"], said["version"]) == (code == 0, verdict["reason"], OLD)
    assert said["faults"] == verdict["faults"]
    assert job["metadata"]["ownerReferences"][0]["uid"] == plugin.read()["metadata"]["uid"]
    assert (
        plugin.api.request("GET", f"/apis/batch/v1/namespaces/media/jobs/{job['metadata']['name']}")[0] == 404
    )


@pytest.mark.cluster
def test_a_job_that_is_killed_gives_no_verdict_and_its_reason(plugin: Plugin, node: PlayedKubelet) -> None:
    plugin.put(states.serving())
    node.run(serving_pod(), RUNNING)
    process = plugin.start("verify", "faces")
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    killed = {
        "name": "verify",
        "state": ended,
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
    }
    play_job(plugin, node, [], {"phase": "Failed", "containerStatuses": [killed]})
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert "The Job ended without a verdict. OOMKilled." in err


@pytest.mark.cluster
def test_a_job_that_finds_no_place_is_given_up_with_the_clusters_words(
    plugin: Plugin, node: PlayedKubelet
) -> None:
    plugin.put(states.serving())
    node.run(serving_pod(), RUNNING)
    process = plugin.start("verify", "faces", "--timeout", "3s")
    lacking = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes fit",
    }
    play_job(plugin, node, [], {"phase": "Pending", "conditions": [lacking]})
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4
    assert "has not ended in 3s. 0/1 nodes fit." in err
    assert plugin.api.request("GET", "/apis/batch/v1/namespaces/media/jobs")[1]["items"] == []


@pytest.mark.cluster
def test_verify_needs_a_pod_that_serves(plugin: Plugin) -> None:
    plugin.put(states.serving())
    assert plugin.json("verify", "faces", code=1)["reason"] == "Refused"


@pytest.mark.cluster
def test_logs_are_of_the_serving_pods_and_say_which_where_there_are_two(
    plugin: Plugin, node: PlayedKubelet
) -> None:
    plugin.put(states.serving())
    node.run(serving_pod("faces-a"), RUNNING)
    node.logs["media/faces-a/sidecar"] = ["first", "colour \x1b[31mred"]
    assert plugin("logs", "faces").stdout == "first\ncolour  [31mred\n"
    node.run(serving_pod("faces-b"), RUNNING)
    node.logs["media/faces-b/sidecar"] = ["second"]
    assert plugin("logs", "faces", "--tail", "1").stdout == "faces-a: colour  [31mred\nfaces-b: second\n"
    followed = plugin("logs", "faces", "-f").stdout
    assert sorted(followed.splitlines()) == ["faces-a: colour  [31mred", "faces-a: first", "faces-b: second"]
    assert node.asked[-1]["follow"] == ["true"]
    plugin("logs", "faces", "--previous")
    assert node.asked[-1]["previous"] == ["true"]
    rows = [json.loads(row) for row in plugin("logs", "faces", "-o", "json").stdout.splitlines()]
    assert rows[-1] == {"pod": "faces-b", "line": "second"}


@pytest.mark.cluster
def test_logs_of_the_fetch_are_of_its_last_pod(plugin: Plugin, node: PlayedKubelet) -> None:
    plugin.put(states.fetching())
    pod = serving_pod("faces-fetch-1-2-x")
    pod["metadata"]["labels"]["app.kubernetes.io/component"] = "release"
    pod["spec"]["containers"][0]["name"] = "release"
    node.run(pod, RUNNING)
    node.logs["media/faces-fetch-1-2-x/release"] = ['{"event":"progress"}']
    assert plugin("logs", "faces", "--fetch").stdout == '{"event":"progress"}\n'
    refused = plugin("logs", "faces")
    assert (refused.returncode, refused.stderr) == (1, "error: No pod of faces serves.\n")


@pytest.mark.parametrize("words", [["--fetch", "--previous"], ["-f", "--previous"], ["-o", "yaml"]])
@pytest.mark.cluster
def test_logs_refuse_what_does_not_go_together(plugin: Plugin, words: list[str]) -> None:
    assert plugin("logs", "faces", *words).returncode == 2
