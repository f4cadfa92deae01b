"""A view → what a person reads: a page, a table's row, a line. Pure; `edge` prints it.

Everything comes as Text, never as markup: what a cluster says must not be able to paint the screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from facedb_kubectl.view import Canary, Refused, Target, Transfer, View
from facedb_kubectl.wording import ago, clock, rate_text, sentence, span_text, until
from facedb_release.cli.answers import size_text

BAR_WIDTH = 30
_STYLES = {"True": "green", "False": "red"}
# Conditions whose True is no good news.
_BAD_NEWS = frozenset({"Degraded", "Stalled"})
_BAD_NEWS_OF = {"True": "red", "False": "green"}
_NEUTRAL = frozenset({"Progressing", "Reconciling", "Paused", "UpdateAvailable"})

Row = tuple[str, RenderableType]


@dataclass(frozen=True)
class Speed:
    """How fast the fetch goes, in bytes a second, and how long it still takes; None where nobody knows."""

    rate: float | None = None
    left: timedelta | None = None


UNKNOWN = Speed()


def page(view: View, now: datetime, *, speed: Speed = UNKNOWN, wide: bool = False) -> RenderableType:
    """Everything of one database."""
    style = "green" if view.is_true("Ready") else "red" if view.is_true("Stalled") else "yellow"
    title = Text.assemble((f"{view.namespace}/{view.name}", "bold"), "  ", (headline(view), style))
    facts = _grid()
    for name, shown in _facts(view, now, speed):
        facts.add_row(Text(name, style="dim"), shown)
    sections = [
        Group(Text(), each) for each in (_conditions(view, now), _pods(view, wide), _events(view, now))
    ]
    # A section without rows is an empty Text.
    return Group(title, Text(sentence(view.message)), Text(), facts, *sections)


def headline(view: View) -> str:
    """The phase, and what holds it: `RollingOut (paused)`."""
    marks = {"not seen yet": not view.seen, "paused": view.paused, "suspended": view.suspended}
    more = [word for word, holds in {**marks, "frozen": view.frozen is not None}.items() if holds]
    # Where the operator says it itself, once is enough.
    more = [word for word in more if word.capitalize() != view.phase]
    return f"{view.phase} ({', '.join(more)})" if more else view.phase


def line(view: View, now: datetime, *, speed: Speed = UNKNOWN) -> str:
    """One line, for a log: when it was, which database, and how it stands."""
    words = [now.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{view.namespace}/{view.name}", headline(view)]
    words.append(f"{view.active or 'nothing'} in traffic, {view.desired or 'nothing'} wanted,")
    words.append(f"{view.ready}/{view.wanted} pods.")
    if view.target and view.target.transfer:
        words.append(f"{_what(view.target.transfer)}: {_bytes(view.target.transfer, speed)}.")
    words.append(sentence(view.message))
    return " ".join(words)


def overview(views: Sequence[View], *, namespaces: bool, wide: bool) -> list[list[str]]:
    """A table's rows, the first one its head."""
    head = ["NAMESPACE"] * namespaces + ["NAME", "DESIRED", "ACTIVE", "PHASE", "PODS", "PROGRESS"]
    head += ["OFFER", "STRATEGY", "STORAGE", "MESSAGE"] * wide
    return [head, *(_row(view, namespaces=namespaces, wide=wide) for view in views)]


def past(view: View) -> list[list[str]]:
    """The rollouts that have ended, newest first, below a head."""
    head = ["VERSION", "OUTCOME", "REASON", "STARTED", "TOOK", "DOWNLOADED", "UNAVAILABLE"]
    return [
        head,
        *(
            [
                p.version,
                p.outcome,
                p.reason,
                clock(p.started_at) if p.started_at else "",
                span_text(p.finished_at - p.started_at) if p.finished_at and p.started_at else "",
                size_text(p.downloaded_bytes),
                f"{p.unavailable_seconds:.1f}s",
            ]
            for p in reversed(view.history)
        ),
    ]


def refusals(view: View, now: datetime) -> list[str]:
    """A line for each release that is not tried again by itself."""
    return [_refused(each, now) for each in reversed(view.refused)]


def _row(view: View, *, namespaces: bool, wide: bool) -> list[str]:
    transfer = view.target.transfer if view.target else None
    cells = [view.namespace] * namespaces
    cells += [
        view.name,
        view.desired or "-",
        view.active or "-",
        headline(view),
        f"{view.ready}/{view.wanted}",
    ]
    cells += [_percent(transfer) or "-" if transfer else "-"]
    offer = (view.offer.version if view.offer else None) or "-"
    return cells + [offer, view.strategy, view.storage, view.message or "-"] * wide


def _facts(view: View, now: datetime, speed: Speed) -> Iterator[Row]:
    since = ago(view.active_since, now)
    yield "wanted", Text(view.desired or "nothing yet: the channel has not chosen")
    yield "in traffic", Text((view.active or "nothing") + (f", for {since}" if since else ""))
    yield "pods", Text(f"{view.ready} of {view.wanted} in traffic; {view.strategy}, {view.storage}")
    if view.target is not None:
        yield from _rollout(view, view.target, now, speed)
    if view.frozen is not None:
        yield (
            "frozen",
            Text(f"{view.frozen.version} failed; nothing moves until you promote, abort or retry it"),
        )
    yield from _channel(view, now)
    if view.kept:
        yield "kept", Text(", ".join(view.kept))
    for each in reversed(view.refused[-3:]):
        yield "refused", Text(_refused(each, now))


def _rollout(view: View, target: Target, now: datetime, speed: Speed) -> Iterator[Row]:
    begun = f", begun {ago(target.started_at, now)} ago" if target.started_at else ""
    # While bytes come the fetch has its own patience; the deadline is of pods.
    ends = target.deadline is not None and target.transfer is None and target.bake_until is None
    given_up = f"; given up {until(target.deadline, now)} unless it moves" if ends and target.deadline else ""
    yield "rollout", Text(f"{target.version} {target.state}{begun}{given_up}")
    if target.transfer is not None:
        yield "fetch", Text(_what(target.transfer))
        yield "", _transfer(target.transfer, speed)
    elif target.canary is not None:
        yield "canary", Text(_canary(view, target.canary, now))
    if target.bake_until is not None:
        yield "bake", Text(f"good {until(target.bake_until, now)} ({clock(target.bake_until)})")


def _canary(view: View, canary: Canary, now: datetime) -> str:
    where = f"step {canary.step} of {canary.steps}, {canary.percent}% of the pods"
    if canary.waits_for_promote:
        return f"{where}; waits for `kubectl facedb promote {view.name}`"
    if canary.until is not None:
        return f"{where}; goes on {until(canary.until, now)}"
    return f"{where}; its pods come up"


def _channel(view: View, now: datetime) -> Iterator[Row]:
    if view.offer is None:
        return
    what = f"{view.offer.version} is on offer" if view.offer.version else "nothing is on offer yet"
    yield "channel", Text(f"{what}. {sentence(view.offer.because)}".rstrip())
    if view.offer.window_opens is not None:
        opens = view.offer.window_opens
        yield "window", Text(f"opens {until(opens, now)} ({clock(opens)})" if opens > now else "open now")


def _transfer(transfer: Transfer, speed: Speed) -> RenderableType:
    words = Text(_bytes(transfer, speed))
    if not transfer.bytes_total:
        return words
    done = min(transfer.bytes_done, transfer.bytes_total)
    # Numbers of bytes are more than a bar can divide without losing some: thousandths are enough.
    bar = ProgressBar(total=1000, completed=1000 * done // transfer.bytes_total, width=BAR_WIDTH)
    both = Table.grid(padding=(0, 2))
    both.add_row(bar, words)
    return both


def _what(transfer: Transfer) -> str:
    return transfer.what + (
        f", attempt {transfer.attempt}" if transfer.attempt and transfer.attempt > 1 else ""
    )


def _bytes(transfer: Transfer, speed: Speed) -> str:
    total = f" of {size_text(transfer.bytes_total)}" if transfer.bytes_total else ""
    words = [_percent(transfer), f"{size_text(transfer.bytes_done)}{total}"]
    words.append(rate_text(speed.rate) if speed.rate is not None else "")
    words.append(f"{span_text(speed.left)} left" if speed.left is not None else "")
    return ", ".join(word for word in words if word)


def _percent(transfer: Transfer) -> str:
    if not transfer.bytes_total:
        return ""
    return f"{min(100, 100 * transfer.bytes_done // transfer.bytes_total)}%"


def _refused(refused: Refused, now: datetime) -> str:
    when = f" {ago(refused.at, now)} ago" if refused.at else ""
    return f"{refused.version}{when}, {refused.reason}: {sentence(refused.message)}"


def _conditions(view: View, now: datetime) -> RenderableType:
    table = _grid()
    for c in view.conditions:
        news = (
            _BAD_NEWS_OF.get(c.status, "yellow") if c.type in _BAD_NEWS else _STYLES.get(c.status, "yellow")
        )
        style = "" if c.type in _NEUTRAL else news
        cells = (Text(c.type), Text(c.status, style=style), Text(c.reason), Text(ago(c.since, now)))
        table.add_row(*cells, Text(c.message, style="dim"))
    return _section("Conditions", table)


def _pods(view: View, wide: bool) -> RenderableType:
    table = _grid()
    for p in view.pods:
        state = "in traffic" if p.in_traffic else "ready, gate closed" if p.ready else p.phase
        restarts = f"{p.restarts} restart{'s' * (p.restarts != 1)}" if p.restarts else ""
        cells = [p.name, p.version, state, restarts, *([p.node or ""] if wide else [])]
        table.add_row(*map(Text, cells))
    return _section("Pods", table)


def _events(view: View, now: datetime) -> RenderableType:
    table = _grid()
    for e in view.events:
        times = f" x{e.count}" if e.count > 1 else ""
        style = "yellow" if e.type == "Warning" else ""
        when = f"{ago(e.at, now)} ago{times}" if e.at else ""
        table.add_row(Text(when), Text(e.reason, style=style), Text(e.message, style="dim"))
    return _section("Events", table)


def _section(title: str, table: Table) -> RenderableType:
    return Group(Text(title, style="bold"), table) if table.row_count else Text(f"{title}: none", style="dim")


def _grid() -> Table:
    """Even columns without lines; the last one is folded where it does not fit."""
    return Table.grid(padding=(0, 2))
