"""``rollout.checks``: which are due, which Jobs to start for them, and what they have found. Pure.

Recall and latency are read from what pods answer, of every pod and before it takes traffic. The others are
Jobs: before the first pod takes traffic, after the pause of each step of a canary, and at the end of the
bake, when there is something to measure. A Job's key stands for the check, the revision, the moment and the
retry token, so that it is made once. Where its pod was taken away before it had found anything, as when a
node is drained, it is made again.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from statistics import median

from facedb_operator import names
from facedb_operator.facts import CheckRun, JobState, Observed, Workload
from facedb_operator.plan.pods import Goal, good_pods
from facedb_operator.plan.retries import retry_delay
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import Check, JobCheck, LatencyCheck, RecallCheck, When
from facedb_operator.steps import DeleteJob, StartCheck, Step

BEFORE, BAKE = "before traffic", "bake"
MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class Due:
    """The checks of one moment.

    Attributes:
        steps: Jobs to start.
        waits: the checks that have not ended well yet.
    """

    steps: tuple[Step, ...] = ()
    waits: tuple[str, ...] = ()


def after_step(step: int) -> str:
    """The moment after the pause of a canary's step."""
    return f"step {step}"


def due(db: FaceDatabase, seen: Observed, goal: Goal, when: When, moment: str) -> Due:
    """The Jobs of this moment: what to start, and what has still to end well."""
    runs = _runs(seen)
    waits = [
        (c, key, run)
        for c in _jobs(db, when)
        if (run := runs.get(key := _key(db, goal.revision_key, c, moment))) is None
        or run.state is not JobState.SUCCEEDED
    ]
    work = seen.workload(goal.revision_key)
    ip = next((p.ip for p in good_pods(seen, work) if p.ip), None) if work else None
    steps: list[Step] = []
    for check, key, run in waits:
        if ip is not None:
            steps += _attempt(seen, StartCheck(check, key, goal.revision_key, ip), run)
    return Due(tuple(steps), tuple(_called(check, run) for check, _, run in waits))


def failure(db: FaceDatabase, seen: Observed, goal: Goal, work: Workload) -> str | None:
    """What a check has found against the goal, if any has."""
    runs = _runs(seen)
    for key in _keys(db, goal.revision_key):
        run = runs.get(key)
        if run is not None and run.state is JobState.FAILED and not _found_nothing(run):
            return f"Check {run.check} failed{f': {_said(run)}' if _said(run) else ''}"
    for pod in good_pods(seen, work):
        if pod.answer is None:
            continue
        for check in db.rollout.checks:
            if (found := _against(db, seen, check, pod.answer.recall, pod.answer.query_ms)) is not None:
                return f"Check {check.name} failed: pod {pod.name} {found}"
    return None


def query_ms(seen: Observed, revision_key: str) -> float | None:
    """Milliseconds of a query, the median of the revision's pods; None if none tells."""
    told = [p.answer.query_ms for p in seen.pods_of(revision_key) if p.answer and p.answer.ready]
    known = [ms for ms in told if ms is not None]
    return median(known) if known else None


def stale_checks(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    """Jobs whose answer nobody needs any more: those of other rollouts, and of one that went well.

    Those of a refused release stay, for people to read.
    """
    good = db.record.last_good
    over = good is not None and good.revision_key == db.revision_key and db.verdict is None
    keys = set() if over else set(_keys(db, db.revision_key))
    return tuple(DeleteJob(c.name) for c in seen.checks if c.key not in keys and not c.deleting)


def _runs(seen: Observed) -> dict[str, CheckRun]:
    """The last attempt at each check."""
    there = sorted((run for run in seen.checks if not run.deleting), key=lambda run: run.attempt)
    return {run.key: run for run in there}


def _attempt(seen: Observed, first: StartCheck, run: CheckRun | None) -> tuple[Step, ...]:
    """The first attempt at a check, or another after one that has found nothing."""
    if run is None:
        return (first,)
    if not _found_nothing(run) or seen.now < (run.finished_at or seen.now) + retry_delay(run.attempt):
        return ()
    return (replace(first, attempt=run.attempt + 1), DeleteJob(run.name))


def _found_nothing(run: CheckRun) -> bool:
    """Whether its pod was taken away and the check is made again: nothing is said against the release."""
    return run.state is JobState.FAILED and bool(run.died) and run.attempt < MOST_ATTEMPTS


def _called(check: JobCheck, run: CheckRun | None) -> str:
    return f"{check.name}, made again ({run.died})" if run is not None and run.died else check.name


def _said(run: CheckRun) -> str:
    return f"it was made {run.attempt} times and found nothing ({run.died})" if run.died else run.message


def _jobs(db: FaceDatabase, when: When) -> list[JobCheck]:
    return [c for c in db.rollout.checks if isinstance(c, JobCheck) and c.when is when]


def _key(db: FaceDatabase, revision_key: str, check: JobCheck, moment: str) -> str:
    deadline_s = db.rollout.progress_deadline.total_seconds()
    return names.short_hash(revision_key, asdict(check), moment, db.verbs.retry, deadline_s)


def _keys(db: FaceDatabase, revision_key: str) -> Iterator[str]:
    """Of every check at each of its moments."""
    steps = [after_step(number) for number in range(len(db.rollout.steps))]
    moments = {When.BEFORE_TRAFFIC: [BEFORE], When.STEP: steps, When.BAKE: [BAKE]}
    for when, its in moments.items():
        for check in _jobs(db, when):
            yield from (_key(db, revision_key, check, moment) for moment in its)


def _against(
    db: FaceDatabase, seen: Observed, check: Check, recall: float | None, ms: float | None
) -> str | None:
    match check:
        case RecallCheck(least=least):
            if recall is None:
                return "does not tell its recall"
            return f"found {recall:.1%} of its own faces, not {least:.1%}" if recall < least else None
        case LatencyCheck(most_ratio=ratio):
            good = db.record.last_good
            before = (query_ms(seen, good.revision_key) or good.query_ms) if good else None
            if good is None or not before:
                # Nothing to compare with.
                return None
            if ms is None:
                return "does not tell its latency"
            slow = f"takes {ms:.1f} ms a query, {good.version} {before:.1f} ms: more than {ratio:g} times"
            return slow if ms > before * ratio else None
        case _:
            return None
