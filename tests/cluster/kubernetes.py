"""kubectl and helm against one kubeconfig: the cluster as a user drives it, and a cheap way to look at it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cluster import reading
from cluster.waiting import wait_until

# Of one command, which may wait for 600 s itself. Without a bound, one that hangs would cost the whole run.
LONGEST_S = 900.0


@dataclass(frozen=True)
class Kubernetes:
    """A cluster that a kubeconfig leads to.

    Attributes:
        kubeconfig: the file; None for the user's own default.
        bin_path: a folder with kubectl and helm that is looked into first; None for PATH alone.
    """

    kubeconfig: Path | None
    bin_path: Path | None

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, env: Mapping[str, str] | None = None
    ) -> str:
        """Run kubectl, with these more variables, and return what it printed.

        Raises:
            RuntimeError: it failed, and ``check`` is set; the message holds its stderr.
        """
        return self._run("kubectl", *args, stdin=stdin, check=check, more=env or {})

    def helm(self, *args: str) -> str:
        """Run helm and return what it printed."""
        return self._run("helm", *args)

    def apply(self, *objects: dict[str, Any]) -> str:
        """Kubectl apply of these objects, by server-side apply."""
        body = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(body))

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """One object; empty when there is none."""
        return reading.one(self.kubeconfig, kind, name, namespace)

    def items(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, or of several that commas part."""
        return reading.many(self.kubeconfig, kind, namespace, selector)

    def ensure_namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        """Create a namespace, and wait until pods can run in it."""
        metadata = {"name": name, "labels": labels or {}}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        wait_until(
            lambda: self.get("serviceaccount", "default", name),
            f"the service account of {name}",
            timeout_s=60,
        )

    def _run(
        self,
        tool: str,
        *args: str,
        stdin: str | None = None,
        check: bool = True,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        env = {**os.environ, **more}
        if self.kubeconfig is not None:
            env["KUBECONFIG"] = str(self.kubeconfig)
        if self.bin_path is not None:
            env["PATH"] = f"{self.bin_path}{os.pathsep}{env['PATH']}"
        # Looked up on the new PATH: execvp would use this process's own.
        command = [_which(tool, env["PATH"]), *args]
        try:
            done = subprocess.run(
                command, input=stdin, env=env, capture_output=True, text=True, check=False, timeout=LONGEST_S
            )
        except subprocess.TimeoutExpired as error:
            said = f"{error.stdout or ''}{error.stderr or ''}"
            raise RuntimeError(
                f"{tool} {' '.join(args)} has not ended in {LONGEST_S:.0f} s: {said}"
            ) from error
        if check and done.returncode != 0:
            raise RuntimeError(
                f"{tool} {' '.join(args)} failed:\n{done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout


def _which(tool: str, path: str) -> str:
    for folder in path.split(os.pathsep):
        candidate = Path(folder) / tool
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise RuntimeError(f"{tool} was not found on PATH; install it, or run without CLUSTER=current")
