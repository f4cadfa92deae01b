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
from facedb_operator.kinds import POD, Kind

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
PAGE = 250
# The API server ends a watch after this long; it goes on where it was.
WATCH_S = 540
# A bookmark comes about every minute, so a connection that is quiet for longer leads nowhere.
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=WATCH_S + 60, sock_connect=5, sock_read=200)

FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
GONE = 410
# Of what the server says of a refusal: as much as fits into a condition beside our own words.
MOST_WORDS = 700
# Nobody is sent away for longer, whatever stands before the API server.
LONGEST_WAIT_S = 120.0

Body = dict[str, Any]


class NotLeading(Exception):
    """Nothing was written: another operator may be leading."""


# What can go wrong with a request, and is no fault of ours.
FAILURES = (ApiException, aiohttp.ClientError, TimeoutError, NotLeading)


class Kube:
    """The API server.

    Args:
        api: the library's connection.
        may_write: whether objects of a kind may be written at this moment.

    Raises:
        NotLeading: from every method that writes, when it must not.
        Refusal: from every method, when the server refuses or fails.
        aiohttp.ClientError, TimeoutError: from every method, when it cannot be reached.
    """

    def __init__(self, api: ApiClient, may_write: Callable[[Kind], bool] = lambda kind: True) -> None:
        self._api = api
        self._may_write = may_write
        api.user_agent = names.FIELD_MANAGER

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """One object; None when there is none."""
        try:
            return await self._json("GET", kind, namespace, name)
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
            found = await self._json("GET", kind, namespace, query=[*picked, ("continue", more)])
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
        reply = await self._send("GET", kind, namespace, query=query, timeout=WATCH_TIMEOUT)
        try:
            rest = b""
            # Not by readline: it refuses lines that are longer than its buffer.
            async for piece in reply.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        finally:
            reply.close()

    async def apply(
        self, kind: Kind, manifest: Mapping[str, Any], sub: str = "", *, force: bool = True
    ) -> Body:
        """Server-side apply of a whole object, or of its ``sub``, under our field manager.

        Without ``force`` it is refused where others have written such a field with another value.
        """
        meta = manifest["metadata"]
        query = [("fieldManager", names.FIELD_MANAGER), ("force", "true" if force else "")]
        return await self._json(
            "PATCH", kind, meta["namespace"], meta["name"], sub, query=query, body=manifest, content=APPLY
        )

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Body, *, content: str = MERGE, sub: str = ""
    ) -> Body:
        """Change a part of an object."""
        query = [("fieldManager", names.FIELD_MANAGER)]
        return await self._json("PATCH", kind, namespace, name, sub, query=query, body=body, content=content)

    async def create(self, kind: Kind, manifest: Mapping[str, Any]) -> Body:
        """Create an object."""
        return await self._json("POST", kind, manifest["metadata"]["namespace"], body=manifest)

    async def replace(self, kind: Kind, manifest: Mapping[str, Any]) -> Body:
        """Write a whole object over the one whose resourceVersion it carries."""
        meta = manifest["metadata"]
        return await self._json("PUT", kind, meta["namespace"], meta["name"], body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, and what it owns behind it; one that is gone already is no error."""
        try:
            await self._json("DELETE", kind, namespace, name, body={"propagationPolicy": "Background"})
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise

    async def log(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines that a pod said."""
        reply = await self._send("GET", POD, namespace, pod, "log", query=[("tailLines", str(lines))])
        return await reply.text(errors="replace")

    async def _json(self, method: str, kind: Kind, *where: str, **request: Any) -> Body:
        reply = await self._send(method, kind, *where, **request)
        found: Body = json.loads(await reply.read())
        return found

    async def _send(
        self,
        method: str,
        kind: Kind,
        namespace: str = "",
        name: str = "",
        sub: str = "",
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,
    ) -> aiohttp.ClientResponse:
        if method != "GET" and not self._may_write(kind):
            raise NotLeading("This operator is not sure of its Lease and writes nothing")
        # The body goes around the library's serialization: it is JSON already.
        _, url, headers, _, _ = await self._api.param_serialize(
            method,
            kind.path(namespace, name, sub),
            query_params=[(name, value) for name, value in query if value],
            header_params={"Accept": "application/json", "Content-Type": content},
            auth_settings=["BearerToken"],
        )
        wrapped = await self._api.call_api(method, url, headers, body, _request_timeout=timeout)
        reply: aiohttp.ClientResponse = wrapped.response
        if reply.status >= 300:
            raise Refusal(method, kind, name, reply, await reply.text(errors="replace"))
        return reply


class Refusal(ApiException):  # type: ignore[misc]  # the client ships no types
    """The API server refused a request, or failed at it.

    Attributes:
        kind: what was asked for, or was to be written.
        name: its name, where one alone was meant.
        words: the server's own, on one line.
        terminating: it refused because the namespace is being deleted.
    """

    def __init__(self, method: str, kind: Kind, name: str, reply: aiohttp.ClientResponse, body: str) -> None:
        super().__init__(status=reply.status, reason=reply.reason, body=body)
        self.headers = reply.headers
        self.kind, self.name = kind, name
        told = _told(body)
        self.words = " ".join(str(told.get("message") or reply.reason or "").split())[:MOST_WORDS]
        causes = (told.get("details") or {}).get("causes") or ()
        self.terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
        self._asked = f"{method} {kind.plural}/{name}".rstrip("/")

    def __str__(self) -> str:
        return f"{self._asked}: {self.status} {self.words}"

    @property
    def told(self) -> str:
        """For who looks after the database, without a full stop."""
        return f"The API server does not take {self.kind.name} {self.name}: {self.words.rstrip('.')}"


class Foreign(Refusal):
    """An object that is to be written is there already, and is somebody else's: it is left as it is.

    Args:
        kind: of the object.
        name: its name.
        labels: those that would make it ours.
    """

    def __init__(self, kind: Kind, name: str, labels: str) -> None:
        ApiException.__init__(self, status=FORBIDDEN, reason="Foreign")
        self.kind, self.name, self.terminating = kind, name, False
        self.words = (
            f"{kind.name} {name} is there already, was not made by this operator and is left as it is. "
            f"Delete it, or name the FaceDatabase otherwise; to hand it over, set its labels {labels}"
        )
        self._asked = f"{kind.plural}/{name}"

    @property
    def told(self) -> str:
        """For who looks after the database, without a full stop."""
        return self.words


def _told(body: str) -> dict[str, Any]:
    """The answer's Status; empty where something else than an API server has answered."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def retry_after(error: BaseException) -> float | None:
    """How many seconds the server asks to wait, if the error says."""
    if not isinstance(error, ApiException) or not error.headers:
        return None
    text = str(error.headers.get("Retry-After", ""))
    return min(float(text), LONGEST_WAIT_S) if text.isdigit() else None
