"""What nobody needs any more: Jobs that have answered, claims and snapshots that nobody asks for.

Pure. Nothing goes that the last good release could not do without.
"""

from facedb_operator import names
from facedb_operator.facts import Claim, FetchJob, JobState, Observed, Snapshot
from facedb_operator.plan.keeping import (
    in_snapshot,
    is_release,
    kept,
    models_of_good,
    per_pod,
    ready_snapshot,
)
from facedb_operator.plan.staging import stale_jobs, unheard
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.storage import Keeping
from facedb_operator.steps import (
    DeleteAccess,
    DeleteClaim,
    DeleteJob,
    DeleteSnapshot,
    OwnClaim,
    OwnSnapshot,
    Step,
)


def collect_garbage(db: FaceDatabase, seen: Observed, *, settled: bool) -> tuple[Step, ...]:
    """Delete Jobs that have answered, claims of refused releases, releases beyond ``keep``.

    Args:
        db: the database.
        seen: what there is.
        settled: the goal serves and nothing is being fetched; only then do verified releases go.
    """
    gone = [c for c in _idle_claims(db, seen) if _may_go(db, seen, c, settled)]
    jobs = [DeleteJob(j.name) for j in _idle_jobs(db, seen, {c.name for c in gone}) if not j.deleting]
    snapshots = [s for s in seen.snapshots if settled and _is_spare(db, seen, s)]
    return (
        *jobs,
        *_owners(db, seen),
        *_unwanted(db, seen, settled),
        *(DeleteClaim(c.name) for c in gone),
        *(DeleteSnapshot(s.name) for s in snapshots),
    )


def owners(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    """What the policies of deletion say of the volumes and snapshots that there are."""
    return (*_owners(db, seen), *_unwanted(db, seen, settled=False))


def _owners(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    claims = (OwnClaim(c.name, owned=not db.retain) for c in seen.claims if c.owned == db.retain)
    there = (s for s in seen.snapshots if not s.deleting)
    return (*claims, *(OwnSnapshot(s.name, owned=not db.retain) for s in there if s.owned == db.retain))


def _unwanted(db: FaceDatabase, seen: Observed, settled: bool) -> tuple[Step, ...]:
    """The state's owner, as only the state's own field decides; and access that the spec has taken back."""
    keep = db.sidecar.state.retain
    state = seen.state
    owner = (OwnClaim(state.name, owned=not keep),) if state is not None and state.owned == keep else ()
    alone = len(seen.workloads) <= 1
    closed = settled and alone and not db.sidecar.updates and seen.access_key is not None
    return (*owner, *((DeleteAccess(),) if closed else ()))


def _idle_jobs(db: FaceDatabase, seen: Observed, gone: set[str]) -> list[FetchJob]:
    """Jobs whose answer is written down, and those in the way: a claim stays while a pod names it."""
    waiting = {c.name for c in seen.claims if c.verified is None and not c.deleting} - gone
    ended = [j for j in seen.fetches if j.state is not JobState.RUNNING]
    done = [j for j in ended if j.claim not in waiting]
    superseded = [j for j in ended if any(k.key == j.key and k.attempt > j.attempt for k in seen.fetches)]
    untold = {key for bad in unheard(db, seen) for key in bad.keys}
    idle = dict.fromkeys((*done, *superseded, *stale_jobs(db, seen)))
    return [j for j in idle if j.key not in untold]


def _idle_claims(db: FaceDatabase, seen: Observed) -> list[Claim]:
    """Claims that nobody uses; none while a Job writes."""
    if any(j.state is JobState.RUNNING for j in seen.fetches):
        return []
    needed = _needed_claims(db, seen)
    return [c for c in seen.claims if c.name not in needed and not c.deleting]


def _needed_claims(db: FaceDatabase, seen: Observed) -> set[str]:
    """Claims that must stay: the last good release's and its models, every Deployment's, the wanted ones.

    Pods with volumes of their own need no claim, once the snapshot is there.
    """
    wanted = {db.release_key: db.claim_name} if db.verdict is None else {}
    if db.record.last_good is not None:
        wanted[db.record.last_good.release_key] = db.record.last_good.claim
    apart = {key for key in wanted if per_pod(db) and ready_snapshot(seen, key) is not None}
    used = {name for w in seen.workloads for name in (w.claim, w.models_claim)}
    models = {db.models_claim_name, names.models_claim(db.name, models_of_good(db, seen))}
    return {*models, *used, *(name for key, name in wanted.items() if key not in apart)}


def _may_go(db: FaceDatabase, seen: Observed, claim: Claim, settled: bool) -> bool:
    if not is_release(claim):
        return settled
    if claim.verified is None:
        return True
    return settled and (claim.key not in kept(db, seen) or in_snapshot(db, seen, claim))


def _is_spare(db: FaceDatabase, seen: Observed, found: Snapshot) -> bool:
    """Whether a snapshot is of a release that is not kept, or of other bytes, or kept as a volume instead."""
    sources = {c.restored_from for c in seen.claims if not c.bound}
    if found.deleting or found.name in {*sources, *(w.snapshot for w in seen.workloads)}:
        return False
    if found.release_key not in kept(db, seen):
        return True
    claim = next((c for c in seen.claims if c.key == found.release_key and not c.deleting), None)
    if claim is None or claim.verified is None or not claim.bound:
        return False
    other = claim.verified.digest != found.verified.digest
    return other or db.storage.keeping is Keeping.VOLUME
