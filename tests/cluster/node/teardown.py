"""Takes the node away: its processes and containers, mounts, control groups, and what it left elsewhere.

Ends only what is ours: by pid and start time, by control group, or by the state folder in the command line.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.node import network, processes
from cluster.node.layout import CGROUP, NETWORK_NAME, buildah_storage, state_dir
from cluster.node.say import NodeError

_CGROUPS = Path("/sys/fs/cgroup")
# Places that the kubelet, containerd and libcni have no setting for.
_SHIM_SOCKETS = Path("/run/containerd/s")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_CNI_RESULTS = Path("/var/lib/cni/results")
_LOG_LINKS = Path("/var/log/containers")
EMPTY_TIMEOUT_S = 20.0


def run(names: Sequence[str]) -> None:
    """End the processes of these names in this order, then everything else of the node.

    Raises:
        NodeError: something is still mounted or alive; the state folder was not deleted.
    """
    for name in names:
        processes.stop(name)
    shims = _shims()
    _kill_containers()
    processes.end(*shims)
    sockets = _shim_sockets()
    _unmount()
    _remove_cgroups()
    network.remove()
    _remove_leftovers(sockets)
    _remove_state()


def _kill_containers() -> None:
    """SIGKILL to every process in our control group, until there is none."""

    def is_empty() -> bool:
        pids = list(_members())
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not pids

    if not processes.wait_until(is_empty, timeout_s=EMPTY_TIMEOUT_S):
        raise NodeError(f"Containers of the node do not end: processes {sorted(_members())}.")


def _members() -> Iterator[int]:
    for group in _groups():
        for file in group.rglob("cgroup.procs"):
            yield from map(int, file.read_text().split())


def _groups() -> list[Path]:
    """Our group: one in cgroup v2, one for each controller in v1."""
    candidates = [_CGROUPS / CGROUP, *_CGROUPS.glob(f"*/{CGROUP}")]
    return [c for c in candidates if c.is_dir()]


def _remove_cgroups() -> None:
    for group in _groups():
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def _shims() -> list[int]:
    """Containerd's shims of ours: their command line names our socket."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "containerd-shim-runc-v2" in words[0] and any(str(state_dir()) in w for w in words):
            found.append(int(entry.name))
    return found


def _shim_sockets() -> list[Path]:
    """The sockets that our shims' bundles name."""
    found = []
    for file in (state_dir() / "containerd-run").glob("io.containerd.runtime.v2.task/*/*/bootstrap.json"):
        _, _, rest = file.read_text().partition(f"unix://{_SHIM_SOCKETS}/")
        if rest:
            found.append(_SHIM_SOCKETS / rest.partition('"')[0])
    return found


def mounts_below(folder: Path, table: str) -> list[str]:
    """The mount points of ``/proc/self/mounts`` below a folder, deepest first. Pure."""
    targets = [line.split()[1].encode().decode("unicode_escape") for line in table.splitlines()]
    return sorted((t for t in targets if Path(t).is_relative_to(folder)), key=len, reverse=True)


def _unmount() -> None:
    table = Path("/proc/self/mounts").read_text()
    # buildah mounts its storage, and mounts it again when it next needs it.
    for target in [*mounts_below(state_dir(), table), *mounts_below(buildah_storage(), table)]:
        subprocess.run(["umount", "-l", target], capture_output=True, check=False)


def _remove_leftovers(sockets: Sequence[Path]) -> None:
    for socket in sockets:
        socket.unlink(missing_ok=True)
    (_DEVICE_PLUGINS / "kubelet.sock").unlink(missing_ok=True)
    for result in _CNI_RESULTS.glob(f"{NETWORK_NAME}-*"):
        result.unlink()
    for link in _LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(state_dir()):
            link.unlink()
    for folder in (_SHIM_SOCKETS, _DEVICE_PLUGINS, _CNI_RESULTS, _LOG_LINKS):
        for empty in (folder, folder.parent):
            # Only what nobody else uses; /var/log never is empty.
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


def _remove_state() -> None:
    if left := mounts_below(state_dir(), Path("/proc/self/mounts").read_text()):
        raise NodeError(f"Still mounted, so nothing was deleted: {', '.join(left)}")
    shutil.rmtree(state_dir())
