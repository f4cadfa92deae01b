"""How long to wait before a Job that failed is tried again. Pure."""

from datetime import timedelta

from facedb_release.outcome import Outcome

FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=5)
# GitHub's limit starts anew each hour; who asks for more is asked again all the same.
LONGEST_ASKED = timedelta(hours=1)


def retry_delay(attempt: int, outcome: Outcome | None = None) -> timedelta:
    """How long to wait after failed attempt number ``attempt`` (1, 2, …): 10 s, doubled, at most 5 min.

    Longer where the source asked for it (Retry-After), up to an hour.
    """
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempt - 1, 10)
    asked = outcome.retry_after if outcome is not None else None
    asked_for = min(timedelta(seconds=min(max(0.0, asked or 0.0), 86_400.0)), LONGEST_ASKED)
    return max(min(doubled, LAST_RETRY), asked_for)
