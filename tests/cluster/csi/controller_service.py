"""The driver's Identity and Controller services: the store, spoken of in CSI's messages and codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import grpc

from cluster.csi import faults, limits
from cluster.csi.driver_layout import DRIVER, TOPOLOGY
from cluster.csi.store import NotThereError, Origin, OtherwiseError, Snapshot, Store, TooSmallError
from cluster.csi.wire import message

# One folder on one node: a mounted file system that one node at a time uses.
_MODES = (1, 2)
_MOUNT = "mount"
# CSI's words for the side-cars' --extra-create-metadata.
_CLAIM_NAMESPACE = "csi.storage.k8s.io/pvc/namespace"
_SNAPSHOT_NAMESPACE = "csi.storage.k8s.io/volumesnapshot/namespace"
_LONGEST_NAME = 128


class Identity:
    """Who the driver is."""

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return message("csi.v1.GetPluginInfoResponse")(name=DRIVER, vendor_version="1")

    def GetPluginCapabilities(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        capability = message("csi.v1.PluginCapability")
        kinds = ("CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS")
        found = [capability(service=capability.Service(type=capability.Service.Type.Value(k))) for k in kinds]
        return message("csi.v1.GetPluginCapabilitiesResponse")(capabilities=found)

    def Probe(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        answer = message("csi.v1.ProbeResponse")()
        answer.ready.value = True
        return answer


class Controller:
    """Makes and deletes volumes and snapshots."""

    def __init__(self, store: Store, state: Path, node: str) -> None:
        self._store = store
        self._state = state
        self._node = node

    def ControllerGetCapabilities(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        capability = message("csi.v1.ControllerServiceCapability")
        kinds = ("CREATE_DELETE_VOLUME", "CREATE_DELETE_SNAPSHOT", "LIST_SNAPSHOTS", "CLONE_VOLUME")
        found = [capability(rpc=capability.RPC(type=capability.RPC.Type.Value(k))) for k in kinds]
        return message("csi.v1.ControllerGetCapabilitiesResponse")(capabilities=found)

    def CreateVolume(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _needed(context, name=request.name, volume_capabilities=request.volume_capabilities)
        _named(context, request.name)
        if refusal := unsupported(request.volume_capabilities):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
        self._fail(context, "create_volume", request.parameters.get(_CLAIM_NAMESPACE, ""))
        source = request.volume_content_source
        origin = Origin(source.snapshot.snapshot_id, source.volume.volume_id)
        size = request.capacity_range
        try:
            limited = request.parameters.get(limits.PARAMETER) == "true"
            made = self._store.create_volume(
                request.name, size.required_bytes, size.limit_bytes, origin, limited=limited
            )
        except (NotThereError, OtherwiseError, TooSmallError, OSError) as error:
            _refuse(context, error)
        volume = message("csi.v1.Volume")(volume_id=made.id, capacity_bytes=made.capacity)
        volume.accessible_topology.add().segments[TOPOLOGY] = self._node
        if request.HasField("volume_content_source"):
            volume.content_source.CopyFrom(source)
        return message("csi.v1.CreateVolumeResponse")(volume=volume)

    def DeleteVolume(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _needed(context, volume_id=request.volume_id)
        self._store.delete_volume(request.volume_id)
        return message("csi.v1.DeleteVolumeResponse")()

    def ValidateVolumeCapabilities(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _needed(context, volume_id=request.volume_id, volume_capabilities=request.volume_capabilities)
        try:
            self._store.volume(request.volume_id)
        except NotThereError as error:
            _refuse(context, error)
        answer = message("csi.v1.ValidateVolumeCapabilitiesResponse")()
        if refusal := unsupported(request.volume_capabilities):
            answer.message = refusal
        else:
            answer.confirmed.volume_capabilities.extend(request.volume_capabilities)
        return answer

    def CreateSnapshot(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _needed(context, name=request.name, source_volume_id=request.source_volume_id)
        _named(context, request.name)
        namespace = request.parameters.get(_SNAPSHOT_NAMESPACE, "")
        self._fail(context, "create_snapshot", namespace)
        try:
            made = self._store.create_snapshot(request.name, request.source_volume_id, namespace)
        except (NotThereError, OtherwiseError, OSError) as error:
            _refuse(context, error)
        return message("csi.v1.CreateSnapshotResponse")(snapshot=self._said(made))

    def DeleteSnapshot(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _needed(context, snapshot_id=request.snapshot_id)
        self._store.delete_snapshot(request.snapshot_id)
        return message("csi.v1.DeleteSnapshotResponse")()

    def ListSnapshots(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        found = [
            s
            for s in self._store.snapshots()
            if request.snapshot_id in ("", s.id) and request.source_volume_id in ("", s.volume)
        ]
        token = request.starting_token or "0"
        if not token.isdecimal() or int(token) > len(found):
            context.abort(grpc.StatusCode.ABORTED, f"{token!r} is no token of this list: begin anew")
        first = int(token)
        last = first + request.max_entries if request.max_entries else len(found)
        answer = message("csi.v1.ListSnapshotsResponse")()
        for item in found[first:last]:
            answer.entries.add().snapshot.CopyFrom(self._said(item))
        if last < len(found):
            answer.next_token = str(last)
        return answer

    def _said(self, snapshot: Snapshot) -> Any:
        answer = message("csi.v1.Snapshot")(
            snapshot_id=snapshot.id,
            source_volume_id=snapshot.volume,
            size_bytes=snapshot.size,
            ready_to_use=not faults.of(snapshot.namespace, self._state).never_ready,
        )
        answer.creation_time.FromNanoseconds(snapshot.at)
        return answer

    def _fail(self, context: grpc.ServicerContext, operation: str, namespace: str) -> None:
        if code := getattr(faults.of(namespace, self._state), operation):
            context.abort(grpc.StatusCode[code], f"{operation} fails because a test asked for it")


def unsupported(capabilities: Any) -> str:
    """Why a volume cannot be used so; empty when it can."""
    for capability in capabilities:
        if capability.WhichOneof("access_type") != _MOUNT:
            return "only mounted file systems are offered, no block devices"
        if capability.access_mode.mode not in _MODES:
            return "a volume belongs to one node: only the access modes of a single node are offered"
    return ""


def _needed(context: grpc.ServicerContext, **fields: Any) -> None:
    for name, value in fields.items():
        if not value:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is missing")


def _named(context: grpc.ServicerContext, name: str) -> None:
    if len(name.encode()) > _LONGEST_NAME:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the name is longer than {_LONGEST_NAME} bytes")


def _refuse(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    code = {
        NotThereError: grpc.StatusCode.NOT_FOUND,
        OtherwiseError: grpc.StatusCode.ALREADY_EXISTS,
        TooSmallError: grpc.StatusCode.OUT_OF_RANGE,
    }.get(type(error), grpc.StatusCode.INTERNAL)
    context.abort(code, str(error))
    raise AssertionError("abort raises")
