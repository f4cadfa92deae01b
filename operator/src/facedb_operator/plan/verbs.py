"""What people have asked for by annotation and nobody has dealt with yet. Pure."""

from dataclasses import dataclass

from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.verbs import version_of


@dataclass(frozen=True)
class Asked:
    """New tokens, as what they ask for. Whoever acts on one puts it into ``Plan.handled``.

    Attributes:
        approve: the version that may be taken; empty for none.
        rollback: the version to go back to; empty for none.
    """

    promote: bool
    abort: bool
    paused: bool
    approve: str
    rollback: str


def asked(db: FaceDatabase) -> Asked:
    """What the annotations ask for beyond what status has handled."""
    new = {verb: token for verb in _ONCE if (token := _new(db, verb))}
    return Asked(
        promote="promote" in new,
        abort="abort" in new,
        paused=db.verbs.pause not in ("", "false"),
        approve=version_of(new.get("approve", "")),
        rollback=version_of(new.get("rollback", "")),
    )


def handle(db: FaceDatabase, *verbs: str) -> dict[str, str]:
    """The entries of ``Plan.handled`` that say that these verbs' tokens were dealt with."""
    return {verb: getattr(db.verbs, verb) for verb in verbs}


_ONCE = ("promote", "abort", "approve", "rollback")


def _new(db: FaceDatabase, verb: str) -> str:
    token: str = getattr(db.verbs, verb)
    return token if token != db.record.handled.get(verb, "") else ""
