"""Whether a whole release also holds as much as ``spec.verification.minimums`` asks for. Pure."""

from typing import Final

from facedb_operator.facts import Observed, Verified
from facedb_operator.spec import FaceDatabase

BELOW_MINIMUM: Final = "BelowMinimum"


def shortfalls(db: FaceDatabase, seen: Observed, facts: Verified) -> tuple[str, ...]:
    """What a release has too few of, a sentence each. What nobody has counted falls short of nothing."""
    asked, good = db.verification, _last_good(db, seen)
    found = [
        _dropped("faces", facts.face_count, good.face_count if good else None, asked.most_fewer_faces),
        _dropped(
            "performers",
            facts.performer_count,
            good.performer_count if good else None,
            asked.most_fewer_performers,
        ),
    ]
    if (
        asked.least_faces is not None
        and facts.face_count is not None
        and facts.face_count < asked.least_faces
    ):
        found.append(f"It has {facts.face_count} faces; spec asks for at least {asked.least_faces}.")
    return tuple(text for text in found if text)


def _dropped(what: str, now: int | None, before: int | None, most: int | None) -> str | None:
    if now is None or before is None or most is None or now * 100 >= before * (100 - most):
        return None
    return f"It has {now} {what}, the last good release has {before}; spec allows {most} % fewer."


def _last_good(db: FaceDatabase, seen: Observed) -> Verified | None:
    good = db.record.last_good
    if good is None:
        return None
    claim, kept = seen.claim(good.claim), seen.snapshot(good.release_key)
    return (claim.verified if claim is not None else None) or (kept.verified if kept is not None else None)
