"""A check's Job and its pod → what the check has found, or that it has found nothing. Pure."""

from dataclasses import replace

from facedb_operator.facts import CheckRun
from facedb_operator.observe.readings import Worker


def with_words(check: CheckRun, worker: Worker | None) -> CheckRun:
    """A check and what its pod said at its end, or why the pod cannot start, or how it was taken away."""
    if worker is None:
        return check
    said = (worker.outcome.message if worker.outcome else worker.said or worker.blocked) or check.message
    # What a container says that is told to stop is no finding.
    died = (worker.died or check.died) if check.died and (worker.taken or not worker.ended) else ""
    return replace(check, message=said, died=died)
