"""What can go wrong, and the exit code that says so. Pure.

Trouble
- Refused: the state of the database says no
- NotFound: there is no such database, pod or Job
- NoVerdict: a Job of ours has ended without an answer
- Unreachable: no cluster, no answer, or an answer that is none
- Forbidden: the account may not
- TimedOut: `--timeout` has passed
- Interrupted: somebody pressed Ctrl-C while it waited
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The plugin's exit codes; 2 is the command line's own."""

    GOOD = 0
    REFUSED = 1
    USAGE = 2
    CLUSTER = 3
    TIMED_OUT = 4
    INTERRUPTED = 130


class Trouble(Exception):
    """The message is one or two sentences for people; the class's name is the `reason` of `-o json`."""

    exit_code = ExitCode.CLUSTER


class Refused(Trouble):
    """What was asked for makes no sense in this state; the message says why, and what would."""

    exit_code = ExitCode.REFUSED


class NotFound(Trouble):
    """There is nothing of that name."""

    exit_code = ExitCode.REFUSED


class NoVerdict(Trouble):
    """A Job of ours has ended without an answer."""

    exit_code = ExitCode.REFUSED


class Unreachable(Trouble):
    """No kubeconfig, no answer, or an answer that is none."""


class Forbidden(Trouble):
    """The account may not; the message names the missing verb of RBAC."""


class TimedOut(Trouble):
    """What was waited for has not come in time."""

    exit_code = ExitCode.TIMED_OUT


class Interrupted(Trouble):
    """Somebody pressed Ctrl-C while it waited."""

    exit_code = ExitCode.INTERRUPTED
