"""What a source answered when it was last asked for its versions → a file, so that nobody is asked too often.

One file for each source (never for each token), written whole. The question is noted before it is put: a
process that crashes in a loop asks once in ten minutes, too. Where nothing can be written, memory has to do.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.receipt import write_whole
from facedb_release.sources.asset import Available, sha256_or_none
from facedb_release.strictjson import parse_json
from facedb_release.transport import Refused
from facedb_release.version import parse_version

MINUTES = 10.0
_FAILED_SECONDS = 60.0
_LONGEST_SECONDS = 86_400.0
_MAX_FILE = 32 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """One page of a source's list.

    Attributes:
        url: asked.
        etag: of the answer, for the next question.
        following: URL of the next page.
        found: the versions on it.
    """

    url: str
    etag: str | None
    following: str | None
    found: tuple[Available, ...]


@dataclass(frozen=True)
class Answer:
    """What a source said.

    Attributes:
        found: all versions, newest first.
        pages: as they came, for sources with ETags.
        wait_seconds: until it may be asked again, where its limit is used up.
    """

    found: tuple[Available, ...]
    pages: tuple[Page, ...] = ()
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Remembered:
    """The last question.

    Attributes:
        asked_at: when it was put, seconds since 1970.
        not_before: when the next one may be.
        answer: the last one there was, perhaps to an earlier question.
        trouble: how the last question failed, if it did.
    """

    asked_at: float
    not_before: float
    answer: Answer | None
    trouble: tuple[Reason, str] | None = None


class CheckCache:
    """The files of one user or volume.

    Args:
        folder: for the files; the user's cache folder by default.
        minutes: between two questions to one source, at least.
        clock: seconds since 1970; may jump.
    """

    def __init__(
        self, folder: Path | None = None, *, minutes: float = MINUTES, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder or platformdirs.user_cache_path("facedb") / "checks"
        self._seconds = minutes * 60
        self._clock = clock
        self._unwritten: dict[str, Remembered] = {}

    def through(self, source: str, ask: Callable[[tuple[Page, ...]], Answer]) -> tuple[Available, ...]:
        """Return the versions: remembered ones while they are young, else from `ask`.

        Args:
            source: its name, without secrets.
            ask: puts the question, given the pages of the last answer.

        Raises:
            SourceTrouble: of this question, or of the last while the next one has to wait.
        """
        now, last = self._clock(), self.read(source)
        # A clock that was set back makes the note lie in the future: then it says nothing.
        if last and last.asked_at <= now < last.not_before:
            return _again(last, source)
        answer = last.answer if last else None
        self._write(source, Remembered(now, now + self._seconds, answer))
        try:
            fresh = ask(answer.pages if answer else ())
        except SourceTrouble as e:
            until = self._clock() + self._wait_after(e)
            self._write(source, Remembered(now, until, answer, (e.reason, e.message)))
            raise
        until = now + max(self._seconds, min(fresh.wait_seconds or 0.0, _LONGEST_SECONDS))
        self._write(source, Remembered(now, until, fresh))
        return fresh.found

    def read(self, source: str) -> Remembered | None:
        """Return the note of a source; None without one, and when it cannot be understood."""
        if source in self._unwritten:
            return self._unwritten[source]
        try:
            raw = parse_json(self._path(source).read_bytes(), max_bytes=_MAX_FILE)
            return _remembered(raw) if raw["source"] == source else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
            _log.info("the note of the last check of %s cannot be used: %s", source, e)
            return None

    def _write(self, source: str, note: Remembered) -> None:
        text = json.dumps({"source": source, **_raw(note)}).encode()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(source), text)
            self._unwritten.pop(source, None)
        except OSError as e:
            if source not in self._unwritten:
                _log.warning("the check of %s is not remembered on disk: %s", source, e.strerror or e)
            self._unwritten[source] = note

    def _path(self, source: str) -> Path:
        return self._folder / f"{hashlib.sha256(source.encode()).hexdigest()[:24]}.json"

    def _wait_after(self, trouble: SourceTrouble) -> float:
        """Return for how many seconds a failed question is not repeated."""
        cause = trouble.__cause__
        asked = cause.retry_after if isinstance(cause, Refused) else None
        # An answer, even a bad one, counts as asked; nobody answering costs nobody anything.
        least = _FAILED_SECONDS if trouble.reason is Reason.SOURCE_UNAVAILABLE else self._seconds
        return min(max(least, asked or 0.0), _LONGEST_SECONDS)


def _again(last: Remembered, source: str) -> tuple[Available, ...]:
    if last.trouble is None and last.answer is not None:
        return last.answer.found
    reason, message = last.trouble or (Reason.SOURCE_UNAVAILABLE, "The process ended before the answer came.")
    asked, until = (f"{datetime.fromtimestamp(t, UTC):%H:%M:%S}" for t in (last.asked_at, last.not_before))
    raise SourceTrouble(
        reason,
        f"{source} was asked for its versions at {asked} UTC and is not asked again before {until}. "
        f"{message}",
    )


def _raw(note: Remembered) -> dict[str, Any]:
    answer = note.answer
    return {
        "asked_at": note.asked_at,
        "not_before": note.not_before,
        "trouble": list(note.trouble) if note.trouble else None,
        "found": None if answer is None else [_raw_available(one) for one in answer.found],
        "pages": [
            {
                "url": page.url,
                "etag": page.etag,
                "following": page.following,
                "found": [_raw_available(one) for one in page.found],
            }
            for page in (answer.pages if answer else ())
        ],
    }


def _remembered(raw: dict[str, Any]) -> Remembered:
    """Read a note.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: if it is none.
    """
    asked, until, trouble = float(raw["asked_at"]), float(raw["not_before"]), raw["trouble"]
    if not 0 <= until - asked <= 2 * _LONGEST_SECONDS:
        raise ValueError("its times are impossible")
    pages = tuple(
        Page(str(p["url"]), p["etag"], p["following"], tuple(_available(one) for one in p["found"]))
        for p in raw["pages"]
    )
    answer = None
    if raw["found"] is not None:
        answer = Answer(tuple(_available(one) for one in raw["found"]), pages)
    return Remembered(asked, until, answer, (Reason(trouble[0]), str(trouble[1])) if trouble else None)


def _raw_available(one: Available) -> dict[str, Any]:
    return {
        "version": one.version.text,
        "published_at": one.published_at.isoformat() if one.published_at else None,
        "name": one.name,
        "size": one.size,
        "digest": one.digest,
        "url": one.url,
        "title": one.title,
    }


def _available(raw: dict[str, Any]) -> Available:
    when, size = raw["published_at"], raw["size"]
    return Available(
        version=parse_version(raw["version"]),
        published_at=datetime.fromisoformat(when) if when else None,
        name=str(raw["name"]),
        size=None if size is None else int(size),
        digest=sha256_or_none(raw["digest"]),
        url=str(raw["url"]),
        title=None if raw.get("title") is None else str(raw["title"]),
    )
