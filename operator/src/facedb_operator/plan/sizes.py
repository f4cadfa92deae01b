"""Asking how large a pinned release is, where the spec leaves the size of its volume open. Pure.

A channel's answer has that number already. For a pinned version one lookup Job is made before its claim is;
``spec.sizes`` makes a size of the answer.
"""

from dataclasses import asdict, replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.names import Reason
from facedb_operator.plan.lookups import Pending, Question, ask, offered
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import Plan

# A sidecar image that knows no lookup dies like this, for ever.
MOST_SILENT = 3
WHEN_REFUSED = timedelta(minutes=5)


def sizing(db: FaceDatabase, seen: Observed) -> Plan | None:
    """The next step towards the size of the wanted release; None when it is known, or nobody can say it."""
    if not _is_open(db, seen):
        return None
    question = _question(db)
    answer = ask(seen, question, when_refused=WHEN_REFUSED)
    if isinstance(answer, Pending):
        # The fetch Job is the judge of a release: what it will refuse may have any volume.
        if answer.failed and _is_hopeless(answer):
            return None
        return Plan(answer.reason, answer.message, answer.steps, check_again=answer.again)
    # As the spec writes it: what is known of it must be found under that name.
    found = replace(offered(answer, question.key, db.record.available, seen.now), version=db.version)
    size = f"takes {found.unpacked_bytes} bytes" if found.unpacked_bytes else "does not say what it takes"
    message = f"Release {db.version} {size}."
    return Plan(Reason.LOOKING_UP, message, check_again=timedelta(0), available=found)


def size_keys(db: FaceDatabase, seen: Observed) -> frozenset[str]:
    """The key of the question, while it is open."""
    return frozenset({_question(db).key}) if _is_open(db, seen) else frozenset()


def _is_open(db: FaceDatabase, seen: Observed) -> bool:
    known = db.record.available
    return (
        db.channel is None
        and db.storage.size is None
        and db.verdict is None
        and seen.claim(db.claim_name) is None
        and (known is None or known.version != db.version)
    )


def _question(db: FaceDatabase) -> Question:
    key = names.short_hash(db.uid, "size", db.version, asdict(db.source), db.verbs.retry)
    return Question(key, db.version)


def _is_hopeless(answer: Pending) -> bool:
    if answer.failure is None:
        return answer.attempt >= MOST_SILENT
    return answer.failure.permanent
