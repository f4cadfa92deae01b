"""A few plain requests to the API server, for those who play the cluster's part. Asynchronous."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from api_server import ApiServer

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
# As `kubectl --server-side --field-manager`.
MANAGER = "pretender"

Body = dict[str, Any]


class Client:
    """Use it as `async with Client(api) as client`."""

    def __init__(self, api: ApiServer) -> None:
        context = ssl.create_default_context(cafile=str(api.ca))
        headers = {"Authorization": f"Bearer {api.token}", "User-Agent": "pretender"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
        self._url = api.url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=64), headers=headers, timeout=timeout
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Body:
        """Read an object or a list."""
        return await self._request("GET", path, None, "")

    async def create(self, path: str, body: Body) -> None:
        """Create an object; one that is there already is left as it is."""
        await self._request("POST", path, body, "application/json", ignore=(409,))

    async def apply(self, path: str, body: Body) -> None:
        """Server-side apply, by force."""
        query = f"?fieldManager={MANAGER}&force=true"
        await self._request("PATCH", path + query, body, APPLY, ignore=(404,))

    async def merge(self, path: str, body: Body) -> None:
        """Merge patch."""
        await self._request("PATCH", path, body, MERGE, ignore=(404,))

    async def delete(self, path: str) -> None:
        """Delete at once."""
        await self._request("DELETE", path, {"gracePeriodSeconds": 0}, "application/json", ignore=(404,))

    async def events(self, path: str) -> AsyncIterator[tuple[str, Body]]:
        """All objects as ADDED, then every event, for as long as the API server lets it."""
        found = await self.get(path)
        for item in found["items"]:
            yield "ADDED", item
        query = f"?watch=true&resourceVersion={found['metadata']['resourceVersion']}&timeoutSeconds=7200"
        async with self._session.get(self._url + path + query) as reply:
            rest = b""
            async for piece in reply.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    yield event["type"], event["object"]

    async def _request(
        self, method: str, path: str, body: Body | None, content: str, ignore: tuple[int, ...] = ()
    ) -> Body:
        headers = {"Content-Type": content} if content else {}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as reply:
            found: Body = await reply.json()
            if reply.status >= 300 and reply.status not in ignore:
                raise RuntimeError(f"{method} {path}: {found.get('message')}")
            return found
