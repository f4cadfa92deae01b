"""How a run ended, as the ≤ 4 KiB of JSON that a Job leaves as its termination message.

Written by the `facedb` process, read by the operator with this same class. Imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

MAX_BYTES = 4096
# How long each text may be at most once something has to be cut; the message is cut last and least.
_CUTS = (400, 200, 100, 40, 20)


@dataclass(frozen=True)
class Outcome:
    """The answer of one run.

    Attributes:
        ok: whether what was asked for is so: a release in place and verified, found, or a check that holds.
        reason: stable word; `Fetched`, `AlreadyThere`, `Verified`, `Found` or `Holds` when ok, else one of
            errors.Reason.
        message: one or two sentences for people.
        permanent: whether trying again with the same input is pointless.
        version: of the release, when known.
        digest: `sha256:<hex>` of the archive, when known; of a lookup what the source promises, unread.
        bytes_downloaded: by this run, repeated parts included.
        bytes_total: size of the archive, when known.
        seconds: how long the run took.
        performer_count: of the manifest, when verified.
        face_count: of the manifest, when verified.
        warnings: what is odd but no reason to refuse.
        file: the file the refusal is about.
        expected: what should have been there.
        found: what was there.
        signed_by: id of the key whose signature was asked for and was good.
        bytes_unpacked: size of the release's files together, when a lookup read the archive's directory.
        name: of the release, else of its archive, when the source says so.
        url: of the archive, without secrets, when known.
        published_at: RFC 3339 with its time zone, when the source says so.
        retry_after: seconds that the source asks to wait before it is asked again.
    """

    ok: bool
    reason: str
    message: str
    permanent: bool
    version: str | None = None
    digest: str | None = None
    bytes_downloaded: int = 0
    bytes_total: int | None = None
    seconds: float = 0.0
    performer_count: int | None = None
    face_count: int | None = None
    warnings: tuple[str, ...] = ()
    file: str | None = None
    expected: str | None = None
    found: str | None = None
    signed_by: str | None = None
    bytes_unpacked: int | None = None
    name: str | None = None
    url: str | None = None
    published_at: str | None = None
    retry_after: float | None = None

    def to_json(self) -> str:
        """Return the JSON text, at most 4096 bytes of ASCII; long texts and late warnings are cut to fit."""
        kept = self
        while len(text := _dump(kept)) > MAX_BYTES and kept.warnings:
            kept = replace(kept, warnings=_fewer(kept.warnings))
        for cut in _CUTS:
            if len(text) <= MAX_BYTES:
                break
            kept = _shortened(kept, cut)
            text = _dump(kept)
        return text

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Read what `to_json` wrote; unknown fields are ignored, so that a newer writer can be read.

        Raises:
            ValueError: if the text is not such a JSON object.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ValueError(f"not JSON: {e}") from e
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        known = {f.name: str(f.type) for f in fields(cls)}
        values = {name: _checked(name, known[name], value) for name, value in raw.items() if name in known}
        try:
            return cls(**values)
        except TypeError as e:
            raise ValueError(f"not an outcome: {e}") from e


_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "str": (str,),
    "str | None": (str, type(None)),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}


def _checked(name: str, kind: str, value: Any) -> Any:
    """Return the JSON value as the field wants it, or raise ValueError."""
    if kind == "tuple[str, ...]":
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise ValueError(f"{name} is not a list of texts")
    allowed = _KINDS[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise ValueError(f"{name} is not {kind}: {value!r}")
    return value


def _dump(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome), separators=(",", ":"))


def _fewer(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the last real warning and keep a line that says how many were dropped."""
    *rest, last = warnings
    dropped = re.fullmatch(r"… ([0-9]+) more", last, re.ASCII)
    if dropped is None:
        return (*rest, "… 1 more")
    if not rest:
        return ()
    return (*rest[:-1], f"… {int(dropped[1]) + 1} more")


def _shortened(outcome: Outcome, cut: int) -> Outcome:
    """Cut every text to `cut` characters (the message to three times that)."""

    def short(text: str | None, limit: int) -> str | None:
        return text if text is None or len(text) <= limit else text[: limit - 1] + "…"

    return replace(
        outcome,
        reason=short(outcome.reason, cut) or "",
        message=short(outcome.message, 3 * cut) or "",
        version=short(outcome.version, cut),
        digest=short(outcome.digest, cut),
        file=short(outcome.file, cut),
        expected=short(outcome.expected, cut),
        found=short(outcome.found, cut),
        signed_by=short(outcome.signed_by, cut),
        name=short(outcome.name, cut),
        url=short(outcome.url, cut),
        published_at=short(outcome.published_at, cut),
    )
