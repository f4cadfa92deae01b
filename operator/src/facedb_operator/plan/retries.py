"""How long to wait before a Job that failed is tried again. Pure."""

from datetime import timedelta

FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=5)


def retry_delay(attempt: int) -> timedelta:
    """How long to wait after failed attempt number ``attempt`` (1, 2, …): 10 s, doubled, at most 5 min."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempt - 1, 10)
    return min(doubled, LAST_RETRY)
