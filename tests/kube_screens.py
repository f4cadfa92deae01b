"""What `kubectl facedb status` shows of each state → tests/kubectl/screens.

`python tests/kube_screens.py` writes them, test_kubectl_screens compares.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import kube_states as states
from facedb_kubectl import screen
from facedb_kubectl.edge import plain
from facedb_kubectl.readings import look
from facedb_kubectl.screen import Speed
from facedb_release.cli.answers import table

SCREENS = Path(__file__).resolve().parent / "kubectl" / "screens"
WIDTH = 100


def page(state: str) -> str:
    """The page of a state, on a terminal of 100 columns."""
    old, new = states.OLD, states.NEW
    pods = [
        states.pod("faces-2026-02-10-rev0-abcde", old, in_traffic=True),
        states.pod("faces-2026-02-18-rev1-fghij", new, in_traffic=False, restarts=1),
    ]
    events = [
        states.event("Serving", f"1 pods serve {old}.", 90_000),
        states.event("FetchDied", "The Job ended without a verdict.", 300, kind="Warning", count=2),
    ]
    view = look(states.states()[state], states.NOW, pods=pods, events=events)
    speed = Speed(21_000_000, timedelta(seconds=14)) if state == "fetching" else screen.UNKNOWN
    return plain(screen.page(view, states.NOW, speed=speed), width=WIDTH) + "\n"


def overview() -> str:
    """The table of all states."""
    views = [look(body, states.NOW) for body in states.states().values()]
    return "\n".join(table(screen.overview(views, namespaces=True, wide=False))) + "\n"


def history() -> str:
    """The table of rollouts that have ended, and what was refused."""
    view = look(states.refused(), states.NOW)
    return "\n".join([*table(screen.past(view)), *screen.refusals(view, states.NOW)]) + "\n"


def lines() -> str:
    """A line of each state, as a log gets it."""
    views = [look(body, states.NOW) for body in states.states().values()]
    return "\n".join(screen.line(view, states.NOW) for view in views) + "\n"


def screens() -> dict[str, str]:
    """All of them, by file name."""
    pages = {f"{state.replace(' ', '-')}.txt": page(state) for state in states.states()}
    return {**pages, "overview.txt": overview(), "history.txt": history(), "lines.txt": lines()}


if __name__ == "__main__":
    SCREENS.mkdir(exist_ok=True)
    for name, text in screens().items():
        (SCREENS / name).write_text(text)
