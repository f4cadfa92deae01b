"""httpx's requests over urllib3's connections: the same client, a sixth of the CPU time for a body.

httpx alone reads bodies in pieces of 64 KiB and copies each three times (measured: 0.8 s of CPU time for
400 MB, here 0.12 s), which is more than hashing them. Redirects, headers and timeouts stay httpx's business.
Built by transport.open_client only.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable, Iterator
from threading import Lock
from urllib.parse import unquote, urlsplit

import httpx
import urllib3
from urllib3.util import Timeout, make_headers

PIECE = 256 << 10
_NO_RETRY = urllib3.Retry(0, redirect=False, raise_on_status=False, read=False)


class Wire(httpx.BaseTransport):
    """Connections of one client, kept alive and shared by its threads.

    Args:
        context: of TLS; asked for when it is needed: reading the default authorities takes 40 ms.
        connections: kept for each host.
        proxy: for every request; None means what the environment says (HTTPS_PROXY, NO_PROXY, …).
    """

    def __init__(
        self, context: Callable[[], ssl.SSLContext], *, connections: int = 16, proxy: str | None = None
    ) -> None:
        self._context = context
        self._connections = connections
        self._proxy = proxy
        self._pools: dict[tuple[str | None, bool], urllib3.PoolManager] = {}
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._lock = Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the body is read by whoever iterates over the response.

        Raises:
            httpx.TransportError: in the words of httpx.
        """
        limits = request.extensions.get("timeout", {})
        try:
            answer = self._pool(request.url).urlopen(
                request.method,
                str(request.url),
                body=request.read() or None,
                headers=dict(request.headers),
                timeout=Timeout(connect=limits.get("connect"), read=limits.get("read")),
                retries=_NO_RETRY,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except urllib3.exceptions.HTTPError as e:
            raise _translated(e, request) from e
        return httpx.Response(
            answer.status,
            # As they came: http.client reads them so, and httpx would want ASCII.
            headers=[(n.encode("latin-1"), v.encode("latin-1")) for n, v in answer.headers.iteritems()],
            stream=_Body(answer, request),
            request=request,
        )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for manager in self._pools.values():
                for key in list(manager.pools.keys()):
                    # A connection that a thread still reads from is then closed when it comes back.
                    if (pool := manager.pools.get(key)) is not None:
                        pool.close()
                manager.clear()

    def _pool(self, url: httpx.URL) -> urllib3.PoolManager:
        """Return the connections of this URL's proxy, or the direct ones."""
        place = (url.scheme, url.host)
        if place not in self._proxies:
            self._proxies[place] = self._proxy or _proxy_of(url)
        proxy = self._proxies[place]
        encrypted = url.scheme == "https" or (proxy or "").startswith("https:")
        with self._lock:
            if (proxy, encrypted) not in self._pools:
                context = self._context() if encrypted else None
                self._pools[proxy, encrypted] = self._made(proxy, context)
            return self._pools[proxy, encrypted]

    def _made(self, proxy: str | None, context: ssl.SSLContext | None) -> urllib3.PoolManager:
        if proxy is None:
            return urllib3.PoolManager(
                maxsize=self._connections, num_pools=16, ssl_context=context, retries=_NO_RETRY
            )
        parts = urlsplit(proxy)
        name = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        return urllib3.ProxyManager(
            f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}",
            proxy_headers=make_headers(proxy_basic_auth=name) if name else None,
            maxsize=self._connections,
            ssl_context=context,
            retries=_NO_RETRY,
        )


class _Body(httpx.SyncByteStream):
    """The body, in pieces of up to PIECE bytes, as they come from the socket."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._answer.read1(PIECE, decode_content=False):
                yield piece
            self._whole = True
        except urllib3.exceptions.HTTPError as e:
            raise _translated(e, self._request) from e

    def close(self) -> None:
        """Give the connection back when all was read; else it is of no more use."""
        if self._whole:
            self._answer.release_conn()
        else:
            self._answer.close()


def _proxy_of(url: httpx.URL) -> str | None:
    """Return the environment's proxy for a URL."""
    if urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return found if found is None or "://" in found else f"http://{found}"


def _translated(error: urllib3.exceptions.HTTPError, request: httpx.Request) -> httpx.TransportError:
    """Say in httpx's words what happened."""
    match error:
        case urllib3.exceptions.MaxRetryError():
            return (
                _translated(error.reason, request)
                if isinstance(error.reason, urllib3.exceptions.HTTPError)
                else httpx.ConnectError(str(error), request=request)
            )
        # A refused connection is in urllib3 a kind of timeout, too.
        case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.SSLError():
            return httpx.ConnectError(str(error), request=request)
        case urllib3.exceptions.ConnectTimeoutError():
            return httpx.ConnectTimeout("no connection in time", request=request)
        case urllib3.exceptions.ReadTimeoutError():
            return httpx.ReadTimeout("nothing arrived in time", request=request)
        case urllib3.exceptions.ProxyError():
            return httpx.ProxyError(str(error), request=request)
        case _:
            return httpx.RemoteProtocolError(str(error), request=request)
