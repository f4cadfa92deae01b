"""What can go wrong on the way to Stash or to a stash-box; the message is fit for a user's eyes.

- StashError
    - StashUnreachable    nobody answers there, or not in time
    - StashRefused        somebody answers, and does not let us in: the API key is missing or wrong
    - StashBroken         the answer is none: a failing server, too many bytes, not what GraphQL looks like
    - StashRejected       a GraphQL answer that says no, in words
    - UnknownBox          Stash is not connected to such a stash-box

No message holds an API key.
"""

from __future__ import annotations


class StashError(Exception):
    """A question to Stash, or to a stash-box, went without an answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StashUnreachable(StashError):
    """Nobody answers, or not in time.

    Args:
        message: for the user.
        late: the time was up; otherwise there was no connection.
    """

    def __init__(self, message: str, *, late: bool) -> None:
        super().__init__(message)
        self.late = late


class StashRefused(StashError):
    """It does not let us in."""


class StashBroken(StashError):
    """It answers with something that is no answer."""


class StashRejected(StashError):
    """It says no, in words of its own: a wrong id, a name that is taken."""


class UnknownBox(StashError):
    """Stash is not connected to a stash-box of that name."""
