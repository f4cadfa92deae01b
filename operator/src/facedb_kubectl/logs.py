"""`kubectl facedb logs`: what the serving pods say, or the pods that fetch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread
from typing import Annotated

import typer

from facedb_kubectl import options
from facedb_kubectl.client import DATABASES, PODS, Cluster
from facedb_kubectl.edge import Asked, Output, run
from facedb_kubectl.errors import NotFound, Trouble
from facedb_kubectl.fields import Raw, printable, text
from facedb_operator import names
from facedb_operator.names import Component

FETCHING = (Component.RELEASE, Component.MODELS)


def logs_command(
    name: options.Name,
    fetch: Annotated[bool, typer.Option("--fetch", help="Of the last Job that fetched.")] = False,
    sidecar: Annotated[bool, typer.Option("--sidecar", help="Of the serving pods; the default.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the serving pods' containers before their restart.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[
        int, typer.Option("--tail", min=-1, help="So many last lines of each; -1 for all.")
    ] = 200,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Show the logs of the serving pods, or of the last fetch.

    Where there are several pods, each line begins with its pod's name.
    """
    if fetch and (sidecar or previous):
        raise typer.BadParameter("not together with --sidecar or --previous", param_hint="--fetch")
    if follow and previous:
        raise typer.BadParameter("what was before a restart does not go on", param_hint="--follow")
    if output is Output.YAML:
        raise typer.BadParameter("logs come line by line: text or json", param_hint="--output")
    query = {"tailLines": str(tail)} if tail >= 0 else {}
    query |= {"follow": "true"} if follow else {}
    query |= {"previous": "true"} if previous else {}

    def work() -> None:
        cluster = Cluster(options.where(namespace, context, kubeconfig))
        pods = _pods(cluster, name, FETCHING if fetch else (Component.SIDECAR,))
        _print(cluster, pods[-1:] if fetch else pods, query, output)

    run(Asked("logs", namespace, name), output, work)


def _pods(cluster: Cluster, name: str, components: Sequence[Component]) -> list[Raw]:
    """The pods of these components, the newest last.

    Raises:
        NotFound: there is none, or no such database.
    """
    words = ",".join(component.value for component in components)
    selector = f"{names.DATABASE_LABEL}={name},{names.COMPONENT_LABEL} in ({words})"
    pods = cluster.items(PODS, cluster.namespace, labelSelector=selector)
    if not pods:
        cluster.get(DATABASES, cluster.namespace, name)
        what = (
            "serves" if Component.SIDECAR in components else "fetches, and none of the last day has fetched"
        )
        raise NotFound(f"No pod of {name} {what}.")
    return sorted(pods, key=lambda p: (text(p, "metadata", "creationTimestamp") or "", _name(p)))


def _print(cluster: Cluster, pods: Sequence[Raw], query: dict[str, str], output: Output) -> None:
    try:
        for pod, line in _lines(cluster, pods, query):
            if output is Output.JSON:
                typer.echo(json.dumps({"pod": pod, "line": line}, ensure_ascii=False))
            else:
                typer.echo(f"{pod}: {printable(line)}" if len(pods) > 1 else printable(line))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _lines(cluster: Cluster, pods: Sequence[Raw], query: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each pod's lines: one pod after the other, or as they come where they are followed.

    Raises:
        Trouble: a pod's log cannot be read.
    """
    if "follow" not in query or len(pods) == 1:
        for pod in pods:
            yield from ((_name(pod), line) for line in _log(cluster, pod, query))
        return
    queue: Queue[tuple[str, str] | Trouble | None] = Queue()
    for pod in pods:
        Thread(target=_read, args=(cluster, pod, query, queue), daemon=True).start()
    ended = 0
    while ended < len(pods):
        found = queue.get()
        if isinstance(found, Trouble):
            raise found
        if found is None:
            ended += 1
        else:
            yield found


def _read(
    cluster: Cluster, pod: Raw, query: dict[str, str], queue: Queue[tuple[str, str] | Trouble | None]
) -> None:
    try:
        for line in _log(cluster, pod, query):
            queue.put((_name(pod), line))
        queue.put(None)
    except Trouble as trouble:
        queue.put(trouble)


def _log(cluster: Cluster, pod: Raw, query: dict[str, str]) -> Iterator[str]:
    # The operator calls a container as its pod's component.
    container = text(pod, "metadata", "labels", names.COMPONENT_LABEL) or Component.SIDECAR.value
    return cluster.log(cluster.namespace, _name(pod), container=container, **query)


def _name(pod: Raw) -> str:
    return text(pod, "metadata", "name") or ""
