"""The machine → facts about it, as this container may use it: GPU, cores, memory, free storage.

``/system/info`` shows them, and the tier of the settings' defaults comes from them. What cannot be read is
None or the machine's own number; nothing here raises. Reading takes milliseconds, and with a
driver's library it may take longer: call it in a thread.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pynvml

from facedb_sidecar.engine.tiers import Tier, tier_of

log = logging.getLogger(__name__)

MIB = 1024 * 1024
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Gpu:
    """The first GPU that this container sees. ``vram_mb``: MiB; None where the driver does not say."""

    name: str
    vram_mb: int | None


@dataclass(frozen=True)
class Hardware:
    """Sizes in MiB. Cores and memory are those that the container may use, not the node's.

    Attributes:
        gpu: None where the driver shows none. That it is there does not mean that models run on it.
        cores: at least 1.
        memory_total_mb: of the machine, or the container's limit.
        memory_available_mb: what may still be taken without swapping or being killed.
        storage_free_mb: on the volume of the data; None without one.
    """

    gpu: Gpu | None
    cores: int
    memory_total_mb: int
    memory_available_mb: int
    storage_free_mb: int | None

    def tier(self, *, device: str) -> Tier:
        """The tier when models run on ``device``: the engine's true one; before it loads, the wanted one."""
        gpu = device == "gpu" and self.gpu is not None
        return tier_of(gpu=gpu, vram_mb=self.gpu.vram_mb if self.gpu else None)

    @property
    def summary(self) -> str:
        """One line for people."""
        gpu = "no GPU"
        if self.gpu is not None:
            memory = f"{self.gpu.vram_mb} MB" if self.gpu.vram_mb is not None else "unknown memory"
            gpu = f"{self.gpu.name} ({memory})"
        return f"{gpu}, {self.cores} cores, {self.memory_total_mb} MB RAM"


def read_hardware(storage: Path | None = None) -> Hardware:
    """Look at the machine now.

    Args:
        storage: a folder on the volume whose free space counts.
    """
    memory = psutil.virtual_memory()
    limit, used = memory_limit()
    available = memory.available if limit is None else min(memory.available, max(0, limit - used))
    return Hardware(
        gpu=read_gpu(),
        cores=usable_cores(),
        memory_total_mb=min(memory.total, limit or memory.total) // MIB,
        memory_available_mb=available // MIB,
        storage_free_mb=_free(storage),
    )


def read_gpu() -> Gpu | None:
    """The first GPU by NVIDIA's library; None without library, driver or GPU."""
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError):
        # The common case: a machine without an NVIDIA driver.
        return None
    try:
        if pynvml.nvmlDeviceGetCount() == 0:
            return None
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        name = pynvml.nvmlDeviceGetName(handle)
        return Gpu(name if isinstance(name, str) else name.decode(), _vram_mb(handle))
    except pynvml.NVMLError as error:
        log.warning("The GPU's facts cannot be read: %s", error)
        return None
    finally:
        pynvml.nvmlShutdown()


def _vram_mb(handle: object) -> int | None:
    """MiB of the GPU, or of the slice of it (MIG) that this container was given."""
    try:
        slices = [
            pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, 0)
            for current, _ in [pynvml.nvmlDeviceGetMigMode(handle)]
            if current == pynvml.NVML_DEVICE_MIG_ENABLE
        ]
    except pynvml.NVMLError:
        # Most GPUs know no slices.
        slices = []
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo((slices or [handle])[0]).total) // MIB
    except pynvml.NVMLError:
        return None


def memory_limit(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> tuple[int | None, int]:
    """The container's memory limit in bytes (None: no limit), and what of it is taken.

    Files that the kernel may drop at once are not taken.
    """
    lowest: int | None = None
    taken = 0
    for folder in _groups(root, own, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        # Version 1 writes "no limit" as a number beyond any memory.
        if limit is None or limit >= 1 << 60 or (lowest is not None and limit >= lowest):
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        lowest, taken = limit, max(0, used - _droppable(folder / "memory.stat"))
    return lowest, taken


def usable_cores(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Cores that this process may use: by its affinity and by the container's CPU quota, rounded up."""
    cores = len(os.sched_getaffinity(0))
    for folder in _groups(root, own, "cpu"):
        quota, period = _quota(folder)
        if quota is not None and period:
            cores = min(cores, math.ceil(quota / period))
    return max(1, cores)


def _groups(root: Path, own: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's control group and all above it: the tightest limit of them counts."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines or ["0::/"]:
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        top = root / controller if names else root
        # Where the container sees only its own group as the root, its path names folders that are not there.
        inside = top if ".." in path else top / path.strip("/")
        yield from (f for f in (inside, *inside.parents) if f.is_relative_to(top) and f.is_dir())


def _quota(folder: Path) -> tuple[int | None, int | None]:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return (None if quota == "max" else int(quota)), int(period)
    except (OSError, ValueError):
        quota_v1 = _number(folder / "cpu.cfs_quota_us")
        return (quota_v1 if quota_v1 and quota_v1 > 0 else None), _number(folder / "cpu.cfs_period_us")


def _droppable(stat: Path) -> int:
    try:
        rows = [line.split() for line in stat.read_text().splitlines()]
    except OSError:
        return 0
    found = {name: int(value) for name, value in rows}
    return found.get("total_inactive_file", found.get("inactive_file", 0))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        # Not there, or "max".
        return None


def _free(storage: Path | None) -> int | None:
    if storage is None:
        return None
    try:
        return shutil.disk_usage(storage).free // MIB
    except OSError:
        return None
