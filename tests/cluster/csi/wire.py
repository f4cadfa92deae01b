"""The messages and services of CSI and of the kubelet's plugin registration, from their own .proto files.

Both files come with Go modules that the node builds from anyway; nothing of them is kept in this repository.
protoc turns them into descriptors once, in the cache; messages are made from those at run time.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from cluster.node import go_modules
from cluster.node.layout import cache_dir
from cluster.node.say import NodeError

# Folder of node/go/ whose go.mod fixes the version, module, and the file in it.
CSI = ("csi", "github.com/container-storage-interface/spec", "csi.proto")
REGISTRATION = ("kubernetes", "k8s.io/kubelet", "pkg/apis/pluginregistration/v1/api.proto")


def ensure() -> None:
    """Have both files' descriptors in the cache.

    Raises:
        NodeError: a module could not be had, or protoc refused its file.
    """
    for origin in (CSI, REGISTRATION):
        _descriptors(origin)


def message(full_name: str) -> Any:
    """The class of a message, as in ``csi.v1.CreateVolumeRequest``."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))


def handler(service: str, servant: object) -> grpc.GenericRpcHandler:
    """Serve those methods of a service that ``servant`` has; gRPC answers UNIMPLEMENTED to the others.

    Args:
        service: its full name, as in ``csi.v1.Node``.
        servant: has methods by the service's names, from a request message and a context to an answer.
    """
    methods = {}
    for method in _pool().FindServiceByName(service).methods:
        function: Callable[..., Any] | None = getattr(servant, method.name, None)
        if function is not None:
            methods[method.name] = grpc.unary_unary_rpc_method_handler(
                function,
                request_deserializer=message(method.input_type.full_name).FromString,
                response_serializer=message(method.output_type.full_name).SerializeToString,
            )
    return grpc.method_handlers_generic_handler(service, methods)


def call(channel: grpc.Channel, service: str, method: str, request: Any, *, timeout_s: float = 10.0) -> Any:
    """Call one method, as Kubernetes does.

    Raises:
        grpc.RpcError: with the driver's code and words.
    """
    answer = _pool().FindServiceByName(service).FindMethodByName(method).output_type.full_name
    invoke = channel.unary_unary(
        f"/{service}/{method}",
        request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=message(answer).FromString,
    )
    return invoke(request, timeout=timeout_s)


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    known = set()
    for origin in (CSI, REGISTRATION):
        files = descriptor_pb2.FileDescriptorSet.FromString(_descriptors(origin).read_bytes())
        for file in files.file:
            if file.name not in known:
                pool.Add(file)
                known.add(file.name)
    return pool


def _descriptors(origin: tuple[str, str, str]) -> Path:
    """The compiled descriptors of one .proto file, in the cache under its module's version."""
    built_in, module, file = origin
    name = f"{module.replace('/', '-')}-{go_modules.version(built_in, module)}.descriptors"
    target = cache_dir() / "protos" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _compile(go_modules.folder(built_in, module) / file, target)
    return target


def _compile(source: Path, target: Path) -> None:
    from grpc_tools import protoc

    part = target.with_suffix(f".{os.getpid()}.part")
    with importlib.resources.as_file(importlib.resources.files("grpc_tools") / "_proto") as well_known:
        status = protoc.main(
            [
                *("protoc", f"--proto_path={source.parent}", f"--proto_path={well_known}"),
                *("--include_imports", f"--descriptor_set_out={part}", source.name),
            ]
        )
    if status != 0:
        raise NodeError(f"protoc refused {source}")
    part.replace(target)
