"""Words for people: times, spans, sizes, refusals of the cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from facedb_release.cli.answers import size_text

UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def span_text(span: timedelta) -> str:
    """A span in its two largest units: `45s`, `1m30s`, `2h`, `3d4h`; never negative."""
    left = max(0, round(span.total_seconds()))
    first = next((i for i, (size, _) in enumerate(UNITS) if left >= size), len(UNITS) - 1)
    words: list[str] = []
    for size, unit in UNITS[first : first + 2]:
        count, left = divmod(left, size)
        if count or not words:
            words.append(f"{count}{unit}")
    return "".join(words)


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago it was, in its largest units; empty when nobody knows."""
    return span_text(now - moment) if moment is not None else ""


def until(moment: datetime, now: datetime) -> str:
    """`in 5m`, or `now` when the moment has come."""
    return f"in {span_text(moment - now)}" if moment > now else "now"


def clock(moment: datetime) -> str:
    """A moment in UTC, to the minute: `2026-11-21 04:02Z`."""
    return moment.strftime("%Y-%m-%d %H:%MZ")


def rate_text(bytes_a_second: float) -> str:
    """Such as `21 MB/s`."""
    return f"{size_text(round(bytes_a_second))}/s"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `none` for nothing."""
    *rest, last = list(words) or ["none"]
    return f"{', '.join(rest)} and {last}" if rest else last


def sentence(words: str) -> str:
    """With a full stop, unless it ends a sentence already."""
    return words if words.endswith((".", "!", "?")) or not words else f"{words}."


def forbidden(verb: str, resource: str, namespace: str | None, said: str) -> str:
    """What the API server refused, and which RBAC verb would have allowed it."""
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    kind = "Role" if namespace else "ClusterRole"
    return (
        f"You may not {verb} {resource} {where}: your {kind} lacks the verb `{verb}` on `{resource}`. "
        f"The API server says: {sentence(said)}"
    )
