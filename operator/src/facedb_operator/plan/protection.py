"""What keeps serving pods from being disturbed: a PodDisruptionBudget, NetworkPolicies. Pure.

Nothing waits for them and nobody is less ready without them, so they are steps of any pass, not a plan of
their own: an autoscaler that goes from one pod to two changes no condition.
"""

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import DeleteBudget, DeletePolicy, EnsureBudget, EnsurePolicies, Step

# With one pod a budget could only keep its node from ever being drained.
LEAST_PODS = 2


def protection(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    """Apply what is missing or of another edition; take back what is not wanted any more."""
    return (*_budget(db, seen), *_policies(seen))


def _budget(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    if db.sidecar.replicas < LEAST_PODS:
        return (DeleteBudget(),) if seen.budget_key is not None else ()
    return (EnsureBudget(),) if seen.budget_key != names.PROTECTION_KEY else ()


def _policies(seen: Observed) -> tuple[Step, ...]:
    if not seen.wants_policies:
        return tuple(DeletePolicy(name) for name in seen.policies)
    return (EnsurePolicies(),) if seen.policies_key != names.PROTECTION_KEY else ()
