"""What requests about Stash's scenes, images and galleries are refused with, in the contract's words.

Refusal
├── NoStash         400  STASH_URL is not set
├── NoFfmpeg        503  ffmpeg is not installed
├── NotQueried      400  Stash did not answer, or said no
├── NotInStash      404  it has no such scene, image or gallery
└── Unusable        400  it has, and there is nothing to look at
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facedb_sidecar.refusals import NotFetched, Refusal
from facedb_sidecar.stash.client import StashClient
from facedb_sidecar.stash.errors import StashError


class NoStash(Refusal):
    """There is no Stash to ask."""

    status = 400

    def __init__(self) -> None:
        super().__init__("STASH_URL env var not set")


class NoFfmpeg(Refusal):
    """Without ffmpeg there are no frames; this does not pass by itself."""

    status = 503

    def __init__(self) -> None:
        super().__init__("ffmpeg not available")


class NotQueried(Refusal):
    """Stash was asked, and there is no answer to work with."""

    status = 400


class NotInStash(Refusal):
    """There is no such thing."""

    status = 404


class Unusable(Refusal):
    """There is nothing in it to look at."""

    status = 400


def required(stash: StashClient | None) -> StashClient:
    """The Stash beside this sidecar.

    Raises:
        NoStash: there is none.
    """
    if stash is None:
        raise NoStash
    return stash


@contextmanager
def querying(what: str) -> Iterator[None]:
    """Stash's failures → ``Failed to query scene: ...``.

    Raises:
        NotQueried: whatever went wrong between us and Stash.
    """
    try:
        yield
    except StashError as error:
        raise NotQueried(f"Failed to query {what}: {error.message}") from error


@contextmanager
def fetching() -> Iterator[None]:
    """Stash's failures → ``Failed to fetch image: ...``.

    Raises:
        NotFetched: there are no bytes.
    """
    try:
        yield
    except StashError as error:
        raise NotFetched(error.message) from error
