"""The test node's own decisions: what it builds, refuses, configures and ends. No root, no cluster."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.node import (
    archives,
    binaries,
    images,
    kubelet,
    ownership,
    prerequisites,
    processes,
    provisioner,
    runtime,
    teardown,
)
from cluster.node.layout import GO_MODULES, NODE_NAME
from cluster.node.prerequisites import Machine

GOOD = Machine(platform="linux", user_id=0, go_version="1.26.8", missing=(), has_apt=True)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param({"platform": "darwin"}, "CLUSTER=current", id="not Linux"),
        pytest.param({"user_id": 1000}, "sudo", id="not root"),
        pytest.param({"go_version": None}, "go.dev/doc/install", id="no Go"),
        pytest.param({"go_version": "1.19.8"}, "1.19.8 is too old", id="old Go"),
        pytest.param({"missing": ("runc",), "has_apt": False}, "runc", id="no apt-get"),
        pytest.param({"foreign_state": True}, "FACEDB_CLUSTER_DIR", id="folder of somebody else"),
        pytest.param({"foreign_bridge": True}, "ip link del facedb0", id="bridge of another copy"),
        pytest.param({"foreign_kubernetes": True}, "KUBE-SERVICES", id="another Kubernetes"),
        pytest.param({"taken_ports": (16443,)}, "16443", id="port taken"),
    ],
)
def test_each_obstacle_gets_one_message_that_says_what_to_do(facts: dict[str, Any], words: str) -> None:
    (message,) = prerequisites.problems(replace(GOOD, **facts))
    assert words in message


def test_a_good_machine_has_no_problems_and_missing_packages_are_installed_not_reported() -> None:
    assert prerequisites.problems(replace(GOOD, missing=("runc", "buildah"))) == ()


def test_every_program_is_a_tool_of_its_module_so_that_go_sum_covers_it() -> None:
    for program in (*binaries.PROGRAMS, binaries.REGISTRY, binaries.S3_GATEWAY):
        text = (GO_MODULES / program.module / "go.mod").read_text()
        assert program.package == "." or program.package in text, program.name


def test_a_program_is_built_again_only_when_its_module_or_flags_change(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "go.mod").write_text("module a\n")
    program = binaries.Program("etcd", "etcd", "go.etcd.io/etcd/server/v3")
    before = binaries.key(program, tmp_path)
    assert binaries.key(program, tmp_path) == before
    assert binaries.key(replace(program, tags="x"), tmp_path) != before
    (tmp_path / "etcd" / "go.mod").write_text("module b\n")
    assert binaries.key(program, tmp_path) != before


def test_the_kubelet_keeps_everything_below_the_state_folder() -> None:
    state = Path("/somewhere/state")
    found = kubelet.configuration(state)
    paths = [v for v in json.dumps(found).split('"') if v.startswith("/") and v != "/facedb"]
    assert paths
    assert all(path.startswith(str(state)) for path in paths)


def test_the_kubelet_restarts_crashed_containers_within_seconds_and_never_collects_images() -> None:
    found = kubelet.configuration(Path("/state"))
    assert found["crashLoopBackOff"] == {"maxContainerRestartPeriod": "2s"}
    assert found["imageGCHighThresholdPercent"] == 100
    assert found["failCgroupV1"] is False


def test_containerd_keeps_everything_below_the_state_folder() -> None:
    text = runtime.configuration(Path("/state"), bin_dir=Path("/bins"), cni=Path("/state/cni"))
    found = tomllib.loads(text)
    plugins = found["plugins"]
    assert found["root"] == "/state/containerd"
    assert found["grpc"]["address"] == "/state/containerd.sock"
    runc = plugins["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]
    assert runc["options"] == {"Root": "/state/runc", "SystemdCgroup": False}
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == runtime.PAUSE_IMAGE


def test_control_groups_are_made_in_each_tree_of_cgroup_v1(tmp_path: Path) -> None:
    for name in ("memory", "cpuset"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tasks").touch()
    (tmp_path / "unrelated").mkdir()
    kubelet.make_cgroups(tmp_path)
    assert sorted(p.parent.name for p in tmp_path.glob("*/facedb")) == ["cpuset", "memory"]


def test_the_control_group_of_cgroup_v2_gets_every_controller(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    kubelet.make_cgroups(tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (tmp_path / "facedb").is_dir()


def test_a_folder_with_strange_content_is_foreign_until_it_is_claimed_empty(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not ownership.is_foreign(state)
    state.mkdir()
    assert not ownership.is_foreign(state)
    (state / "letters.txt").write_text("dear")
    assert ownership.is_foreign(state)
    assert not ownership.is_ours(state)


def test_a_claimed_folder_is_ours(tmp_path: Path) -> None:
    ownership.claim(tmp_path / "state")
    assert ownership.is_ours(tmp_path / "state")
    assert not ownership.is_foreign(tmp_path / "state")


def test_mounts_are_found_deepest_first_and_only_below_the_folder() -> None:
    table = (
        "proc /proc proc rw 0 0\n"
        "tmpfs /state/a tmpfs rw 0 0\n"
        "tmpfs /state/a/with\\040space tmpfs rw 0 0\n"
        "tmpfs /state-of-others/a tmpfs rw 0 0\n"
    )
    assert teardown.mounts_below(Path("/state"), table) == ["/state/a/with space", "/state/a"]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test."""
    monkeypatch.setenv("FACEDB_CLUSTER_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_process_is_remembered_and_ended_by_name(state: Path) -> None:
    processes.start("sleeper", ["sleep", "60"])
    assert processes.is_running("sleeper")
    processes.stop("sleeper")
    assert not processes.is_running("sleeper")
    assert not (state / "pids" / "sleeper").exists()
    processes.stop("sleeper")


def test_a_process_that_took_over_a_pid_is_not_ours_and_is_left_alone(state: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (state / "pids").mkdir(parents=True)
        (state / "pids" / "kubelet").write_text(f"{stranger.pid} 1")
        assert not processes.is_running("kubelet")
        processes.stop("kubelet")
        assert stranger.poll() is None
        stranger.kill()


def _claim(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "metadata": {
            "name": "data",
            "namespace": "demo",
            "uid": "0b0f9d52-0000-4000-8000-000000000001",
            "annotations": {provisioner.SELECTED_NODE: NODE_NAME},
        },
        "spec": {
            "storageClassName": provisioner.CLASS,
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    for path, value in changes.items():
        part, _, key = path.partition("__")
        found[part][key] = value
    return found


def test_a_claim_whose_consumer_was_placed_gets_a_volume_once() -> None:
    claim = _claim()
    assert provisioner.wanted(claim, set())
    assert not provisioner.wanted(claim, {provisioner.volume_name(claim)})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"metadata__annotations": None}, id="no consumer yet"),
        pytest.param({"metadata__annotations": {provisioner.SELECTED_NODE: "other"}}, id="another node"),
        pytest.param({"spec__storageClassName": "fast"}, id="another class"),
        pytest.param({"spec__volumeName": "pv-1"}, id="bound already"),
        pytest.param({"metadata__deletionTimestamp": "2026-11-21T00:00:00Z"}, id="going away"),
    ],
)
def test_a_claim_that_is_not_for_us_now_gets_none(changes: dict[str, Any]) -> None:
    assert not provisioner.wanted(_claim(**changes), set())


def test_a_volume_belongs_to_its_claim_alone_and_to_this_node() -> None:
    claim = _claim()
    spec = provisioner.volume(claim, Path("/state/volumes/pvc-1"))["spec"]
    assert spec["claimRef"]["uid"] == claim["metadata"]["uid"]
    assert spec["persistentVolumeReclaimPolicy"] == "Delete"
    assert NODE_NAME in json.dumps(spec["nodeAffinity"])
    assert provisioner.storage_class()["volumeBindingMode"] == "WaitForFirstConsumer"


def test_an_image_archive_leaves_out_the_layers_that_the_node_has(tmp_path: Path) -> None:
    folder = tmp_path / "pushed"
    folder.mkdir()
    names = {}
    for part in (b"config", b"old layer", b"new layer"):
        names[part] = hashlib.sha256(part).hexdigest()
        (folder / names[part]).write_bytes(part)
    layers = [{"digest": f"sha256:{names[part]}"} for part in (b"old layer", b"new layer")]
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": f"sha256:{names[b'config']}"},
        "layers": layers,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    target = tmp_path / "image.tar"
    archives.missing_parts(folder, "localhost/x:1", target, has=lambda digest: digest == names[b"old layer"])
    with tarfile.open(target) as archive:
        found = archive.getnames()
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
    assert f"blobs/sha256/{names[b'new layer']}" in found
    assert f"blobs/sha256/{names[b'old layer']}" not in found
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == "localhost/x:1"


def test_an_image_tag_changes_with_the_code_that_is_in_it_and_with_no_other(tmp_path: Path) -> None:
    recipe = images.Recipe("x", "Dockerfile.x", ("code",))
    (tmp_path / "Dockerfile.x").write_text("FROM scratch\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("1\n")
    before = images.tag(recipe, tmp_path)
    (tmp_path / "elsewhere.py").write_text("2\n")
    assert images.tag(recipe, tmp_path) == before
    (tmp_path / "code" / "a.py").write_text("3\n")
    assert images.tag(recipe, tmp_path) != before
