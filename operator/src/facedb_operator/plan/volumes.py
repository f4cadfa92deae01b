"""How a claim begins: again from its release's own snapshot, as a copy of the last good one, or empty.

Pure. A copy is filled by the same fetch Job, which then moves only what differs. The Job starts in the same
pass: it names the claim, and nobody else can write to one that was not there.
"""

from collections.abc import Sequence
from datetime import timedelta

from facedb_operator.facts import Claim, FetchJob, JobState, Observed, Snapshot
from facedb_operator.names import Component, Reason
from facedb_operator.plan.keeping import is_release, ready_snapshot, strategy
from facedb_operator.plan.sizes import sizing
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.quantities import amount, larger
from facedb_operator.spec.sizes import claim_size, derived_size
from facedb_operator.spec.storage import Keeping
from facedb_operator.steps import CreateClaim, Plan, RestoreClaim, StartFetch

LOOK_AGAIN = timedelta(seconds=2)


def new_volume(
    db: FaceDatabase,
    seen: Observed,
    component: Component,
    thing: str,
    jobs: Sequence[FetchJob],
    *,
    asks: bool,
) -> Plan:
    """The next step towards a claim that is not there.

    Args:
        db: the database, at the release whose claim it is.
        seen: what there is.
        component: the release or the models.
        thing: how messages call it.
        jobs: of this claim's fetch key.
        asks: the source is asked for the size of a release, where nobody has said it.
    """
    if component is Component.MODELS:
        return _created(thing, CreateClaim(component, db.storage.models_size), jobs)
    # A Job that waits had a claim once, which could not be made from a snapshot: not again.
    if any(j.state is JobState.RUNNING for j in jobs):
        return _created(thing, CreateClaim(component, claim_size(db)), jobs)
    if (again := _restored(db, seen, thing)) is not None:
        return again
    if asks and (looking := sizing(db, seen)) is not None:
        return looking
    base = _base(db, seen)
    if base is None:
        return _created(thing, CreateClaim(component, claim_size(db)), jobs)
    size = larger(claim_size(db), base.restore_size) if base.restore_size else claim_size(db)
    return _created(thing, CreateClaim(component, size, snapshot=base.name), jobs)


def fits(db: FaceDatabase, claim: Claim) -> bool:
    """Whether a claim is of the class and size that are wanted. One whose size nobody named may be larger."""
    if claim.asked_class not in (None, db.storage.class_name or ""):
        return False
    if not is_release(claim):
        return claim.size == db.storage.models_size
    wanted = db.storage.size
    if wanted is None or claim.restored_from is not None:
        least = wanted or derived_size(db)
        return least is None or (bool(claim.size) and amount(claim.size) >= amount(least))
    return claim.size == wanted


def is_lost(claim: Claim, seen: Observed) -> bool:
    """Whether a claim waits for a snapshot that is gone: it will never hold anything."""
    source = claim.restored_from
    return source is not None and not claim.bound and all(s.name != source for s in seen.snapshots)


def never_cloned(db: FaceDatabase, seen: Observed, claim: Claim, job: FetchJob) -> bool:
    """Whether a claim that should begin as a copy still is none, a progress deadline after its Job began.

    No pod of the Job runs then, and none will: nothing is on the claim.
    """
    since = max(claim.created_at, job.started_at)
    late = seen.now - since > db.rollout.progress_deadline
    return claim.restored_from is not None and not claim.bound and late


def _created(thing: str, step: CreateClaim, jobs: Sequence[FetchJob]) -> Plan:
    copy = f" as a copy of snapshot {step.snapshot}" if step.snapshot else ""
    # Where there were attempts before, what they said decides about the next one.
    first = () if jobs else (StartFetch(step.component, 1),)
    return Plan(Reason.FETCHING, f"Creating a volume for {thing}{copy}.", (step, *first))


def _restored(db: FaceDatabase, seen: Observed, thing: str) -> Plan | None:
    """The claim again from the release's own snapshot; None without one that is of use."""
    own = seen.snapshot(db.release_key)
    if own is None:
        return None
    if own.ready:
        message = f"Making the volume of {thing} again from snapshot {own.name}."
        return Plan(Reason.RESTORING, message, (RestoreClaim(db.claim_name, own),))
    if own.error is None and seen.now - own.created_at <= db.rollout.progress_deadline:
        message = f"Waiting for snapshot {own.name} of {thing}."
        return Plan(Reason.RESTORING, message, check_again=LOOK_AGAIN)
    return None


def _base(db: FaceDatabase, seen: Observed) -> Snapshot | None:
    """The snapshot of the last good release, where volumes are to be made from it."""
    good = db.record.last_good
    if good is None or strategy(db, seen) is Keeping.VOLUME:
        return None
    return ready_snapshot(seen, good.release_key)
