"""``image_url`` → bytes, with a guard against server-side request forgery.

The host is resolved once, each address is judged (see addresses), and the connection goes to a judged
address: a name that changes its mind in between changes nothing. Redirects are followed by hand, and judged
the same way.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from facedb_sidecar.addresses import IP, PORTS, Rules, plain, rules
from facedb_sidecar.refusals import NotFetched
from facedb_sidecar.settings import Settings

TOTAL_S = 30.0
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {"Accept": "image/*, */*;q=0.1", "Accept-Encoding": "identity", "User-Agent": "facedb-sidecar"}
# A name may have many addresses; the first few that may be asked are tried in turn.
MOST_ADDRESSES = 3

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True)
class Target:
    """Where a request goes: the URL as it was meant, and the addresses that were judged."""

    url: httpx.URL
    addresses: tuple[IP, ...]


class ImageFetcher:
    """Fetches images from where the rules allow.

    Args:
        allowed: the rules.
        most_bytes: of an image.
        seconds: for everything: names, connections, redirects and the last byte.
        names: host and port → addresses; tests have their own.
    """

    def __init__(
        self, allowed: Rules, *, most_bytes: int, seconds: float = TOTAL_S, names: Resolve = resolve
    ) -> None:
        self._rules = allowed
        self._most = most_bytes
        self._seconds = seconds
        self._names = names
        # Made once: it reads a bundle of certificates.
        self._tls = httpx.create_ssl_context()

    @classmethod
    def of(cls, settings: Settings) -> ImageFetcher:
        """As the settings want it."""
        access = settings.access
        return cls(
            rules(access.fetch_allow, access.fetch_deny, settings.stash.url),
            most_bytes=settings.limits.image_bytes,
        )

    async def get(self, url: str) -> bytes:
        """Fetch an image.

        Raises:
            NotFetched: it may not be fetched, or could not; the message says which and why.
        """
        try:
            async with asyncio.timeout(self._seconds):
                async with self._client() as client:
                    return await self._follow(client, url)
        except TimeoutError as error:
            raise NotFetched(f"it did not come within {self._seconds:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NotFetched(str(error) or type(error).__name__) from error

    def _client(self) -> httpx.AsyncClient:
        """For one image: cookies and connections of one request must not serve another's.

        No proxy and no .netrc from the environment: the guard would judge another connection than is made.
        """
        return httpx.AsyncClient(trust_env=False, verify=self._tls, timeout=self._seconds, headers=HEADERS)

    async def _follow(self, client: httpx.AsyncClient, text: str) -> bytes:
        url = httpx.URL(text)
        for _ in range(MOST_REDIRECTS + 1):
            async with _answer(client, await self._judged(url)) as reply:
                if reply.status_code not in REDIRECTS:
                    return await self._body(reply)
                if "location" not in reply.headers:
                    raise NotFetched(f"HTTP {reply.status_code} without a location")
                url = url.join(reply.headers["location"])
        raise NotFetched(f"more than {MOST_REDIRECTS} redirects")

    async def _judged(self, url: httpx.URL) -> Target:
        """Resolve the host, and keep the addresses that may be asked."""
        if url.scheme not in PORTS or not url.host:
            raise NotFetched("only http and https URLs are fetched")
        port = url.port or PORTS[url.scheme]
        if self._rules.refuses_name(url.host):
            raise NotFetched(f"{plain(url.host)} is denied by the settings")
        # A zone (fe80::1%eth0) is no part of the address.
        names = await self._names(url.raw_host.decode("ascii").strip("[]"), port)
        found = [ipaddress.ip_address(name.partition("%")[0]) for name in names]
        good = tuple(a for a in found if not self._rules.refuses_address(url.host, port, a))
        if not good:
            hint = "FACEDB_FETCH_ALLOW can name hosts and networks"
            raise NotFetched(f"{plain(url.host)} is not at a public address; {hint}")
        return Target(url, good[:MOST_ADDRESSES])

    async def _body(self, reply: httpx.Response) -> bytes:
        if reply.status_code != 200:
            raise NotFetched(f"HTTP {reply.status_code} {reply.reason_phrase}".rstrip())
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            raise NotFetched("the server sent it compressed, though it was asked not to")
        data = bytearray()
        async for chunk in reply.aiter_raw():
            data += chunk
            if len(data) > self._most:
                raise NotFetched(f"larger than {self._most} bytes")
        return bytes(data)


@asynccontextmanager
async def _answer(client: httpx.AsyncClient, target: Target) -> AsyncIterator[httpx.Response]:
    """The head of the answer of the first judged address that takes a connection."""
    reply = await _first_answer(client, target)
    try:
        yield reply
    finally:
        await reply.aclose()


async def _first_answer(client: httpx.AsyncClient, target: Target) -> httpx.Response:
    *others, last = target.addresses
    for address in others:
        try:
            return await client.send(_request(client, target.url, address), stream=True)
        except httpx.ConnectError:
            continue
    return await client.send(_request(client, target.url, last), stream=True)


def _request(client: httpx.AsyncClient, url: httpx.URL, address: IP) -> httpx.Request:
    """To the address itself; the name stays in Host and, for TLS, in SNI and the certificate's check."""
    return client.build_request(
        "GET",
        url.copy_with(host=str(address)),
        headers={"Host": url.netloc.decode("ascii")},
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
