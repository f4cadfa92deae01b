"""The tests' CSI driver keeps to CSI: the project's own conformance suite, and what that leaves out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster.csi import driver, faults, limits, wire
from cluster.csi.driver_layout import endpoint
from cluster.csi.faults import Faults
from cluster.node import binaries

# Built from Go modules, and mounts need root.
pytestmark = [pytest.mark.cluster, pytest.mark.alone]

MIB = 1 << 20
Call = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _protocol() -> None:
    wire.ensure()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Call]:
    """Call a method of a running driver's Controller: its name, and the request's fields."""
    with (
        driver.serving(tmp_path),
        grpc.insecure_channel(f"unix:{endpoint(tmp_path)}") as channel,
    ):

        def call(method: str, **fields: Any) -> Any:
            request = wire.message(f"csi.v1.{method}Request")(**fields)
            return wire.call(channel, "csi.v1.Controller", method, request)

        yield call


def _volume(call: Call, name: str, size: int = MIB, **fields: Any) -> Any:
    capability = {"mount": {}, "access_mode": {"mode": 1}}
    asked = {"name": name, "volume_capabilities": [capability], "capacity_range": {"required_bytes": size}}
    return call("CreateVolume", **{**asked, **fields}).volume


def _refusal(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def _files(tmp_path: Path, volume: str) -> Path:
    return tmp_path / "volumes" / volume


def test_the_driver_passes_csis_own_conformance_suite(tmp_path: Path) -> None:
    tool = binaries.ensure_one(binaries.CSI_SANITY)
    state = tmp_path / "state"
    state.mkdir()
    with driver.serving(state):
        command = [
            *(str(tool), f"--csi.endpoint=unix://{endpoint(state)}", "--ginkgo.no-color"),
            *(f"--csi.mountdir={tmp_path / 'mount'}", f"--csi.stagingdir={tmp_path / 'staging'}"),
            *("--csi.testvolumesize", str(MIB)),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "SUCCESS!" in done.stdout
    assert list((state / "volumes").iterdir()) == list((state / "snapshots").iterdir()) == []


def test_a_restored_volume_holds_what_the_snapshot_saw_and_not_what_came_later(
    controller: Call, tmp_path: Path
) -> None:
    source = _volume(controller, "source").volume_id
    (_files(tmp_path, source) / "file").write_text("old")
    cut = controller("CreateSnapshot", name="cut", source_volume_id=source).snapshot
    (_files(tmp_path, source) / "file").write_text("new")
    restored = _volume(
        controller, "restored", volume_content_source={"snapshot": {"snapshot_id": cut.snapshot_id}}
    )
    cloned = _volume(controller, "cloned", volume_content_source={"volume": {"volume_id": source}})
    assert (_files(tmp_path, restored.volume_id) / "file").read_text() == "old"
    assert (_files(tmp_path, cloned.volume_id) / "file").read_text() == "new"
    controller("DeleteVolume", volume_id=source)
    controller("DeleteSnapshot", snapshot_id=cut.snapshot_id)
    assert (_files(tmp_path, restored.volume_id) / "file").read_text() == "old"


def test_a_copy_that_was_cut_off_is_made_anew(controller: Call, tmp_path: Path) -> None:
    source = _volume(controller, "source").volume_id
    (_files(tmp_path, source) / "file").write_text("whole")
    made = _volume(controller, "copy", volume_content_source={"volume": {"volume_id": source}}).volume_id
    # As after a crash during the copy: part of the files, and no record.
    (tmp_path / "volumes" / f"{made}.json").unlink()
    (_files(tmp_path, made) / "file").write_text("ha")
    (_files(tmp_path, made) / "stray").write_text("")
    again = _volume(controller, "copy", volume_content_source={"volume": {"volume_id": source}}).volume_id
    assert again == made
    assert [p.read_text() for p in _files(tmp_path, made).iterdir()] == ["whole"]


def test_a_volume_smaller_than_its_snapshot_is_out_of_range(controller: Call) -> None:
    source = _volume(controller, "source", 2 * MIB).volume_id
    cut = controller("CreateSnapshot", name="cut", source_volume_id=source).snapshot
    assert cut.size_bytes == 2 * MIB
    origin = {"snapshot": {"snapshot_id": cut.snapshot_id}}
    code = _refusal(lambda: _volume(controller, "less", MIB, volume_content_source=origin))
    assert code == grpc.StatusCode.OUT_OF_RANGE


def test_a_limited_volume_is_full_when_it_is_full_and_goes_like_any_other(
    controller: Call, tmp_path: Path
) -> None:
    limited = {limits.PARAMETER: "true"}
    made = _volume(controller, "small", 2 * MIB, parameters=limited).volume_id
    folder = _files(tmp_path, made)
    (folder / "file").write_bytes(bytes(MIB))
    with pytest.raises(OSError, match="No space left"):
        (folder / "more").write_bytes(bytes(2 * MIB))
    (folder / "more").unlink()
    cut = controller("CreateSnapshot", name="cut", source_volume_id=made).snapshot
    origin = {"snapshot": {"snapshot_id": cut.snapshot_id}}
    again = _volume(controller, "again", 2 * MIB, parameters=limited, volume_content_source=origin).volume_id
    assert (_files(tmp_path, again) / "file").stat().st_size == MIB
    for volume in (made, again):
        controller("DeleteVolume", volume_id=volume)
        assert not _files(tmp_path, volume).exists()
        assert not limits.is_mounted(_files(tmp_path, volume))


def test_an_id_that_is_no_id_never_becomes_a_path(controller: Call, tmp_path: Path) -> None:
    (tmp_path / "precious.json").write_text("{}")
    (tmp_path / "precious").mkdir()
    controller("DeleteVolume", volume_id="../precious")
    controller("DeleteSnapshot", snapshot_id="../precious")
    assert (tmp_path / "precious.json").exists()
    assert (tmp_path / "precious").exists()
    code = _refusal(lambda: controller("CreateSnapshot", name="cut", source_volume_id="../precious"))
    assert code == grpc.StatusCode.NOT_FOUND


def test_faults_hit_one_namespace_and_end_when_the_test_ends_them(controller: Call, tmp_path: Path) -> None:
    here = {"csi.storage.k8s.io/pvc/namespace": "here"}
    source = _volume(controller, "source", parameters=here).volume_id
    faults.put("here", Faults(create_volume="RESOURCE_EXHAUSTED", create_snapshot="INTERNAL"), tmp_path)
    full = _refusal(lambda: _volume(controller, "more", parameters=here))
    assert full == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _volume(controller, "other", parameters={"csi.storage.k8s.io/pvc/namespace": "there"}).volume_id

    def cut() -> Any:
        noted = {"csi.storage.k8s.io/volumesnapshot/namespace": "here"}
        return controller("CreateSnapshot", name="cut", source_volume_id=source, parameters=noted).snapshot

    assert _refusal(cut) == grpc.StatusCode.INTERNAL
    faults.put("here", Faults(never_ready=True), tmp_path)
    assert not cut().ready_to_use
    faults.put("here", Faults(), tmp_path)
    assert cut().ready_to_use
    assert [e.snapshot.ready_to_use for e in controller("ListSnapshots").entries] == [True]
