"""Errors of the edge → status codes, in this one place.

    Refusal
    ├── Unavailable     503  no engine: loading, or it cannot be loaded
    ├── Updating        503  one engine is being replaced by another, and there is no room for both
    ├── Busy            503  as many requests are in the house as may be
    ├── BadImage        400  bytes that are no image that we decode
    ├── NotFetched      400  an image_url that cannot or may not be fetched
    └── NotRecognised   500  the engine failed on an image

``register`` makes FastAPI answer them in the contract's words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

# Seconds, as the contract has it.
RETRY_AFTER: Mapping[str, str] = {"Retry-After": "10"}
# Of what a client sent, in the list of what is wrong with it: an image in base64 is no help to anybody.
MOST_ECHOED = 200
MOST_ERRORS = 50


class Refusal(Exception):
    """A request that is not answered as its client hoped.

    Attributes:
        status: of the answer.
        headers: of the answer.
        prefix: the contract's words in front of the message.
    """

    status = 503
    headers: Mapping[str, str] = {}
    prefix = ""

    @property
    def detail(self) -> str:
        """What the client reads."""
        return f"{self.prefix}{self}"


class Unavailable(Refusal):
    """There is no engine; the message says why."""

    headers = RETRY_AFTER
    prefix = "Face recognition unavailable: "


class Updating(Refusal):
    """There is no engine for a moment."""

    headers = RETRY_AFTER

    def __init__(self) -> None:
        super().__init__("Database update in progress")


class Busy(Refusal):
    """As many requests are in the house as may be: come back later."""

    headers = RETRY_AFTER

    def __init__(self) -> None:
        super().__init__("Too many requests are waiting; try again later")


class BadImage(Refusal):
    """The bytes are no image that we decode; the message says why."""

    status = 400
    prefix = "Failed to decode image: "


class NotFetched(Refusal):
    """An image could not, or may not, be fetched; the message says why."""

    status = 400
    prefix = "Failed to fetch image: "


class NotRecognised(Refusal):
    """The engine failed on an image; the message says how."""

    status = 500
    prefix = "Recognition failed: "


def register(app: FastAPI) -> None:
    """Make the app answer refusals, and what does not fit the schema."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse({"detail": error.detail}, error.status, dict(error.headers))


async def _unfit(_: Request, error: Exception) -> JSONResponse:
    """422 as FastAPI has it; what is echoed is cut, and is JSON whatever it was: NaN, half a character."""
    if not isinstance(error, RequestValidationError):
        raise error
    return JSONResponse({"detail": [_plain(each) for each in error.errors()[:MOST_ERRORS]]}, 422)


def _plain(value: object, depth: int = 0) -> object:
    """Any value → one that JSON can hold, of bounded size."""
    match value:
        case None | bool() | int():
            return value if value is None or -(2**63) <= value < 2**63 else str(value)[:MOST_ECHOED]
        case float():
            return value if math.isfinite(value) else str(value)
        case dict() if depth < 4:
            return {_text(k): _plain(v, depth + 1) for k, v in list(value.items())[:MOST_ERRORS]}
        case list() | tuple() if depth < 4:
            return [_plain(v, depth + 1) for v in value[:MOST_ERRORS]]
        case _:
            return _text(value)


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    cut = text if len(text) <= MOST_ECHOED else f"{text[:MOST_ECHOED]}..."
    return cut.encode("utf-8", "replace").decode()
