"""`kubectl facedb status` and `history`: how databases stand, once or as it changes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from facedb_kubectl import options, screen
from facedb_kubectl.client import DATABASES, EVENTS, PODS, Cluster, Json
from facedb_kubectl.edge import Answer, Asked, Output, run
from facedb_kubectl.errors import Forbidden, NotFound, Unreachable
from facedb_kubectl.fields import text
from facedb_kubectl.follow import Seen, changes, now, of_name
from facedb_kubectl.pace import Pace
from facedb_kubectl.readings import look
from facedb_kubectl.screen import UNKNOWN, Speed
from facedb_kubectl.view import View, as_json
from facedb_operator import names
from facedb_operator.names import Component
from facedb_release.cli.answers import table

TICK_S = 1.0
# Pods and Events are asked for when the database changes, and this often besides.
DETAILS_S = 3.0


def status_command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Default all of the namespace.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it live until Ctrl-C.")] = False,
    every: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Show how a database stands, or all of them.

    Versions, phase, the fetch with its speed, the canary's step, the bake, the next window, pods, conditions
    and the last events.
    """
    if name and every:
        raise typer.BadParameter("a NAME is of one namespace", param_hint="--all-namespaces")
    asked = Asked("status", namespace, name)

    def work() -> Answer | None:
        cluster = Cluster(options.where(namespace, context, kubeconfig))
        place = None if every else cluster.namespace
        if watch:
            _watch(Watcher(cluster, place, name, output))
            return None
        if name:
            return _one(cluster, cluster.namespace, name, wide=output is Output.WIDE)
        return _all(cluster, place, wide=output is Output.WIDE)

    run(asked, output, work)


def history_command(
    name: options.Name,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Show the last ten rollouts, newest first, and the releases that were refused."""

    def work() -> Answer:
        cluster = Cluster(options.where(namespace, context, kubeconfig))
        view = look(cluster.get(DATABASES, cluster.namespace, name), now())
        details = {
            "namespace": view.namespace,
            "name": view.name,
            "history": as_json(view.history),
            "refused": as_json(view.refused),
        }
        rows = table(screen.past(view), right=(4, 5, 6)) if view.history else ["No rollout has ended yet."]
        refused = screen.refusals(view, now())
        return Answer(details, [*rows, *(["", "Refused:"] if refused else []), *(f"  {r}" for r in refused)])

    run(Asked("history", namespace, name), output, work)


def detailed(cluster: Cluster, body: Json) -> View:
    """The view of a database with its pods and events, as far as the account may see them."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    sidecars = f"{names.DATABASE_LABEL}={name},{names.COMPONENT_LABEL}={Component.SIDECAR.value}"
    pods: list[Json] = []
    events: list[Json] = []
    # Who may see the database but not these still sees the rest.
    with suppress(Forbidden):
        pods = cluster.items(PODS, namespace, labelSelector=sidecars)
    with suppress(Forbidden):
        uid = text(body, "metadata", "uid")
        events = cluster.items(EVENTS, namespace, fieldSelector=f"involvedObject.uid={uid}")
    return look(body, now(), pods=pods, events=events)


class Watcher:
    """What the live view holds between two looks."""

    def __init__(self, cluster: Cluster, namespace: str | None, name: str | None, output: Output) -> None:
        self.cluster, self.namespace, self.name, self.output = cluster, namespace, name, output
        self._bodies: Sequence[Json] = ()
        self._paces: dict[str, Pace] = {}
        self._asked_at = 0.0
        self.views: tuple[View, ...] = ()
        self.silence: Unreachable | None = None

    def take(self, seen: Seen | None) -> bool:
        """Take what came; whether there is something to show by now.

        Raises:
            NotFound: the one that is looked at is not there.
        """
        if isinstance(seen, Unreachable):
            self.silence = seen
        elif seen is not None:
            if self.name and not seen:
                raise NotFound(f"There is no FaceDatabase {self.name} in namespace {self.namespace}.")
            self._bodies, self.silence = seen, None
        self._read_again(changed=isinstance(seen, tuple))
        return bool(self._bodies) or self.silence is not None or seen is not None

    def speed(self, view: View) -> Speed:
        """How fast its fetch goes."""
        transfer = view.target.transfer if view.target else None
        if transfer is None or transfer.job is None:
            return UNKNOWN
        at, key = time.monotonic(), f"{view.namespace}/{view.name}"
        pace = self._paces.get(key, Pace()).look(transfer.job, at, transfer.bytes_done)
        self._paces[key] = pace
        return Speed(pace.rate(at), pace.left(at, transfer.bytes_total))

    def page(self) -> RenderableType:
        """The whole screen."""
        wide = self.output is Output.WIDE
        warning = [Text(str(self.silence), style="red")] if self.silence else []
        if self.name and self.views:
            view = self.views[0]
            return Group(screen.page(view, now(), speed=self.speed(view), wide=wide), *warning)
        rows = screen.overview(self.views, namespaces=self.namespace is None, wide=wide)
        return Group(*(Text(row) for row in table(rows)), *warning)

    def _read_again(self, *, changed: bool) -> None:
        due = time.monotonic() - self._asked_at > DETAILS_S
        if self.name and self._bodies and (changed or due) and self.silence is None:
            self._asked_at = time.monotonic()
            with suppress(Unreachable):
                self.views = (detailed(self.cluster, self._bodies[0]),)
                return
        if changed or not self.name:
            self.views = tuple(look(body, now()) for body in self._bodies)


def _watch(watcher: Watcher) -> None:
    """Show what changes until somebody ends it. That is no failure."""
    try:
        if sys.stdout.isatty() and not watcher.output.structured:
            _live(watcher)
        else:
            _lines(watcher)
    except KeyboardInterrupt:
        return


def _live(watcher: Watcher) -> None:
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        for seen in _seen(watcher):
            if watcher.take(seen):
                live.update(watcher.page(), refresh=True)


def _lines(watcher: Watcher) -> None:
    """A line whenever one says something new; for `-o json` one object a line."""
    said: dict[str, str] = {}
    for seen in _seen(watcher):
        watcher.take(seen)
        if isinstance(seen, Unreachable):
            typer.echo(f"error: {seen}", err=True)
        for view in watcher.views:
            key, news = f"{view.namespace}/{view.name}", _news(watcher, view)
            # The time of saying it is no news.
            if said.get(key) != (body := news if watcher.output.structured else news.partition(" ")[2]):
                said[key] = body
                typer.echo(news)
                sys.stdout.flush()


def _news(watcher: Watcher, view: View) -> str:
    if watcher.output.structured:
        return json.dumps(as_json(view), ensure_ascii=False)
    return screen.line(view, now())


def _seen(watcher: Watcher) -> Iterator[Seen | None]:
    one = of_name(watcher.name)
    return changes(watcher.cluster, DATABASES, watcher.namespace, tick_s=TICK_S, **one)


def _one(cluster: Cluster, namespace: str, name: str, *, wide: bool) -> Answer:
    view = detailed(cluster, cluster.get(DATABASES, namespace, name))
    return Answer(as_json(view), page=screen.page(view, now(), wide=wide))


def _all(cluster: Cluster, namespace: str | None, *, wide: bool) -> Answer:
    views = [look(body, now()) for body in cluster.items(DATABASES, namespace)]
    where = f"namespace {namespace}" if namespace else "any namespace"
    rows = screen.overview(views, namespaces=namespace is None, wide=wide)
    lines = [row[2:] for row in table(rows)] if views else [f"There is no FaceDatabase in {where}."]
    return Answer({"items": as_json(views)}, lines)
