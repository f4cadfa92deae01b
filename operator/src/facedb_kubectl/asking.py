"""The verbs that ask the operator for something: an annotation with a token, echoed in the status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any

import typer

from facedb_kubectl import options
from facedb_kubectl.client import DATABASES, Cluster, Where
from facedb_kubectl.edge import Answer, Asked, Output, run
from facedb_kubectl.errors import Refused
from facedb_kubectl.follow import await_view, now
from facedb_kubectl.readings import look
from facedb_kubectl.rules import judge, version_for
from facedb_kubectl.screen import headline
from facedb_kubectl.tokens import asking, new_mark, token
from facedb_kubectl.view import View
from facedb_kubectl.wording import sentence

PATIENCE = "2m"
Command = Callable[..., None]
Version = Annotated[str | None, typer.Argument(metavar="VERSION", help="Such as 2026.02.18.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask no question on a terminal.")]

_ASKED: Mapping[str, str] = MappingProxyType(
    {
        "promote": "{name} was asked to go on with the new release.",
        "abort": "{name} was asked to end its rollout and go back.",
        "retry": "{name} was asked to try again what was refused.",
        "pause": "{name} was asked to pause: nothing moves until `kubectl facedb resume {name}`.",
        "resume": "{name} is no longer asked to pause.",
        "rollback": "{name} was asked to go back to {version}.",
        "approve": "{name} may take {version}.",
    }
)


@dataclass(frozen=True)
class Wish:
    """What was given on the command line; `wait` None: do not; `sure`: ask no question."""

    verb: str
    name: str
    version: str | None
    wait: timedelta | None
    sure: bool = True


def _plain(verb: str, doc: str) -> Command:
    def command(
        name: options.Name,
        wait: options.Wait = False,
        timeout: options.Timeout = PATIENCE,
        namespace: options.Namespace = None,
        context: options.Context = None,
        kubeconfig: options.Kubeconfig = None,
        output: options.OutputOption = Output.TEXT,
    ) -> None:
        wish = Wish(verb, name, None, options.timeout_of(timeout, wait=wait))
        _run(wish, options.where(namespace, context, kubeconfig), output)

    command.__doc__ = doc
    return command


def approve_command(
    name: options.Name,
    version: Version = None,
    wait: options.Wait = False,
    timeout: options.Timeout = PATIENCE,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Let a channel take the version on offer, or this VERSION if it is the one on offer.

    It is taken inside the channel's window. Name the version, and nothing newer is taken by mistake.
    """
    wish = Wish("approve", name, version, options.timeout_of(timeout, wait=wait))
    _run(wish, options.where(namespace, context, kubeconfig), output)


def rollback_command(
    name: options.Name,
    version: Version = None,
    yes: Yes = False,
    wait: options.Wait = False,
    timeout: options.Timeout = PATIENCE,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.OutputOption = Output.TEXT,
) -> None:
    """Go back to a kept release: to VERSION, or to the one that served before.

    Nothing is fetched. The version in traffic is remembered as refused, and does not come again by itself:
    only after `retry` or a change of the spec.
    """
    wish = Wish("rollback", name, version, options.timeout_of(timeout, wait=wait), sure=yes)
    _run(wish, options.where(namespace, context, kubeconfig), output)


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "promote": _plain(
            "promote",
            "End a canary's pause, a bake or a freeze: go on with the new release.",
        ),
        "abort": _plain(
            "abort",
            "End the rollout under way, or a freeze, and go back to the last good release.",
        ),
        "retry": _plain(
            "retry",
            "Try again what was refused, once: after the source or the cluster was repaired.",
        ),
        "pause": _plain(
            "pause",
            "Begin nothing and move nothing until `resume`. What serves goes on serving.",
        ),
        "resume": _plain(
            "resume",
            "End a pause.",
        ),
        "rollback": rollback_command,
        "approve": approve_command,
    }
)


def _run(wish: Wish, where: Where, output: Output) -> None:
    asked = Asked(wish.verb, where.namespace, wish.name)
    run(asked, output, lambda: _ask(Cluster(where), wish, output))


def _ask(cluster: Cluster, wish: Wish, output: Output) -> Answer:
    """Judge, ask, and wait for the answer if that is wanted."""
    namespace = cluster.namespace
    view = look(cluster.get(DATABASES, namespace, wish.name), now())
    version = version_for(wish.verb, view, wish.version)
    judge(wish.verb, view, version)
    if not wish.sure and not output.structured and sys.stdin.isatty():
        _confirm(f"{wish.name} serves {view.active or 'nothing'}. Go back to {version}?")
    # A pause holds as long as its annotation is there.
    ends_pause = wish.verb == "resume"
    held = None if ends_pause else token(wish.verb, version, new_mark())
    cluster.ask(DATABASES, namespace, wish.name, asking("pause" if ends_pause else wish.verb, held))
    message = _ASKED[wish.verb].format(name=wish.name, version=version)
    asked = Asked(wish.verb, namespace, wish.name)
    if wish.wait is None:
        return Answer(asked.answer("Asked", message, version=version, token=held), [message])
    became = _await(cluster, wish, held, wish.wait)
    lines = [message, f"{headline(became)}: {sentence(became.message)}"]
    more: dict[str, Any] = {"version": version, "token": held, "phase": became.phase}
    return Answer(asked.answer("Handled", became.message, **more, ready=became.is_true("Ready")), lines)


def _await(cluster: Cluster, wish: Wish, held: str | None, timeout: timedelta) -> View:
    """The view in which the operator has dealt with it."""

    def holds(view: View) -> bool:
        if wish.verb in ("pause", "resume"):
            return view.is_true("Paused") is (wish.verb == "pause")
        return view.handled.get(wish.verb) == held

    what = f"an operator to deal with {wish.verb} of {wish.name}"
    return await_view(cluster, cluster.namespace, wish.name, holds, timeout=timeout, what=what)


def _confirm(question: str) -> None:
    """Ask it.

    Raises:
        Refused: the answer was no.
    """
    if not typer.confirm(question, err=True):
        raise Refused("Nothing was asked for.")
