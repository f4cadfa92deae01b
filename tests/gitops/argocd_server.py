"""A real Argo CD without its page: application controller, repository server, Redis; and its command line.

Argo CD is one program, which plays the part that ARGOCD_BINARY_NAME names. Redis is Debian's.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from api_server import ApiServer
from cluster.debian import unpacked
from cluster.node import binaries, go_modules
from gitops.children import Children
from go_server import free_port
from operator_process import until
from played_cluster import NAMESPACE

ARGOCD_NAMESPACE, APP = "argocd", "faces"
IN_CLUSTER = "https://kubernetes.default.svc"
REDIS_PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1")
# Argo CD gives a script a second by the clock, in which a starved machine may not have looked at it.
# https://github.com/argoproj/argo-cd/blob/v3.1.9/util/lua/lua.go
TOO_LATE = "context deadline exceeded"

Body = dict[str, Any]


class ArgoCd:
    """What `argocd` gives: applications of a cluster, and what Argo CD says of them."""

    def __init__(self, api: ApiServer, children: Children) -> None:
        self.api = api
        self.children = children
        self._options: tuple[str, ...] = ()

    def create(self, repository: str, *options: str, **more: Any) -> None:
        """Make the Application that follows the repository, without syncing it."""
        self._options = options
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": APP, "namespace": ARGOCD_NAMESPACE},
            "spec": {
                "project": "default",
                "source": {"repoURL": repository, "targetRevision": "main", "path": "."},
                "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
                "syncPolicy": {"syncOptions": list(options), **more},
            },
        }
        self.api.kubectl("apply", "-f", "-", stdin=body)

    def read(self) -> Body:
        """The Application."""
        found: Body = json.loads(self._kubectl("get", "applications", APP, "-o", "json"))
        return found

    def sync(self, revision: str, *, prune: bool) -> Body:
        """Ask for a sync of this commit, wait for its end, and give what it came to."""
        operation = {"initiatedBy": {"username": "ana"}, "sync": {"revision": revision, "prune": prune}}
        # As the server of Argo CD does it; the options are the Application's.
        operation["sync"] |= {"syncOptions": list(self._options)}
        before = (self.read().get("status") or {}).get("operationState", {}).get("finishedAt")
        self._kubectl(
            "patch", "applications", APP, "--type=merge", f"-p={json.dumps({'operation': operation})}"
        )

        def ended() -> bool:
            body = self.read()
            state = (body.get("status") or {}).get("operationState") or {}
            return "operation" not in body and bool(state.get("finishedAt")) and state["finishedAt"] != before

        until(ended, "the sync has ended")
        state: Body = self.read()["status"]["operationState"]
        return state

    def compare(self, revision: str) -> Body:
        """Have Argo CD look anew, at Git as at the cluster; its status when it has."""
        self._kubectl("annotate", "--overwrite", "applications", APP, "argocd.argoproj.io/refresh=hard")

        def looked() -> bool:
            body = self.read()
            notes = body["metadata"].get("annotations") or {}
            seen = (body.get("status") or {}).get("sync") or {}
            return "argocd.argoproj.io/refresh" not in notes and seen.get("revision") == revision

        until(looked, f"Argo CD has compared {revision}")
        status: Body = self.read()["status"]
        return status

    def health(self) -> str:
        """Argo CD's word for the Application's health."""
        word: str = (self.read().get("status") or {}).get("health", {}).get("status", "")
        return word

    def _kubectl(self, *words: str) -> str:
        return self.api.kubectl("-n", ARGOCD_NAMESPACE, *words).stdout


@contextmanager
def argocd(api: ApiServer, folder: Path, config_map: Body) -> Iterator[ArgoCd]:
    """Define Argo CD's resources, give it its configuration, and run its parts."""
    _prepare(api, config_map)
    redis, repo, metrics = free_port(), free_port(), free_port()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "KUBECONFIG": str(api.kubeconfig),
        # The cluster that it delivers to is the one that it lives in.
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_ASK_PASS_SOCK": str(folder / "ask.sock"),
        "ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH": "true",
    }
    program = str(binaries.ensure_one(binaries.ARGOCD))
    (folder / "tmp").mkdir(parents=True)
    at_redis = f"--redis=127.0.0.1:{redis}"
    with Children(folder) as children:
        _start_redis(children, redis)
        children.start(
            *("repo-server", program, "--address=127.0.0.1", f"--port={repo}", at_redis, "--disable-tls"),
            *("--metrics-address=127.0.0.1", f"--metrics-port={metrics}", "--loglevel=warn"),
            env={**env, "ARGOCD_BINARY_NAME": "argocd-repo-server"},
        )
        children.wait_for("repo-server", f"http://127.0.0.1:{metrics}/healthz")
        own = free_port()
        children.start(
            *("controller", program, f"--kubeconfig={api.kubeconfig}", f"--namespace={ARGOCD_NAMESPACE}"),
            *(f"--repo-server=127.0.0.1:{repo}", "--repo-server-plaintext", at_redis),
            *(
                f"--metrics-port={own}",
                "--loglevel=info",
                "--status-processors=2",
                "--operation-processors=2",
            ),
            env={**env, "ARGOCD_BINARY_NAME": "argocd-application-controller"},
        )
        children.wait_for("controller", f"http://127.0.0.1:{own}/healthz")
        yield ArgoCd(api, children)


def judged(words: tuple[str, ...], body: Path, config_map: Path) -> str:
    """What `argocd admin settings resource-overrides` says of an object, without any cluster.

    Where it would show a difference it shows both sides whole.
    """
    command = [str(binaries.ensure_one(binaries.ARGOCD)), "admin", "settings", "resource-overrides"]
    command += [words[0], str(body), *words[1:], f"--argocd-cm-path={config_map}"]
    env = {"PATH": os.environ["PATH"], "HOME": str(body.parent), "KUBECONFIG": os.devnull, "GOMAXPROCS": "1"}
    env["KUBECTL_EXTERNAL_DIFF"] = "tail --verbose --lines=+1"
    ran: list[subprocess.CompletedProcess[str]] = []

    def had_its_second() -> bool:
        ran.append(subprocess.run(command, capture_output=True, text=True, check=False, env=env))
        return TOO_LATE not in ran[-1].stderr

    until(had_its_second, f"{' '.join(words)} of {body.name} within Argo CD's second")
    assert ran[-1].returncode == 0, ran[-1].stderr
    return ran[-1].stdout


def _prepare(api: ApiServer, config_map: Body) -> None:
    crds = go_modules.folder("argocd", "github.com/argoproj/argo-cd/v3") / "manifests" / "crds"
    for name in ("application", "appproject", "applicationset"):
        api.kubectl("apply", "--server-side", "-f", str(crds / f"{name}-crd.yaml"))
        api.wait_for_definition(f"{name}s.argoproj.io")
    part = {"app.kubernetes.io/part-of": "argocd"}
    project = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    meta = {"namespace": ARGOCD_NAMESPACE, "labels": part}
    # What Argo CD's own server would make at its first start.
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"server.secretkey": secrets.token_hex(16)}}
    everything = [{"group": "*", "kind": "*"}]
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGOCD_NAMESPACE}},
        {**secret, "metadata": {**meta, "name": "argocd-secret"}},
        config_map,
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": ARGOCD_NAMESPACE},
            "spec": {**project, "clusterResourceWhitelist": everything},
        },
    ]
    text = yaml.safe_dump_all(objects)
    api.kubectl("apply", "--server-side", "-f", "-", stdin=text)


def _start_redis(children: Children, port: int) -> None:
    server = unpacked("redis-server", *REDIS_PACKAGES)
    libraries = ":".join(str(p) for p in (server.parents[1] / "lib").glob("*-linux-gnu*"))
    children.start(
        *(
            "redis",
            str(server),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ),
        env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": libraries},
    )
