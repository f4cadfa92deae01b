"""Facts about the machine as a container may use it, and the tier that follows from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.tiers import CPU, GPU_HIGH, GPU_LOW, TIERS, tier_of
from facedb_sidecar.hardware import Gpu, Hardware, memory_limit, read_gpu, read_hardware, usable_cores


@pytest.mark.parametrize(
    ("gpu", "vram_mb", "tier"),
    [
        pytest.param(False, None, CPU, id="no GPU"),
        pytest.param(False, 80_000, CPU, id="a GPU that does not run the models"),
        pytest.param(True, None, GPU_LOW, id="unknown memory counts as little"),
        pytest.param(True, 4095, GPU_LOW, id="just too little"),
        pytest.param(True, 4096, GPU_HIGH, id="just enough"),
    ],
)
def test_the_tier_follows_from_what_runs_the_models(gpu: bool, vram_mb: int | None, tier: object) -> None:
    assert tier_of(gpu=gpu, vram_mb=vram_mb) is tier


@given(st.booleans(), st.integers(0, 200_000), st.integers(0, 200_000))
def test_more_memory_never_means_less_work(gpu: bool, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert tier_of(gpu=gpu, vram_mb=less).batch <= tier_of(gpu=gpu, vram_mb=more).batch


def test_the_tiers_are_those_of_the_contract() -> None:
    rows = [(t.name, t.batch, t.ffmpeg_workers, t.detection_size, t.frames) for t in TIERS]
    assert rows == [("gpu-high", 32, 8, 640, 60), ("gpu-low", 16, 6, 640, 60), ("cpu", 4, 2, 320, 30)]


def test_this_machine_has_cores_memory_and_storage(tmp_path: Path) -> None:
    found = read_hardware(tmp_path)
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert 0 < found.memory_available_mb <= found.memory_total_mb
    assert found.storage_free_mb is not None
    assert found.storage_free_mb > 0
    assert str(found.cores) in found.summary
    assert read_hardware(None).storage_free_mb is None
    assert read_hardware(tmp_path / "gone").storage_free_mb is None


def test_a_machine_without_a_driver_has_no_gpu() -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a GPU")
    assert read_gpu() is None


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="this machine has no GPU")
def test_a_gpu_says_its_name_and_memory() -> None:
    found = read_gpu()
    assert found is not None
    assert found.name
    assert found.vram_mb is not None
    assert found.vram_mb > 1000


def test_a_gpu_that_is_not_used_leaves_the_tier_at_cpu() -> None:
    machine = Hardware(Gpu("Card", 8192), 8, 16_000, 8000, None)
    assert (machine.tier(device="gpu").name, machine.tier(device="cpu").name) == ("gpu-high", "cpu")
    assert Hardware(None, 8, 16_000, 8000, None).tier(device="gpu").name == "cpu"


def group(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own"
    path.write_text(text)
    return path


def test_the_tightest_limit_above_the_process_counts(tmp_path: Path) -> None:
    root = group(tmp_path / "root")
    group(root / "pods", memory__max="4000\n", memory__current="9", memory__stat="")
    leaf = "inactive_file 100\nfile 300\n"
    group(root / "pods" / "mine", memory__max="9000\n", memory__current="500", memory__stat=leaf)
    group(root / "pods" / "mine" / "in", memory__max="max\n", memory__current="1", memory__stat="")
    assert memory_limit(root, own(tmp_path, "0::/pods/mine/in\n")) == (4000, 9)
    (root / "pods" / "mine" / "memory.max").write_text("3000")
    assert memory_limit(root, own(tmp_path, "0::/pods/mine/in\n")) == (3000, 400)


def test_a_container_that_sees_only_its_own_group_finds_its_limit(tmp_path: Path) -> None:
    root = group(tmp_path / "root", memory__max="5000", memory__current="50", cpu__max="150000 100000")
    where = own(tmp_path, "0::/../not/here\n")
    assert memory_limit(root, where) == (5000, 50)
    assert usable_cores(root, where) <= 2


def test_the_old_layout_of_control_groups_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    group(root / "memory" / "a", memory__limit_in_bytes="7000", memory__usage_in_bytes="70")
    group(root / "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1")
    group(root / "cpu" / "a", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    where = own(tmp_path, "3:memory:/a\n2:cpu,cpuacct:/a\n0::/\n")
    assert memory_limit(root, where) == (7000, 70)
    assert usable_cores(root, where) == 1


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path, own(tmp_path, "0::/\n")) == (None, 0)
    assert memory_limit(tmp_path, tmp_path / "missing") == (None, 0)
    assert usable_cores(tmp_path, tmp_path / "missing") >= 1
