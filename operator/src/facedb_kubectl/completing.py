"""Words that could come next on the command line, for kubectl's own completion.

kubectl runs `kubectl_complete-facedb` with the words behind `kubectl facedb`, the last one unfinished or
empty, and reads candidates, one a line with a tab before what it means, and `:<directive>` last.
https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import typer
from typer.main import get_command

from facedb_kubectl.__main__ import app
from facedb_kubectl.client import DATABASES, NAMESPACES, Cluster, Where, contexts
from facedb_kubectl.edge import Output
from facedb_kubectl.errors import Trouble
from facedb_kubectl.follow import now
from facedb_kubectl.readings import look

# As kubectl's library knows them: files may come, or nothing but what was said.
FILES, NOTHING_ELSE = 0, 4
# What is asked of the cluster: (what, the options given so far, the words given so far) → candidates.
Ask = Callable[[str, Mapping[str, str], Sequence[str]], Iterable[str]]

_VALUES: Mapping[str, str] = MappingProxyType({"namespace": "namespaces", "context": "contexts"})
_VERSIONS: Mapping[str, str] = MappingProxyType({"rollback": "kept", "approve": "offered"})


def suggest(words: Sequence[str], ask: Ask) -> tuple[list[str], int]:
    """The candidates for the last word, and the directive."""
    *given, current = words or [""]
    verbs: Mapping[str, Any] = vars(get_command(app))["commands"]
    verb = next((word for word in given if word in verbs), None)
    if verb is None:
        shown = [f"{name}\t{command.get_short_help_str(limit=100)}" for name, command in verbs.items()]
        return _fitting(shown, current), NOTHING_ELSE
    options = {name: param for param in verbs[verb].params for name in param.opts if name.startswith("-")}
    known, positional, open_option = _read(given[given.index(verb) + 1 :], options)
    named, equals, begun = current.partition("=")
    if open_option is not None:
        return _value(open_option, current, known, ask)
    if equals and named in options:
        found, directive = _value(options[named], begun, known, ask)
        return [f"{named}={each}" for each in found], directive
    if current.startswith("-"):
        return _fitting((f"{name}\t{param.help}" for name, param in options.items()), current), NOTHING_ELSE
    what = "databases" if not positional and _takes_name(verbs[verb]) else None
    what = _VERSIONS.get(verb) if len(positional) == 1 else what
    return (_fitting(ask(what, known, positional), current) if what else []), NOTHING_ELSE


def main() -> None:
    """Answer kubectl. A cluster that does not answer has no candidates."""
    try:
        found, directive = suggest(sys.argv[1:], _ask)
    except Trouble:
        found, directive = [], NOTHING_ELSE
    typer.echo("\n".join([*found, f":{directive}"]))


def _read(given: Sequence[str], options: Mapping[str, Any]) -> tuple[dict[str, str], list[str], Any | None]:
    """Options by their name with their values, the other words, and the option that still wants its value."""
    known: dict[str, str] = {}
    positional: list[str] = []
    wanting = None
    for word in given:
        name, equals, value = word.partition("=")
        if wanting is not None:
            known[wanting.name], wanting = word, None
        elif name in options and equals:
            known[options[name].name] = value
        elif word in options:
            wanting = None if options[word].is_flag else options[word]
        elif not word.startswith("-"):
            positional.append(word)
    return known, positional, wanting


def _value(param: Any, begun: str, known: Mapping[str, str], ask: Ask) -> tuple[list[str], int]:
    if param.name == "kubeconfig":
        return [], FILES
    if param.name == "output":
        return _fitting(Output, begun), NOTHING_ELSE
    what = _VALUES.get(param.name)
    return (_fitting(ask(what, known, ()), begun) if what else []), NOTHING_ELSE


def _takes_name(command: Any) -> bool:
    return any(param.param_type_name == "argument" for param in command.params)


def _fitting(words: Iterable[str], begun: str) -> list[str]:
    return [word for word in words if word.startswith(begun)]


def _ask(what: str, known: Mapping[str, str], positional: Sequence[str]) -> Iterable[str]:
    """Ask the cluster.

    Raises:
        Trouble: it does not answer, or not this account.
    """
    file = known.get("kubeconfig")
    where = Where(known.get("namespace"), known.get("context"), Path(file) if file else None)
    if what == "contexts":
        return contexts(where)
    cluster = Cluster(where)
    if what in ("databases", "namespaces"):
        kind, place = (DATABASES, cluster.namespace) if what == "databases" else (NAMESPACES, None)
        return sorted(each["metadata"]["name"] for each in cluster.items(kind, place))
    view = look(cluster.get(DATABASES, cluster.namespace, positional[0]), now())
    if what == "kept":
        return view.kept
    return [view.offer.version] if view.offer and view.offer.version else []
