"""Verbs: annotations by which people ask for something without changing the spec: Git never drifts. Pure.

Each holds a token. A new token asks anew; the last one that was dealt with stands in ``status.handled``.
``pause`` alone is a state: it holds as long as the annotation is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from facedb_operator import names


@dataclass(frozen=True)
class Verbs:
    """The tokens; empty where the annotation is absent.

    Attributes:
        retry: try what was refused once more.
        promote: end the canary's pause, the bake or the freeze: go on.
        abort: end the rollout and go back.
        pause: begin nothing and move nothing until the annotation is gone.
        approve: the version of a channel that may be taken, and a token: ``2026.02.18-0123456789ab``.
        rollback: the kept version to go back to, and a token, in the same form.
    """

    retry: str = ""
    promote: str = ""
    abort: str = ""
    pause: str = ""
    approve: str = ""
    rollback: str = ""


def read_verbs(annotations: Mapping[str, str]) -> Verbs:
    """The tokens of a FaceDatabase's annotations."""
    return Verbs(**{verb: annotations.get(f"{names.GROUP}/{verb}", "") for verb in VERBS})


def version_of(token: str) -> str:
    """The version that an ``approve`` or ``rollback`` token names; empty when it names none."""
    version, dash, mark = token.rpartition("-")
    return version if dash and mark else token


VERBS = tuple(Verbs.__dataclass_fields__)
