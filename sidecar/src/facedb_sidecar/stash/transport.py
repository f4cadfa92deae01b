"""A GraphQL document → its data, over HTTP: in time, at most so many bytes, and no key in any message.

Questions that only read are asked again when the connection or a proxy fails; what changes something is sent
once. Stash and stash-boxes are both asked through here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from facedb_sidecar.stash.errors import StashBroken, StashRefused, StashRejected, StashUnreachable
from facedb_sidecar.stash.rate import RateLimiter

MOST_ANSWER_BYTES = 8 * 1024 * 1024
# Waits before the second and the third try: a proxy that restarts is back within seconds.
RETRY_WAITS_S = (0.2, 1.0)
# Past this, JSON is decoded in a thread: 1 MiB takes about 5 ms, and /health must not wait.
DECODE_IN_THREAD_BYTES = 256 * 1024
# Statuses by which a proxy says that the server behind it is away for now.
AWAY = (502, 503, 504)


class _Said(msgspec.Struct, frozen=True):
    message: str = "no message"


class _Envelope(msgspec.Struct, frozen=True):
    data: dict[str, Any] | None = None
    errors: tuple[_Said, ...] | None = None


@dataclass(frozen=True)
class Door:
    """Where a server is, and how it lets us in.

    Attributes:
        who: its name in messages.
        url: of its GraphQL.
        api_key: None where it asks for none.
        timeout_s: for one question, with its retries.
    """

    who: str
    url: str
    api_key: str | None
    timeout_s: float

    @property
    def headers(self) -> dict[str, str]:
        """That let us in.

        Raises:
            StashRefused: the key cannot be sent; a library's message about that would show it.
        """
        if self.api_key is None:
            return {}
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise StashRefused(f"{self.who}: its API key has characters that no header may have")
        return {"ApiKey": self.api_key}

    def without_key(self, text: str) -> str:
        """A server's words, should it have repeated the key."""
        return text.replace(self.api_key, "***") if self.api_key else text

    def __repr__(self) -> str:
        return f"Door({self.who!r}, {self.url!r})"


class GraphQL:
    """One GraphQL server.

    Args:
        door: of the server.
        http: connections; closed by who made them.
        limiter: of this server.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        door: Door,
        http: httpx.AsyncClient,
        limiter: RateLimiter,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._door = door
        self._http = http
        self._limiter = limiter
        self._sleep = sleep

    async def ask(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a query; a failed connection and a proxy's 502, 503 and 504 are tried again.

        Raises:
            StashError: no answer; see stash.errors.
        """
        return await self._in_time(document, variables, RETRY_WAITS_S)

    async def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a mutation, once.

        Raises:
            StashError: no answer; what was asked for may have happened all the same.
        """
        return await self._in_time(document, variables, ())

    async def _in_time(
        self, document: str, variables: Mapping[str, Any] | None, waits: tuple[float, ...]
    ) -> dict[str, Any]:
        body = {"query": document, "variables": dict(variables or {})}
        # Waiting for our own turn is not the server's fault: the time starts after it.
        await self._limiter.turn()
        try:
            async with asyncio.timeout(self._door.timeout_s):
                data = await self._with_retries(body, waits)
                return await self._decode(data)
        except (TimeoutError, httpx.TimeoutException) as error:
            message = f"{self._door.who} did not answer within {self._door.timeout_s:g} s"
            raise StashUnreachable(message, late=True) from error

    async def _with_retries(self, body: dict[str, Any], waits: tuple[float, ...]) -> bytes:
        for wait_s in waits:
            try:
                return await self._post(body)
            except Away:
                await self._sleep(wait_s)
                await self._limiter.turn()
        try:
            return await self._post(body)
        except Away as error:
            raise StashUnreachable(error.message, late=False) from error.__cause__

    async def _post(self, body: dict[str, Any]) -> bytes:
        who = self._door.who
        try:
            async with self._http.stream(
                "POST", self._door.url, json=body, headers=self._door.headers
            ) as reply:
                check_status(reply, who)
                return await read_at_most(reply, MOST_ANSWER_BYTES, who)
        except httpx.TimeoutException:
            raise
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(f"{who} cannot be reached: {reason(error)}") from error

    async def _decode(self, data: bytes) -> dict[str, Any]:
        try:
            if len(data) > DECODE_IN_THREAD_BYTES:
                said = await asyncio.to_thread(msgspec.json.decode, data, type=_Envelope)
            else:
                said = msgspec.json.decode(data, type=_Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StashBroken(
                f"{self._door.who} answered with something that is no GraphQL answer"
            ) from error
        if said.errors:
            words = "; ".join(one.message for one in said.errors[:3])
            raise StashRejected(f"{self._door.who} refused: {self._door.without_key(words)[:500]}")
        if said.data is None:
            raise StashBroken(f"{self._door.who} answered without data")
        return said.data


class Away(Exception):
    """The server, or the way to it, is away for now: worth another try. Never leaves this package."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def check_status(reply: httpx.Response, who: str) -> None:
    """Let a 2xx through.

    Raises:
        StashRefused: 401, 403, or a redirect, by which Stash sends strangers to its login page.
        StashBroken: any other status.
    """
    status = reply.status_code
    if reply.is_success:
        return
    if status in (401, 403) or reply.is_redirect:
        raise StashRefused(f"{who} does not let us in (HTTP {status}): its API key is missing or wrong")
    if status in AWAY:
        raise Away(f"{who} answered HTTP {status}")
    # A GraphQL server may put its words into a 4xx: stash's own is 422 for a query that is not valid.
    if status in (400, 422) and "json" in reply.headers.get("content-type", ""):
        return
    raise StashBroken(f"{who} answered HTTP {status}")


async def read_at_most(reply: httpx.Response, most: int, who: str) -> bytes:
    """The body, which must not have more than ``most`` bytes.

    Raises:
        StashBroken: it has.
    """
    data = bytearray()
    async for chunk in reply.aiter_bytes():
        data += chunk
        if len(data) > most:
            raise StashBroken(f"{who} answered with more than {most} bytes")
    return bytes(data)


def reason(error: Exception) -> str:
    """A library's words, or at least its name for what happened."""
    return str(error) or type(error).__name__
