"""The driver as one process: all services on one socket, registration with the kubelet on another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from cluster.csi import wire
from cluster.csi.controller_service import Controller, Identity
from cluster.csi.driver_layout import DRIVER, driver_dir, endpoint
from cluster.csi.node_service import Node, Registration
from cluster.csi.store import Store
from cluster.node.layout import NODE_NAME, state_dir

THREADS = 8


def run() -> None:
    """Serve the node until ended."""
    state = driver_dir()
    registry = state_dir() / "kubelet" / "plugins_registry"
    registry.mkdir(parents=True, exist_ok=True)
    with serving(state) as server:
        desk = _server(registry / f"{DRIVER}-reg.sock")
        desk.add_generic_rpc_handlers(
            [wire.handler("pluginregistration.Registration", Registration(endpoint(state)))]
        )
        desk.start()
        server.wait_for_termination()


@contextmanager
def serving(state: Path, node: str = NODE_NAME) -> Iterator[grpc.Server]:
    """All three services on ``endpoint(state)``, with everything that they keep below ``state``."""
    store = Store(state)
    server = _server(endpoint(state))
    server.add_generic_rpc_handlers(
        [
            wire.handler("csi.v1.Identity", Identity()),
            wire.handler("csi.v1.Controller", Controller(store, state, node)),
            wire.handler("csi.v1.Node", Node(store, node)),
        ]
    )
    server.start()
    try:
        yield server
    finally:
        server.stop(grace=None).wait()


def _server(socket: Path) -> grpc.Server:
    # A socket of a process that was killed would be in the way.
    socket.unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_insecure_port(f"unix:{socket}")
    return server
