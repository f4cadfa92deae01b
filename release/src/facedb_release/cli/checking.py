"""`facedb check-http` and `facedb check-prometheus`: does a server answer as it should? Once, and at once."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from facedb_release.checking import Bounds, Held, Way, check_http, check_prometheus
from facedb_release.cli import options
from facedb_release.cli.answers import Answer
from facedb_release.fetching.remote import Tally
from facedb_release.progress import Progress
from facedb_release.run import Finished, run

TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds for everything together.")
]


def check_http_command(
    url: Annotated[str, typer.Argument(metavar="URL", help="What to ask for.")],
    status: Annotated[
        int, typer.Option("--status", min=100, max=599, help="That the answer must have.")
    ] = 200,
    timeout: TimeoutOption = 10.0,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    as_json: options.JsonOption = False,
    termination_message: options.TerminationOption = None,
) -> None:
    """Check that a GET is answered with a status; redirects to another server are not followed."""
    place, way = _address(url), Way(timeout, ca_bundle, proxy)
    _run(lambda: check_http(place, status, way), termination_message, as_json)


def check_prometheus_command(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of Prometheus, or what speaks its API.")],
    query: Annotated[str, typer.Option("--query", help="PromQL; a scalar or a vector.")],
    low: Annotated[float | None, typer.Option("--min", help="Least value of every sample.")] = None,
    high: Annotated[float | None, typer.Option("--max", help="Greatest value of every sample.")] = None,
    timeout: TimeoutOption = 10.0,
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    as_json: options.JsonOption = False,
    termination_message: options.TerminationOption = None,
) -> None:
    """Check that every sample of an instant query lies within bounds; none at all, or NaN, fails."""
    place, way = _address(url), Way(timeout, ca_bundle, proxy)
    if "?" in place or "#" in place:
        raise typer.BadParameter("the query belongs into --query", param_hint="URL")
    bounds = _bounds(low, high)
    _run(lambda: check_prometheus(place, query, bounds, way), termination_message, as_json)


def _run(check: Callable[[], Held], termination_message: Path | None, as_json: bool) -> None:
    def work(progress: Progress, tally: Tally) -> Finished:
        held = check()
        return Finished("Holds", held.message, warnings=held.warnings)

    sys.exit(run(work, termination_message, quiet=True, told=Answer(as_json=as_json)))


def _address(url: str) -> str:
    """Return the URL if it can be asked.

    Raises:
        typer.BadParameter: if it is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise typer.BadParameter("not of the form http://HOST[:PORT][/PATH] or https://…", param_hint="URL")
    return url


def _bounds(low: float | None, high: float | None) -> Bounds:
    """Return the bounds.

    Raises:
        typer.BadParameter: if nothing can lie between them.
    """
    if any(bound is not None and math.isnan(bound) for bound in (low, high)):
        raise typer.BadParameter("NaN is no bound", param_hint="--min or --max")
    if low is not None and high is not None and low > high:
        raise typer.BadParameter(f"nothing is at least {low:g} and at most {high:g}", param_hint="--max")
    return Bounds(low, high)
