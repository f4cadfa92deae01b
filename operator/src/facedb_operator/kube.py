"""Requests to the API server: JSON in, JSON out. The border to the client library.

The library brings addresses, certificates, tokens and their renewal. Its typed API classes stay unused: one
of them alone loads the models of all of Kubernetes, 105 MiB of them.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException

from facedb_operator import names
from facedb_operator.kinds import Kind

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
PAGE = 250
# The API server ends a watch after this long; it goes on where it was.
WATCH_S = 540
# A bookmark comes about every minute, so a connection that is quiet for longer leads nowhere.
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_S + 60, sock_connect=5, sock_read=200)

NOT_FOUND = 404
GONE = 410

Body = dict[str, Any]


class Kube:
    """The API server.

    Raises:
        kubernetes.aio.client.ApiException: from every method, when the server refuses or fails.
        aiohttp.ClientError, TimeoutError: from every method, when it cannot be reached.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        api.user_agent = names.FIELD_MANAGER

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """One object; None when there is none."""
        try:
            return await self._json("GET", kind.path(namespace, name))
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return None

    async def list(
        self,
        kind: Kind,
        namespace: str,
        take: Callable[[Body], None],
        *,
        selector: str = "",
        fields: str = "",
    ) -> int:
        """Objects of one moment go to ``take`` one by one; returns the resourceVersion of that moment."""
        picked = [("limit", str(PAGE)), ("labelSelector", selector), ("fieldSelector", fields)]
        more = ""
        while True:
            found = await self._json("GET", kind.path(namespace), [*picked, ("continue", more)])
            for item in found["items"]:
                take(item)
            more = found["metadata"].get("continue") or ""
            if not more:
                return int(found["metadata"]["resourceVersion"])

    async def watch(self, kind: Kind, namespace: str, selector: str, since: int) -> AsyncIterator[Body]:
        """Events after ``since``, until the server ends the stream."""
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", str(since)),
            ("timeoutSeconds", str(WATCH_S)),
            ("labelSelector", selector),
        ]
        reply = await self._send("GET", kind.path(namespace), query, timeout=WATCH_TIMEOUT)
        try:
            rest = b""
            # Not by readline: it refuses lines that are longer than its buffer.
            async for piece in reply.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        finally:
            reply.close()

    async def apply(self, kind: Kind, manifest: Mapping[str, Any], sub: str = "") -> Body:
        """Server-side apply of a whole object, or of its ``sub``, under our field manager."""
        meta = manifest["metadata"]
        query = [("fieldManager", names.FIELD_MANAGER), ("force", "true")]
        return await self._json(
            "PATCH", kind.path(meta["namespace"], meta["name"], sub), query, manifest, APPLY
        )

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Body, *, content: str = MERGE, sub: str = ""
    ) -> Body:
        """Change a part of an object."""
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._json("PATCH", kind.path(namespace, name, sub), query, body, content)

    async def create(self, kind: Kind, manifest: Mapping[str, Any]) -> Body:
        """Create an object."""
        return await self._json("POST", kind.path(manifest["metadata"]["namespace"]), body=manifest)

    async def replace(self, kind: Kind, manifest: Mapping[str, Any]) -> Body:
        """Write a whole object over the one whose resourceVersion it carries."""
        meta = manifest["metadata"]
        return await self._json("PUT", kind.path(meta["namespace"], meta["name"]), body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, and what it owns behind it; one that is gone already is no error."""
        try:
            await self._json("DELETE", kind.path(namespace, name), body={"propagationPolicy": "Background"})
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise

    async def log(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines that a pod said."""
        reply = await self._send("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log?tailLines={lines}")
        return await reply.text(errors="replace")

    async def _json(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
    ) -> Body:
        reply = await self._send(method, path, query, body, content)
        found: Body = json.loads(await reply.read())
        return found

    async def _send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,
    ) -> aiohttp.ClientResponse:
        # The body goes around the library's serialization: it is JSON already.
        _, url, headers, _, _ = await self._api.param_serialize(
            method,
            path,
            query_params=[(name, value) for name, value in query if value],
            header_params={"Accept": "application/json", "Content-Type": content},
            auth_settings=["BearerToken"],
        )
        wrapped = await self._api.call_api(method, url, headers, body, _request_timeout=timeout)
        reply: aiohttp.ClientResponse = wrapped.response
        if reply.status >= 300:
            raise await _refusal(reply)
        return reply


def retry_after(error: BaseException) -> float | None:
    """How many seconds the server asks to wait, if the error says."""
    if not isinstance(error, ApiException) or not error.headers:
        return None
    text = str(error.headers.get("Retry-After", ""))
    return float(text) if text.isdigit() else None


async def _refusal(reply: aiohttp.ClientResponse) -> ApiException:
    text = await reply.text(errors="replace")
    error = ApiException(status=reply.status, reason=reply.reason)
    error.body, error.headers = text, reply.headers
    return error
