"""What a release must be, beyond whole. Pure."""

from dataclasses import dataclass
from enum import Enum

from facedb_operator.spec.fields import Raw, word


class Mode(Enum):
    """Whether a release that does not meet signature and minimums is refused, or served with a warning."""

    ENFORCE = "Enforce"
    WARN = "Warn"


@dataclass(frozen=True)
class Verification:
    """What a release must be.

    Attributes:
        public_keys: minisign; one of them must have signed. Empty: no signature is asked for.
        most_fewer_faces: percent by which there may be fewer faces than in the last good release; None: any.
        most_fewer_performers: likewise.
        least_faces: absolute.
    """

    mode: Mode = Mode.ENFORCE
    public_keys: tuple[str, ...] = ()
    most_fewer_faces: int | None = None
    most_fewer_performers: int | None = None
    least_faces: int | None = None


def read_verification(raw: Raw) -> Verification:
    """Read ``spec.verification``.

    Raises:
        InvalidSpec: the mode is none.
    """
    minimums = raw.get("minimums") or {}
    return Verification(
        mode=word(Mode, raw.get("mode", "Enforce"), "spec.verification.mode"),
        public_keys=tuple((raw.get("signature") or {}).get("publicKeys") or ()),
        most_fewer_faces=minimums.get("maxFaceDropPercent"),
        most_fewer_performers=minimums.get("maxPerformerDropPercent"),
        least_faces=minimums.get("faces"),
    )
