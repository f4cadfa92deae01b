"""The only module that talks to the cluster: requests of the API server, with kubectl's own configuration.

Objects come and go as plain JSON: what they mean is decided elsewhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from urllib3.exceptions import HTTPError

from facedb_kubectl.disguise import disguise, put_on
from facedb_kubectl.errors import Forbidden, NotFound, Refused, Trouble, Unreachable
from facedb_kubectl.fields import printable, text
from facedb_kubectl.tokens import FIELD_MANAGER
from facedb_kubectl.wording import forbidden, sentence
from facedb_operator import names

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

# The client of Kubernetes takes a second to import: --help and the completion of verbs do without.

CONNECT_S, ANSWER_S = 10.0, 30.0
# The server ends a watch after so long; it is begun anew.
WATCH_S = 240

Json = dict[str, Any]


@dataclass(frozen=True)
class Where:
    """What `--context`, `--kubeconfig` and `-n` say; None for what kubectl would take."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True)
class Kind:
    """A resource of the API: where it stands, and how RBAC calls it."""

    group: str
    version: str
    plural: str

    @property
    def resource(self) -> str:
        """Such as `facedatabases.facedb.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None, *more: str) -> str:
        """The URL's path."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if namespace else ""
        return "/".join([f"{root}{place}/{self.plural}", *more])


DATABASES = Kind(names.GROUP, names.VERSION, names.PLURAL)
PODS = Kind("", "v1", "pods")
EVENTS = Kind("", "v1", "events")
NAMESPACES = Kind("", "v1", "namespaces")
JOBS = Kind("batch", "v1", "jobs")


class Cluster:
    """Requests of one API server.

    Every method raises Unreachable, Forbidden or NotFound, each with words for people.

    Attributes:
        namespace: that is meant when none is named.
    """

    def __init__(self, where: Where) -> None:
        self._api, self.namespace, self._worn = _open(where)

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One object."""
        return self._json("get", kind, namespace, (name,))

    def items(self, kind: Kind, namespace: str | None, **query: str) -> list[Json]:
        """All objects of a kind; of all namespaces when none is named. `query`: such as `labelSelector`."""
        found: list[Json] = self._json("list", kind, namespace, query=query).get("items") or []
        return found

    def ask(self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any]) -> Json:
        """Change one object by a merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        return self._json("patch", kind, namespace, (name,), query=query, body=change)

    def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Make an object."""
        return self._json("create", kind, namespace, query={"fieldManager": FIELD_MANAGER}, body=body)

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, and what it owns after it."""
        self._json("delete", kind, namespace, (name,), query={"propagationPolicy": "Background"})

    def follow(self, kind: Kind, namespace: str | None, **query: str) -> Iterator[tuple[Json, ...]]:
        """All objects of a kind, and all of them again after each change; until the server ends the watch."""
        listed = self._json("list", kind, namespace, query=query)
        held = {_key(each): each for each in listed.get("items") or ()}
        yield tuple(held.values())
        since = {"resourceVersion": text(listed, "metadata", "resourceVersion") or ""}
        asked = {"watch": "1", "timeoutSeconds": str(WATCH_S), **since, **query}
        for line in self._lines("watch", kind, namespace, (), asked, WATCH_S + ANSWER_S):
            event: Json = json.loads(line)
            # An ERROR says that the version is too old by now: who follows begins anew.
            if event["type"] == "ERROR":
                return
            if event["type"] == "DELETED":
                held.pop(_key(event["object"]), None)
            else:
                held[_key(event["object"])] = event["object"]
            yield tuple(held.values())

    def log(self, namespace: str, pod: str, **query: str) -> Iterator[str]:
        """A pod's log, line by line; with `follow` until its container ends."""
        patience = None if "follow" in query else ANSWER_S
        for line in self._lines("get", PODS, namespace, (pod, "log"), query, patience):
            yield line.decode(errors="replace")

    def _json(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        more: tuple[str, ...] = (),
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Json:
        try:
            reply = self._reply(verb, kind, namespace, more, query or {}, body, ANSWER_S)
            found: Json = json.loads(reply.read())
        except (HTTPError, OSError, ValueError) as error:
            raise self._silence(error) from error
        return found

    def _lines(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        more: tuple[str, ...],
        query: Mapping[str, str],
        patience_s: float | None,
    ) -> Iterator[bytes]:
        held = b""
        try:
            reply = self._reply(verb, kind, namespace, more, query, None, patience_s)
            for piece in reply.response.stream(None):
                *whole, held = (held + piece).split(b"\n")
                yield from whole
        except (HTTPError, OSError, ValueError) as error:
            raise self._silence(error) from error
        if held:
            yield held

    def _reply(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        more: tuple[str, ...],
        query: Mapping[str, str],
        body: Any,
        patience_s: float | None,
    ) -> Any:
        """The answer of one request, its body not read yet."""
        method = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}.get(verb, "GET")
        headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
        if body is not None:
            headers["Content-Type"] = f"application/{'merge-patch+' if verb == 'patch' else ''}json"
        _, url, headers, _, _ = self._api.param_serialize(
            method,
            kind.path(namespace, *more),
            query_params=list(query.items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        # The client would drop what is None, and null is how a merge patch takes something away.
        sent = put_on(headers, self._worn)
        reply = self._api.call_api(method, url, sent, body, _request_timeout=(CONNECT_S, patience_s))
        if not 200 <= reply.status < 300:
            raise _refusal(reply.status, reply.read() or b"", verb, kind, namespace, more)
        return reply

    def _silence(self, error: Exception) -> Trouble:
        return Unreachable(f"No answer from {self._api.configuration.host}: {printable(str(_root(error)))}")


def _key(body: Json) -> tuple[str, str]:
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _root(error: BaseException) -> BaseException:
    """What a client's error is about, beneath its "max retries exceeded"."""
    inner = getattr(error, "reason", None)
    return _root(inner) if isinstance(inner, BaseException) else error


def _refusal(
    status: int, content: bytes, verb: str, kind: Kind, namespace: str | None, more: tuple[str, ...]
) -> Trouble:
    """The API server's refusal in our words."""
    try:
        parsed = json.loads(content)
    except ValueError:
        parsed = {"message": content.decode(errors="replace")[:200]}
    said = text(parsed, "message") or f"HTTP {status}"
    sub = more[1] if len(more) > 1 else ""
    if status == 401:
        return Forbidden(f"The cluster does not know you: {sentence(said)}")
    if status == 403:
        return Forbidden(forbidden(verb, kind.resource + (f"/{sub}" if sub else ""), namespace, said))
    if status == 404 and kind is DATABASES and not text(parsed, "details", "name"):
        return Unreachable(
            "The cluster does not know FaceDatabases: the chart of facedb is not installed in it."
        )
    if status == 404 and kind is DATABASES and more:
        return NotFound(f"There is no FaceDatabase {more[0]} in the namespace {namespace}.")
    if status == 404:
        return NotFound(sentence(said[:1].upper() + said[1:]))
    if 400 <= status < 500:
        return Refused(sentence(f"The API server refuses it: {said}"))
    return Unreachable(sentence(f"The API server answers {status}: {said}"))


def _open(where: Where) -> tuple[ApiClient, str, tuple[tuple[str, str], ...]]:
    """A client, the namespace that is meant when none is named, and as whom to act.

    Raises:
        Unreachable: there is no configuration, or it cannot be read.
    """
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration

    settings = Configuration()
    file = str(where.kubeconfig) if where.kubeconfig else None
    worn: tuple[tuple[str, str], ...] = ()
    if where.kubeconfig and not where.kubeconfig.exists():
        raise Unreachable(f"No way to a cluster: there is no file {where.kubeconfig}.")
    try:
        if file is None and where.context is None and _in_a_pod():
            config.load_incluster_config(client_configuration=settings)
            namespace = "default"
        else:
            config.load_kube_config(file, where.context, settings, persist_config=False)
            namespace = _namespace(file, where.context)
            worn = disguise(file, where.context)
    except (config.ConfigException, OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise Unreachable(f"No way to a cluster: {sentence(printable(str(error)))}") from error
    # One try: a person sees what is wrong, and a loop of ours begins anew by itself.
    settings.retries = False
    return ApiClient(settings), where.namespace or namespace, worn


def contexts(where: Where) -> list[str]:
    """The contexts of the kubeconfig.

    Raises:
        Unreachable: it cannot be read.
    """
    from kubernetes import config

    try:
        found, _ = config.list_kube_config_contexts(str(where.kubeconfig) if where.kubeconfig else None)
    except (config.ConfigException, OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise Unreachable(f"No way to a cluster: {sentence(printable(str(error)))}") from error
    return [each["name"] for each in found]


def _in_a_pod() -> bool:
    told = os.environ.get("KUBECONFIG") or (Path.home() / ".kube" / "config").exists()
    return not told and "KUBERNETES_SERVICE_HOST" in os.environ


def _namespace(file: str | None, context: str | None) -> str:
    from kubernetes import config

    contexts, active = config.list_kube_config_contexts(file)
    chosen = next((c for c in contexts if c["name"] == context), None) if context else active
    return text(chosen, "context", "namespace") or "default"
