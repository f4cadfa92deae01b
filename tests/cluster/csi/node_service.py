"""The driver's Node service, which mounts volumes into pods, and its registration with the kubelet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import grpc

from cluster.csi.controller_service import unsupported
from cluster.csi.driver_layout import DRIVER, TOPOLOGY
from cluster.csi.limits import is_mounted
from cluster.csi.store import NotThereError, Store
from cluster.csi.wire import message


class Node:
    """Puts a volume's folder where the kubelet wants it, by a bind mount."""

    def __init__(self, store: Store, node: str) -> None:
        self._store = store
        self._node = node

    def NodeGetInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        answer = message("csi.v1.NodeGetInfoResponse")(node_id=self._node)
        answer.accessible_topology.segments[TOPOLOGY] = self._node
        return answer

    def NodeGetCapabilities(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return message("csi.v1.NodeGetCapabilitiesResponse")()

    def NodePublishVolume(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        needed = (request.volume_id, request.target_path, request.HasField("volume_capability"))
        if not all(needed):
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "volume_id, target_path or volume_capability is missing"
            )
        if refusal := unsupported([request.volume_capability]):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
        try:
            source = self._store.files(request.volume_id)
        except NotThereError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        target = Path(request.target_path)
        target.mkdir(parents=True, exist_ok=True)
        if not os.path.samestat(source.stat(), target.stat()):
            _run(context, "mount", "--bind", str(source), str(target))
        if request.readonly:
            _run(context, "mount", "-o", "remount,bind,ro", str(target))
        return message("csi.v1.NodePublishVolumeResponse")()

    def NodeUnpublishVolume(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if not request.volume_id or not request.target_path:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "volume_id or target_path is missing")
        target = Path(request.target_path)
        if is_mounted(target):
            _run(context, "umount", str(target))
        if target.is_dir():
            # Never more than the empty folder: what is in it would be a volume's files.
            target.rmdir()
        return message("csi.v1.NodeUnpublishVolumeResponse")()


class Registration:
    """What the kubelet asks of a plugin's socket that it finds in its folder."""

    def __init__(self, endpoint: Path) -> None:
        self._endpoint = endpoint

    def GetInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return message("pluginregistration.PluginInfo")(
            type="CSIPlugin", name=DRIVER, endpoint=str(self._endpoint), supported_versions=["1.0.0"]
        )

    def NotifyRegistrationStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        print(f"The kubelet has registered the driver. {request.error}".strip(), flush=True)
        return message("pluginregistration.RegistrationStatusResponse")()


def _run(context: grpc.ServicerContext, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        context.abort(grpc.StatusCode.INTERNAL, f"{command[0]} failed: {done.stderr.strip()}")
