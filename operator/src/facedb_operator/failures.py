"""What a failed request means: for the loop, for the store, and for who looks after the database. Pure."""

import logging

from facedb_operator.kube import FAILURES, NotLeading, Refusal, retry_after
from facedb_operator.wakeups import Trouble

# Answers after which it is certain that nothing was written.
_NOT_WRITTEN = frozenset({400, 401, 403, 405, 409, 413, 415, 422, 429})
# Answers that no second try will change by itself, unlike those of a server that is just restarting.
_CERTAIN = frozenset({400, 403, 405, 413, 415, 422})
# Answers that say nothing of what was asked for: no credentials, somebody was quicker, the server is busy.
_PASSING = frozenset({401, 409, 429})


def trouble(error: Exception) -> Trouble | None:
    """What to say of an error, and how long to wait; None for a fault of ours, whose traceback is wanted."""
    if not isinstance(error, FAILURES):
        return None
    level = logging.DEBUG if isinstance(error, Refusal) and error.terminating else logging.WARNING
    words = " ".join(str(error).split()) or type(error).__name__
    return Trouble(words, retry_after(error), level)


def may_be_written(error: Exception) -> bool:
    """Whether a write that ended with this error may have been made nevertheless."""
    return not isinstance(error, NotLeading) and getattr(error, "status", 0) not in _NOT_WRITTEN


def is_certain(error: Refusal) -> bool:
    """Whether the API server will not take it for as long as nothing else changes."""
    return error.status in _CERTAIN


def is_news(error: Refusal, times: int) -> bool:
    """Whether who looks after the database must know of it.

    Args:
        error: how a step ended.
        times: how many passes over this database have ended so, one after the other.
    """
    if error.terminating or error.status in _PASSING:
        return False
    return is_certain(error) or times > 1
