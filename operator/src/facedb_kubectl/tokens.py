"""What asks for a verb: a token in an annotation, by which its answer is known. Pure but for the mark.

The operator writes the token into `status.handled` once it has dealt with it. A token never comes twice, so
that asking again is asking anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from facedb_operator.names import GROUP

FIELD_MANAGER = "kubectl-facedb"
WITH_VERSION = frozenset({"approve", "rollback"})


def new_mark() -> str:
    """Twelve hexadecimal digits that nobody has used."""
    return secrets.token_hex(6)


def token(verb: str, version: str | None, mark: str) -> str:
    """The token: `<version>-<mark>` for approve and rollback, else the mark.

    Raises:
        ValueError: the verb wants a version and none is given, or the other way round.
    """
    if (verb in WITH_VERSION) != bool(version):
        raise ValueError(f"{verb} with version {version!r}")
    return f"{version}-{mark}" if version else mark


def annotation(verb: str) -> str:
    """The annotation that holds the verb's token."""
    return f"{GROUP}/{verb}"


def asking(verb: str, held: str | None) -> Mapping[str, Any]:
    """The merge patch that sets the verb's annotation; None takes it away."""
    return {"metadata": {"annotations": {annotation(verb): held}}}
