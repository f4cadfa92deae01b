"""A FaceDatabase as the operator works with it, and the keys that stand for its parts. Pure."""

from dataclasses import asdict, dataclass, replace
from functools import cached_property

from facedb_operator import names
from facedb_operator.record import Bad, Good, Record
from facedb_operator.spec.channel import Channel
from facedb_operator.spec.models import Models
from facedb_operator.spec.network import Network
from facedb_operator.spec.rollout import Rollout
from facedb_operator.spec.sidecar import Sidecar
from facedb_operator.spec.sources import Source
from facedb_operator.spec.storage import Distribution, Storage
from facedb_operator.spec.verbs import Verbs
from facedb_operator.spec.verification import Verification


@dataclass(frozen=True)
class FaceDatabase:
    """A FaceDatabase as the operator works with it: the spec, and what status remembers.

    ``version`` is the release to serve: the spec's, or the one that was chosen from its channel; empty until
    the channel has offered one.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    version: str
    channel: Channel | None
    digest: str | None
    source: Source
    models: Models
    verification: Verification
    storage: Storage
    sidecar: Sidecar
    rollout: Rollout
    suspend: bool
    retain: bool
    verbs: Verbs
    record: Record
    network: Network
    # The key of other models than the spec's, see ``running``.
    other_models: str | None = None

    @cached_property
    def release_key(self) -> str:
        """Stands for the release: uid, version, pinned digest."""
        return names.short_hash(self.uid, self.version, self.digest)

    @cached_property
    def models_key(self) -> str:
        """Stands for the model files' names, sizes and hashes."""
        return self.other_models or names.short_hash(
            self.uid, [(f.name, f.size, f.sha256) for f in self.models.files]
        )

    @cached_property
    def fetch_key(self) -> str:
        """Stands for this try at the release: another source, token or measure of it makes another."""
        asked = [asdict(self.verification)] if self.verification != Verification() else []
        return names.short_hash(self.release_key, asdict(self.source), self.verbs.retry, *asked)

    @cached_property
    def models_fetch_key(self) -> str:
        """Stands for this way of fetching the models."""
        return names.short_hash(self.models_key, asdict(self.models.source), self.verbs.retry)

    @cached_property
    def claim_name(self) -> str:
        """The claim of the release that the spec asks for."""
        return names.release_claim(self.name, self.version, self.release_key)

    @cached_property
    def models_claim_name(self) -> str:
        """The claim of the models that the spec asks for."""
        return names.models_claim(self.name, self.models_key)

    @cached_property
    def state_claim_name(self) -> str:
        """The claim of the users' state, whatever release is served."""
        return names.state_claim(self.name)

    def at(self, good: Good) -> "FaceDatabase | None":
        """This database as it would be if the spec asked for a release that was good; None if none would be.

        The release's key tells whether its digest was pinned then.
        """
        tries = (replace(self, version=good.version, digest=digest) for digest in (None, good.digest))
        return next((db for db in tries if db.release_key == good.release_key), None)

    def running(self, image: str | None, models: str | None = None) -> "FaceDatabase":
        """This database as it would be if its pods ran this image with these models; None for the spec's."""
        db = replace(self, sidecar=replace(self.sidecar, image=image)) if image else self
        return replace(db, other_models=models) if models else db

    def revision_of(self, release_key: str) -> str:
        """Stands for what pods run: a release, the models, the pod settings; not how many pods."""
        s = self.sidecar
        pod = (s.image, s.device.value, s.resources, s.placement, s.runtime_class, s.env, s.pull_secrets)
        keys = [asdict(part) if part is not None else None for part in (s.stash, s.api_key)]
        drain_s = self.rollout.drain.total_seconds()
        # Settings that came later take no part where they are silent: pods that run must keep their key when
        # another edition of the operator computes it. tests/controller/test_spec.py holds the keys down.
        later = {
            "distribution": self.storage.distribution is not Distribution.SHARED,
            "gate": not self.rollout.gated,
        }
        said = [name for name, differs in later.items() if differs]
        return names.short_hash(release_key, self.models_key, pod, keys, s.updates, drain_s, *said)

    @cached_property
    def revision_key(self) -> str:
        """The revision that the spec asks for."""
        return self.revision_of(self.release_key)

    @cached_property
    def service_key(self) -> str:
        """Stands for the Service's settings."""
        return names.short_hash(self.sidecar.service)

    @cached_property
    def trial_key(self) -> str:
        """Stands for one try at rolling the revision out: a new retry token makes another."""
        return names.short_hash(self.revision_key, self.verbs.retry)

    @cached_property
    def judged_key(self) -> str:
        """Stands for one try under these conditions: a mended check or a longer deadline makes another."""
        checks = [(type(check).__name__, asdict(check)) for check in self.rollout.checks]
        deadline_s = self.rollout.progress_deadline.total_seconds()
        return names.short_hash(self.trial_key, checks, deadline_s)

    @cached_property
    def verdict(self) -> Bad | None:
        """The remembered judgement against what the spec asks for, if there is one."""
        keys = {self.fetch_key, self.models_fetch_key, self.trial_key, self.judged_key}
        return next((b for b in reversed(self.record.bad) if keys.intersection(b.keys)), None)
