"""Getting the bytes: what to do until the models' and the release's claims are verified.

Pure. Bytes move only in Jobs; this decides which claim and which Job comes next, when a failed attempt
is made again, and when a release is refused for good.
"""

from dataclasses import replace
from datetime import timedelta

from facedb_operator.facts import Claim, FetchJob, JobState, Observed, Verified
from facedb_operator.names import Component, Reason
from facedb_operator.plan.keeping import per_pod, ready_snapshot
from facedb_operator.plan.minimums import BELOW_MINIMUM, shortfalls
from facedb_operator.plan.pods import runs
from facedb_operator.plan.retries import retry_delay
from facedb_operator.plan.volumes import fits, is_lost, never_cloned, new_volume
from facedb_operator.record import Bad, Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.verification import Mode
from facedb_operator.steps import CreateClaim, DeleteClaim, DeleteJob, MarkVerified, Plan, StartFetch
from facedb_release.outcome import Outcome

LOOK_AGAIN = timedelta(seconds=2)
NO_SPACE = "NoSpace"


def staging(db: FaceDatabase, seen: Observed) -> Plan | None:
    """The next step towards verified claims; None when they are, or when the release is known bad."""
    if db.verdict is not None:
        return None
    # Two writers on one claim would mix bytes: an outdated Job must be gone before another starts.
    if stale := stale_jobs(db, seen):
        steps = tuple(DeleteJob(j.name) for j in stale if not j.deleting)
        return Plan(Reason.FETCHING, "Stopping an outdated fetch Job.", steps, check_again=LOOK_AGAIN)
    for component in (Component.MODELS, Component.RELEASE):
        if (todo := _stage(db, seen, component)) is not None:
            return todo
    return None


def refetching(db: FaceDatabase, seen: Observed, good: Good) -> Plan | None:
    """The next step towards the lost bytes of the last good release; None when they are there.

    What the source says of it is no judgement: it stays the last good one.
    """
    then = db.at(good)
    if then is None:
        return Plan(
            Reason.RESTORING, f"The bytes of {good.version} are lost and nothing says which they were."
        )
    todo = _stage(then, seen, Component.RELEASE, asks=False)
    if todo is None:
        return None
    message = f"The bytes of {good.version}, the last good release, are gone. {todo.message}"
    steps = tuple(
        replace(step, again=good) if isinstance(step, CreateClaim | StartFetch) else step
        for step in todo.steps
    )
    again = LOOK_AGAIN if todo.bad is not None else todo.check_again
    return replace(todo, message=message, steps=steps, bad=None, check_again=again)


def refetching_models(db: FaceDatabase, seen: Observed) -> Plan:
    """The next step towards the models that pods of the last good release lack."""
    waits = Plan(Reason.RESTORING, "The models are not there yet.", check_again=LOOK_AGAIN)
    # The wanted release's are staging's part.
    if db.verdict is None:
        return waits
    if any(db.models_fetch_key in b.keys for b in db.record.bad):
        message = (
            "The models of the last good release are gone, and those that the spec names were refused. "
            "Set others, or the annotation facedb.dev/retry."
        )
        return Plan(Reason.RESTORING, message, check_again=LOOK_AGAIN, stalled=True)
    todo = _stage(db, seen, Component.MODELS) or waits
    message = f"The models of the last good release are gone. {todo.message}"
    return replace(todo, message=message, check_again=LOOK_AGAIN, bad=None)


def stale_jobs(db: FaceDatabase, seen: Observed) -> tuple[FetchJob, ...]:
    """Running Jobs that fetch something that nobody asks for any more."""
    asked = _asked_for(db)
    return tuple(j for j in seen.fetches if j.state is JobState.RUNNING and j.key not in asked)


def unheard(db: FaceDatabase, seen: Observed) -> tuple[Bad, ...]:
    """What Jobs have refused that ended when nobody asked for it any more.

    Else a release that the source holds damaged would be fetched again when it is next asked for.
    """
    told = [bad for j in seen.fetches if (bad := _judged(seen, j)) is not None]
    if not told:
        return ()
    known = _asked_for(db).union(*(b.keys for b in db.record.bad))
    return tuple(bad for bad in told if known.isdisjoint(bad.keys))


def _asked_for(db: FaceDatabase) -> set[str]:
    then = db.at(db.record.last_good) if db.record.last_good is not None else None
    return {db.fetch_key, db.models_fetch_key, *((then.fetch_key,) if then is not None else ())}


def _judged(seen: Observed, job: FetchJob) -> Bad | None:
    """What a Job says against a release for good, if it does."""
    said, claim = job.outcome, seen.claim(job.claim)
    if job.component is not Component.RELEASE or said is None or said.ok or not said.permanent:
        return None
    version = claim.version if claim is not None else said.version
    if job.state is JobState.RUNNING or not version:
        return None
    return Bad(version, said.digest, (job.key,), said.reason, _told(said), job.finished_at or seen.now)


def what(db: FaceDatabase, component: Component) -> str:
    """How messages call what a component's Job fetches."""
    return f"release {db.version}" if component is Component.RELEASE else "the models"


def _stage(db: FaceDatabase, seen: Observed, component: Component, *, asks: bool = True) -> Plan | None:
    is_release = component is Component.RELEASE
    name = db.claim_name if is_release else db.models_claim_name
    key = db.fetch_key if is_release else db.models_fetch_key
    thing = what(db, component)
    claim = seen.claim(name)
    if is_release and per_pod(db) and ready_snapshot(seen, db.release_key) is not None:
        return None
    if claim is not None and is_lost(claim, seen):
        message = f"Volume {name} was to be made from snapshot {claim.restored_from}, which is gone."
        return Plan(Reason.RESTORING, message, (DeleteClaim(name),))
    if claim is not None and claim.verified is not None:
        return None
    jobs = sorted((j for j in seen.fetches if j.key == key), key=lambda j: j.attempt)
    if claim is None:
        return _going(seen, name, thing) or new_volume(db, seen, component, thing, jobs, asks=asks)
    # Nothing good is on it yet: another volume is made where another is wanted, once nobody writes to it.
    if not fits(db, claim) and not (claim.bound and any(j.state is JobState.RUNNING for j in jobs)):
        message = f"Making the volume for {thing} anew, of the class and as large as wanted."
        return Plan(Reason.FETCHING, message, (DeleteClaim(name),))
    if not jobs:
        return Plan(Reason.FETCHING, f"Starting to fetch {thing}.", (StartFetch(component, 1),))
    return _follow(db, seen, component, claim, jobs[-1])


def _going(seen: Observed, name: str, thing: str) -> Plan | None:
    """The wait for the old claim of this name: creating now would adopt a dying object."""
    if all(c.name != name for c in seen.claims):
        return None
    if not any(name in (w.claim, w.models_claim) and runs(seen, w) for w in seen.workloads):
        return Plan(Reason.FETCHING, f"Waiting for volume {name} to go away.", check_again=LOOK_AGAIN)
    message = (
        f"Volume {name} of {thing} was deleted by somebody, and stays for as long as pods serve from it. Set "
        "another version, or delete the Deployment: then it is made again, and nothing serves meanwhile."
    )
    return Plan(Reason.VOLUME_DELETED, message, check_again=LOOK_AGAIN, stalled=True)


def _follow(db: FaceDatabase, seen: Observed, component: Component, claim: Claim, job: FetchJob) -> Plan:
    thing = what(db, component)
    if job.deleting:
        return Plan(Reason.FETCHING, f"Waiting for Job {job.name} to go away.", check_again=LOOK_AGAIN)
    if job.state is JobState.RUNNING and never_cloned(db, seen, claim, job):
        message = f"The volume for {thing} is not made from snapshot {claim.restored_from}: making it empty."
        return Plan(Reason.FETCHING, message, (DeleteClaim(claim.name),))
    if job.state is JobState.RUNNING:
        return _running(thing, job)
    # Somebody has deleted the volume that this answer is about.
    if job.finished_at is not None and job.finished_at <= claim.created_at:
        message = f"The volume of {thing} was made anew. Starting attempt {job.attempt + 1}."
        steps = (StartFetch(component, job.attempt + 1), DeleteJob(job.name))
        return Plan(Reason.FETCHING, message, steps)
    if job.state is JobState.SUCCEEDED and job.outcome is not None and job.outcome.ok:
        return _fetched(db, seen, component, claim, job.outcome)
    if job.outcome is not None and job.outcome.permanent:
        return _refused(db, seen, component, job.outcome)
    if claim.restored_from is not None and job.outcome is not None and job.outcome.reason == NO_SPACE:
        return _empty(component, claim, thing, job)
    return _again_later(seen, component, thing, job)


def _fetched(db: FaceDatabase, seen: Observed, component: Component, claim: Claim, done: Outcome) -> Plan:
    facts = Verified(
        version=done.version,
        digest=done.digest,
        performer_count=done.performer_count,
        face_count=done.face_count,
        bytes_downloaded=done.bytes_downloaded,
        warnings=done.warnings,
    )
    short = shortfalls(db, seen, facts) if component is Component.RELEASE else ()
    if short and db.verification.mode is Mode.ENFORCE:
        why = replace(done, ok=False, reason=BELOW_MINIMUM, message=" ".join(short), permanent=True)
        return _refused(db, seen, component, why)
    facts = replace(facts, warnings=(*facts.warnings, *short))
    thing = what(db, component)
    return Plan(Reason.FETCHING, f"Verified {thing}.", (MarkVerified(claim.name, facts),))


def _empty(component: Component, claim: Claim, thing: str, job: FetchJob) -> Plan:
    """A copy of the last good release leaves too little room. The next Job waits for the empty volume."""
    message = f"The volume for {thing}, a copy of {claim.restored_from}, is full: making it empty."
    steps = (DeleteClaim(claim.name), StartFetch(component, job.attempt + 1), DeleteJob(job.name))
    return Plan(Reason.FETCHING, message, steps)


def _running(thing: str, job: FetchJob) -> Plan:
    # The pod has not started: the user must see why (no image, no node, no volume).
    if job.blocked:
        message = f"Job {job.name} for {thing} cannot start: {job.blocked}"
        return Plan(Reason.FETCH_STUCK, message, check_again=LOOK_AGAIN)
    at = job.progress
    if at is None:
        return Plan(Reason.FETCHING, f"Fetching {thing}.", check_again=LOOK_AGAIN)
    total = f" of {at.bytes_total / 1e6:.1f}" if at.bytes_total else ""
    message = f"Fetching {thing}: {at.phase.lower()}, {at.bytes_done / 1e6:.1f}{total} MB."
    return Plan(Reason.FETCHING, message, check_again=LOOK_AGAIN)


def _refused(db: FaceDatabase, seen: Observed, component: Component, outcome: Outcome) -> Plan:
    key = db.fetch_key if component is Component.RELEASE else db.models_fetch_key
    bad = Bad(
        version=db.version,
        digest=outcome.digest,
        keys=(key,),
        reason=outcome.reason,
        message=_told(outcome),
        at=seen.now,
    )
    return Plan(bad.reason, bad.message, bad=bad, check_again=timedelta(0))


def _told(outcome: Outcome) -> str:
    """What a Job says, with what it wanted and what it found."""
    sizes = outcome.expected and outcome.found
    return (
        f"{outcome.message} Expected {outcome.expected}, found {outcome.found}." if sizes else outcome.message
    )


def _again_later(seen: Observed, component: Component, thing: str, job: FetchJob) -> Plan:
    outcome = job.outcome
    reason = outcome.reason if outcome else Reason.FETCH_DIED
    died = job.died or "killed or evicted"
    why = _told(outcome) if outcome else f"Job {job.name} ended without a verdict ({died})."
    next_at = (job.finished_at or seen.now) + retry_delay(job.attempt, outcome)
    if seen.now < next_at:
        message = f"{why} Attempt {job.attempt} at {thing} failed; next at {next_at:%H:%M:%S} UTC."
        return Plan(reason, message, check_again=next_at - seen.now)
    message = f"{why} Starting attempt {job.attempt + 1} at {thing}."
    return Plan(reason, message, (StartFetch(component, job.attempt + 1), DeleteJob(job.name)))
