"""The Job of one check of a rollout. Pure."""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest
from facedb_operator.objects.jobs import Work, job
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import StartCheck


def check_job(db: FaceDatabase, step: StartCheck) -> Manifest:
    """The Job. ``{service}`` and ``{pod}`` in its command become addresses of the sidecar."""
    port = db.sidecar.service.get("port", names.SIDECAR_PORT)
    host = f"[{step.pod_ip}]" if ":" in step.pod_ip else step.pod_ip
    places = {
        "{service}": f"http://{db.name}.{db.namespace}.svc:{port}",
        "{pod}": f"http://{host}:{names.SIDECAR_PORT}",
    }
    command = list(step.check.command)
    for place, url in places.items():
        command = [word.replace(place, url) for word in command]
    work = Work(
        name=names.check_job(db.name, step.key, step.attempt),
        component=Component.CHECK,
        key=step.key,
        notes={names.CHECK_ANNOTATION: step.check.name, names.ATTEMPT_ANNOTATION: str(step.attempt)},
        command=tuple(command),
        env=tuple(dict(each) for each in step.check.env),
        mounts=(),
        volumes=(),
        deadline_s=max(1, int(step.check.timeout.total_seconds())),
        memory="512Mi",
        image=step.check.image,
    )
    return job(db, work)
