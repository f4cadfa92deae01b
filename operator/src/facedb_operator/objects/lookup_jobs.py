"""The Job that asks a source which version there is, and how large it is. Pure."""

from typing import Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest
from facedb_operator.objects.jobs import Work, job
from facedb_operator.objects.sources import reach
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import StartLookup

LOOKUP_DEADLINE_S: Final = 300


def lookup_job(db: FaceDatabase, step: StartLookup) -> Manifest:
    """The Job; its answer is an Outcome with the version and what it takes on a volume."""
    found = reach(db.source, db.network)
    work = Work(
        name=names.lookup_job(db.name, step.key, step.attempt),
        component=Component.LOOKUP,
        key=step.key,
        notes={names.ATTEMPT_ANNOTATION: str(step.attempt)},
        command=("facedb", "lookup", "--version", step.wanted, *found.words),
        env=found.env,
        mounts=found.mounts,
        volumes=found.volumes,
        deadline_s=LOOKUP_DEADLINE_S,
        memory="512Mi",
    )
    return job(db, work)
