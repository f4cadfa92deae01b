"""One run of a command → progress on stdout, the outcome as termination message, and the exit code.

The edge of the process: every error ends here, and becomes an answer.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from facedb_release.answers import Refused
from facedb_release.errors import ExitCode, Reason, ReleaseError, SourceTrouble
from facedb_release.fetching.remote import Tally
from facedb_release.outcome import Outcome
from facedb_release.progress import Bar, JsonLines, Progress, no_progress

POD_MESSAGE = Path("/dev/termination-log")

log = logging.getLogger("facedb")


@dataclass(frozen=True)
class Finished:
    """What a good run has to say; see Outcome for the fields."""

    reason: str
    message: str
    version: str | None = None
    digest: str | None = None
    performer_count: int | None = None
    face_count: int | None = None
    warnings: tuple[str, ...] = ()
    signed_by: str | None = None
    bytes_unpacked: int | None = None
    name: str | None = None
    url: str | None = None
    published_at: str | None = None


Work = Callable[[Progress, Tally], Finished]


def run(
    work: Work,
    termination_message: Path | None,
    *,
    version: str | None = None,
    quiet: bool = False,
    lines: bool = False,
    told: Callable[[Outcome], None] | None = None,
) -> ExitCode:
    """Do the work and answer for it.

    Args:
        work: what to do.
        termination_message: where the outcome goes; None means the pod's own place, when this is a pod.
        version: that was asked for, for an outcome of failure.
        quiet: whether to say nothing about progress.
        lines: whether progress comes as JSON lines on a terminal, too.
        told: gets the outcome at the end; else it is logged.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    started, tally = time.monotonic(), Tally()
    # As the first process of a container SIGTERM would be ignored without a handler.
    before = signal.signal(signal.SIGTERM, _stop), signal.signal(signal.SIGALRM, _stop)
    bar = None if quiet else Bar() if sys.stdout.isatty() and not lines else JsonLines(sys.stdout)
    try:
        outcome, code = _good(work(bar or no_progress, tally), tally), ExitCode.GOOD
    except ReleaseError as e:
        outcome, code = _bad(e, tally, version), e.exit_code
    except KeyboardInterrupt:
        outcome, code = _bad(_interrupted(), tally, version), ExitCode.TRANSIENT
    except Exception as e:
        log.exception("A bug in facedb")
        outcome, code = _bug(e, tally, version), ExitCode.BUG
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGALRM, before[1])
        if bar is not None:
            bar.close()
    _answer(outcome, round(time.monotonic() - started, 3), termination_message, told or _logged)
    return code


def _stop(signum: int, frame: FrameType | None) -> None:
    """Interrupt the work; again each second, since Python drops what is raised in a finalizer."""
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    raise KeyboardInterrupt


def _answer(outcome: Outcome, seconds: float, path: Path | None, told: Callable[[Outcome], None]) -> None:
    """Leave the outcome where it is looked for."""
    outcome = replace(outcome, seconds=seconds)
    if path is None and "KUBERNETES_SERVICE_HOST" in os.environ and POD_MESSAGE.exists():
        path = POD_MESSAGE
    if path is not None:
        try:
            path.write_text(outcome.to_json(), encoding="ascii")
        except OSError as e:
            log.warning("the termination message cannot be written to %s: %s", path, e.strerror)
    told(outcome)


def _logged(outcome: Outcome) -> None:
    for warning in outcome.warnings:
        log.warning("%s", warning)
    if outcome.ok:
        log.info("%s", outcome.message)
    else:
        pairs = (("expected", outcome.expected), ("found", outcome.found))
        facts = "; ".join(f"{name}: {value}" for name, value in pairs if value is not None)
        log.error("%s: %s%s", outcome.reason, outcome.message, f" ({facts})" if facts else "")


def _good(done: Finished, tally: Tally) -> Outcome:
    return Outcome(
        ok=True,
        reason=done.reason,
        message=done.message,
        permanent=False,
        version=done.version,
        digest=done.digest,
        bytes_downloaded=tally.received,
        bytes_total=tally.total,
        performer_count=done.performer_count,
        face_count=done.face_count,
        warnings=done.warnings,
        signed_by=done.signed_by,
        bytes_unpacked=done.bytes_unpacked,
        name=done.name,
        url=done.url,
        published_at=done.published_at,
    )


def _bad(error: ReleaseError, tally: Tally, version: str | None) -> Outcome:
    return Outcome(
        ok=False,
        reason=error.reason,
        message=error.message,
        permanent=error.permanent,
        version=version,
        digest=tally.digest,
        bytes_downloaded=tally.received,
        bytes_total=tally.total,
        file=error.file,
        expected=error.expected,
        found=error.found,
        retry_after=cause.retry_after if isinstance(cause := error.__cause__, Refused) else None,
    )


def _interrupted() -> SourceTrouble:
    return SourceTrouble(
        Reason.INTERRUPTED,
        "The run was told to stop before it was done. Nothing half-done is used; run it again.",
    )


def _bug(error: Exception, tally: Tally, version: str | None) -> Outcome:
    return Outcome(
        ok=False,
        reason="Bug",
        message=f"{type(error).__name__}: {error}. This is a fault of facedb; its log has the traceback.",
        permanent=False,
        version=version,
        bytes_downloaded=tally.received,
        bytes_total=tally.total,
    )
