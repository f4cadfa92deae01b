"""Small SVG drawings, the same bytes for the same input: sequences, boxes with arrows, bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

INK, PALE, LINE, ACCENT, GREY = "#1f2937", "#eef2f7", "#64748b", "#0f766e", "#94a3b8"
_STYLE = "font-family:system-ui,sans-serif;font-size:13px"


@dataclass
class Drawing:
    """Elements on a white sheet.

    Attributes:
        title: what a screen reader says.
        width: in pixels.
        parts: elements so far.
    """

    title: str
    width: int
    parts: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "middle", weight: int = 400, **more: str
    ) -> None:
        """Write words whose baseline is at y."""
        extra = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
        fill = "" if "fill" in more else f' fill="{INK}"'
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}"{fill}{extra}>'
            f"{escape(words)}</text>"
        )

    def box(self, x: float, y: float, w: float, h: float, fill: str = PALE, line: str = LINE) -> None:
        """Draw a rectangle."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="6" fill="{fill}" stroke="{line}"/>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, head: bool = False, dash: bool = False
    ) -> None:
        """Draw a line, with a head at its end if wanted."""
        more = (' marker-end="url(#head)"' if head else "") + (' stroke-dasharray="4 4"' if dash else "")
        self.parts.append(f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{LINE}" fill="none"{more}/>')

    def svg(self, height: float) -> str:
        """Return the file's text."""
        head = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:g}" role="img" '
            f'style="{_STYLE}"><title>{escape(self.title)}</title>\n{head}\n'
            f'<rect width="{self.width}" height="{height:g}" fill="#ffffff"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


@dataclass(frozen=True)
class Say:
    """One says something to another: an arrow."""

    one: str
    other: str
    words: str


@dataclass(frozen=True)
class Note:
    """What happens at one of them."""

    at: str
    words: str


def sequence(title: str, actors: Sequence[str], story: Sequence[Say | Note], *, gap: int = 190) -> str:
    """Return a sequence diagram.

    Args:
        title: what a screen reader says.
        actors: from left to right.
        story: from top to bottom.
        gap: pixels between two actors.
    """
    sheet = Drawing(title, gap * len(actors))
    at = {name: gap * (n + 0.5) for n, name in enumerate(actors)}
    height = 70 + 38 * len(story)
    for name, x in at.items():
        sheet.line(x, 44, x, height - 8, dash=True)
        sheet.box(x - gap * 0.42, 10, gap * 0.84, 34)
        sheet.text(x, 32, name, weight=600)
    for row, each in enumerate(story):
        y = 84 + 38 * row
        if isinstance(each, Note):
            width = 7.0 * len(each.words) + 16
            left = min(max(at[each.at] - width / 2, 4), sheet.width - width - 4)
            sheet.box(left, y - 17, width, 26, "#fef9c3", "#ca8a04")
            sheet.text(left + width / 2, y, each.words)
            continue
        start, end = at[each.one], at[each.other]
        sheet.line(start, y, end, y, head=True)
        sheet.text((start + end) / 2, y - 6, each.words)
    return sheet.svg(height)


@dataclass(frozen=True)
class Bar:
    """One bar of a chart."""

    name: str
    value: float
    shown: str
    ours: bool = True


@dataclass(frozen=True)
class Chart:
    """Bars that share a scale.

    Attributes:
        title: above them.
        bars: from top to bottom.
        bar_at: a line across them: the most that is allowed.
        limit: what stands at that line.
    """

    title: str
    bars: tuple[Bar, ...]
    bar_at: float | None = None
    limit: str = ""


def charts(title: str, every: Sequence[Chart], *, width: int = 760) -> str:
    """Return a sheet of bar charts, one under the other."""
    sheet = Drawing(title, width)
    y = 0.0
    for chart in every:
        y = _chart(sheet, chart, y)
    return sheet.svg(y + 12)


def _chart(sheet: Drawing, chart: Chart, top: float) -> float:
    left, room = 250, sheet.width - 250 - 90
    most = max([bar.value for bar in chart.bars] + [chart.bar_at or 0]) or 1
    sheet.text(12, top + 28, chart.title, anchor="start", weight=600)
    y = top + 42
    for bar in chart.bars:
        long = max(room * bar.value / most, 1)
        sheet.text(left - 10, y + 15, bar.name, anchor="end")
        sheet.box(left, y, long, 20, ACCENT if bar.ours else GREY, "none")
        sheet.text(left + long + 6, y + 15, bar.shown, anchor="start")
        y += 27
    if chart.bar_at is not None:
        x = left + room * chart.bar_at / most
        sheet.parts.append(
            f'<path d="M{x:g} {top + 38:g}L{x:g} {y + 2:g}" stroke="#b91c1c" stroke-dasharray="5 3"/>'
        )
        sheet.text(x, y + 16, chart.limit, fill="#b91c1c")
        y += 20
    return y + 6
