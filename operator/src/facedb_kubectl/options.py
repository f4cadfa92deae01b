"""Options that the verbs share, and what they mean."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from facedb_kubectl.client import Where
from facedb_kubectl.edge import Output
from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import duration

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the FaceDatabase.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", metavar="NAME", help="Default the context's.")
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Of the kubeconfig; default its current one.")
]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Default as kubectl: KUBECONFIG, ~/.kube.")
]
OutputOption = Annotated[
    Output,
    typer.Option("--output", "-o", metavar="FORMAT", help="text, wide, or json and yaml for programs."),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Until the operator has dealt with it; say what became of it.")
]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="Of --wait: such as 90s, 5m or 1h30m.")
]

JobTimeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="Such as 5m or 1h30m; then the Job is given up.")
]


def where(namespace: str | None, context: str | None, kubeconfig: Path | None) -> Where:
    """Which cluster, and where in it."""
    return Where(namespace, context, kubeconfig)


def timeout_of(text: str, *, wait: bool) -> timedelta | None:
    """How long to wait; None for not at all.

    Raises:
        typer.BadParameter: it is no duration.
    """
    read = duration_of(text)
    return read if wait else None


def duration_of(text: str) -> timedelta:
    """What --timeout says.

    Raises:
        typer.BadParameter: it is no duration.
    """
    try:
        return duration(text, "")
    except InvalidSpec as error:
        raise typer.BadParameter(
            f"{text!r} is no duration such as 90s, 5m or 1h30m", param_hint="--timeout"
        ) from error
