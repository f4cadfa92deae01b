"""Jobs that fill a claim. Pure: builders that call nothing."""

from typing import Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import MODELS_DIR, RELEASE_DIR, Manifest, claim_volume, mount
from facedb_operator.objects.jobs import Work, job
from facedb_operator.objects.sources import reach
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.verification import Mode

# A Job that neither ends nor fails in this time is killed and tried again; it resumes.
FETCH_DEADLINE_S: Final = 6 * 3600


def fetch_job(db: FaceDatabase, component: Component, attempt: int, again: Good | None = None) -> Manifest:
    """The Job that fills a claim: the desired release's, the models', or the last good one's again.

    The release's Job mounts the models too, and every Job names the users' state without mounting it: where a
    volume's node is decided by its first pod, all must land where one pod can reach them.
    """
    db = (db.at(again) if again is not None else None) or db
    is_release = component is Component.RELEASE
    key = db.fetch_key if is_release else db.models_fetch_key
    found = reach(db.source if is_release else db.models.source, db.network)
    mounts = [mount("models", MODELS_DIR, read_only=is_release)]
    volumes = [
        claim_volume("models", db.models_claim_name, read_only=False),
        claim_volume("state", db.state_claim_name, read_only=False),
    ]
    if is_release:
        mounts.insert(0, mount("release", RELEASE_DIR, read_only=False))
        volumes.insert(0, claim_volume("release", db.claim_name, read_only=False))
    work = Work(
        name=names.fetch_job(db.name, key, attempt),
        component=component,
        key=key,
        notes={
            names.ATTEMPT_ANNOTATION: str(attempt),
            names.CLAIM_ANNOTATION: db.claim_name if is_release else db.models_claim_name,
        },
        command=("facedb", *(release_args(db, again) if is_release else models_args(db)), *found.words),
        env=found.env,
        mounts=(*mounts, *found.mounts),
        volumes=(*volumes, *found.volumes),
        deadline_s=FETCH_DEADLINE_S,
        memory="2Gi",
    )
    return job(db, work)


def release_args(db: FaceDatabase, again: Good | None = None) -> tuple[str, ...]:
    """Arguments of ``facedb`` that fetch the desired release, without those that name its source.

    One that is fetched again must be the bytes that were good, whether or not the spec pinned them.
    """
    pinned = db.digest or (again.digest if again is not None else None)
    digest = ("--digest", pinned) if pinned else ()
    keys = (word for key in db.verification.public_keys for word in ("--public-key", key))
    lenient = db.verification.public_keys and db.verification.mode is Mode.WARN
    words = ("fetch", "--into", RELEASE_DIR, "--version", db.version, *digest, *keys)
    return (*words, "--warn-signature") if lenient else words


def models_args(db: FaceDatabase) -> tuple[str, ...]:
    """Arguments of ``facedb`` that fetch the models, without those that name their source."""
    files = (word for f in db.models.files for word in ("--file", f"{f.name}:{f.size}:{f.sha256}"))
    return ("fetch-models", "--into", MODELS_DIR, *files)
