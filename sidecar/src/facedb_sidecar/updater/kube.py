"""The Kubernetes API, as far as one FaceDatabase goes: read it, annotate it.

With the pod's own service account: its token is read for each request, since the kubelet replaces it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from facedb_sidecar.updater import Unreachable

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP_VERSION = "facedb.dev/v1alpha1"
TIMEOUT_S = 10.0
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Kube:
    """Where a FaceDatabase is, and how to ask for it.

    Attributes:
        url: of the API server.
        namespace: of the FaceDatabase.
        name: of the FaceDatabase.
        account: folder with `token` and, for https, `ca.crt`.
    """

    url: str
    namespace: str
    name: str
    account: Path = ACCOUNT

    @classmethod
    def of_pod(cls, database: str, env: Mapping[str, str] = os.environ) -> Kube:
        """The API server of this pod's cluster.

        Args:
            database: `NAMESPACE/NAME`.
            env: of the process.

        Raises:
            ValueError: this is no pod.
        """
        host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ValueError("KUBERNETES_SERVICE_HOST is not set: this process runs in no pod")
        namespace, _, name = database.partition("/")
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", namespace, name)

    @property
    def shown(self) -> str:
        """The FaceDatabase, for messages."""
        return f"FaceDatabase {self.namespace}/{self.name}"

    async def read(self) -> Mapping[str, Any]:
        """The FaceDatabase as it is now.

        Raises:
            Unreachable: with what to do.
        """
        return await self._ask("GET", "read", None)

    async def annotate(self, key: str, value: str) -> Mapping[str, Any]:
        """Set one annotation.

        Raises:
            Unreachable: with what to do.
        """
        return await self._ask("PATCH", "change", {"metadata": {"annotations": {key: value}}})

    async def _ask(self, method: str, verb: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        path = f"/apis/{GROUP_VERSION}/namespaces/{self.namespace}/facedatabases/{self.name}"
        try:
            headers = {"Authorization": f"Bearer {(self.account / 'token').read_text().strip()}"}
            if body is not None:
                headers["Content-Type"] = MERGE_PATCH
            # A new connection each time: few are needed, and it knows the authorities of today.
            async with httpx.AsyncClient(verify=self._trust(), timeout=TIMEOUT_S, trust_env=False) as client:
                answer = await client.request(method, self.url + path, headers=headers, json=body)
            return self._read(answer, verb)
        except (httpx.HTTPError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(
                f"{self.shown} cannot be {'read' if verb == 'read' else 'changed'}: {why}"
            ) from error

    def _trust(self) -> ssl.SSLContext | bool:
        authorities = self.account / "ca.crt"
        return ssl.create_default_context(cafile=str(authorities)) if authorities.exists() else True

    def _read(self, answer: httpx.Response, verb: str) -> Mapping[str, Any]:
        """The answer's object.

        Raises:
            Unreachable: it is none.
            ValueError: it is no JSON.
        """
        match answer.status_code:
            case 200:
                found: Mapping[str, Any] = answer.json()
                return found
            case 401 | 403:
                rights = "get" if verb == "read" else "patch"
                raise Unreachable(
                    f"This pod's service account may not {verb} {self.shown}. Give it the verb {rights} on "
                    "facedatabases.facedb.dev; the operator's chart does."
                )
            case 404:
                raise Unreachable(f"{self.shown} does not exist. Correct FACEDB_DATABASE.")
            case code:
                raise Unreachable(f"The Kubernetes API answered {code} for {self.shown}.")
