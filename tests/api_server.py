"""A real kube-apiserver over its own etcd, alone: no node, no controllers. For tests of schemas and requests.

The programs come out of the cache of the test node; `tests/cluster/node/binaries.py` builds what is missing.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cluster.node import binaries
from patience import PATIENCE_S

STOP_TIMEOUT_S = 20.0
POLL_S = 0.1


class ApiServer:
    """Use it as `with ApiServer(folder) as api`; everything lies in the folder, on free ports.

    Attributes:
        url: `https://127.0.0.1:PORT`.
        kubeconfig: of an administrator.
        token: the administrator's.
        ca: the file that the server's certificate is judged by.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        """`flags`: more of the API server's, such as `--v=1`; a later one wins."""
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self.ca = folder / "apiserver.crt"
        self.token = secrets.token_hex(16)
        self.url = ""
        self._flags = flags
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> ApiServer:
        bin_dir = _programs()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,1,"system:masters"\n')
        key = ["openssl", "genrsa", "-out", str(self.folder / "accounts.key"), "2048"]
        subprocess.run(key, check=True, capture_output=True)
        client, http, peer, secure = _free_ports(4)
        self.url = f"https://127.0.0.1:{secure}"
        try:
            self._start("etcd", bin_dir, self._etcd_flags(client, http, peer))
            self._start("kube-apiserver", bin_dir, (*self._server_flags(client, secure), *self._flags))
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        self._write_kubeconfig()
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    @property
    def pid(self) -> int:
        """The API server's process."""
        return self._running["kube-apiserver"].pid

    def kubectl(self, *args: str, stdin: Any = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; `stdin` may be an object, which goes in as JSON.

        Raises:
            AssertionError: it failed, and `check` is true; the message holds its words.
        """
        text = stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin)
        command = [str(binaries.bin_dir() / "kubectl"), f"--kubeconfig={self.kubeconfig}", *args]
        env = {**os.environ, "HOME": str(self.folder)}
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr or done.stdout}")
        return done

    def wait_for_definition(self, name: str) -> None:
        """Until a CustomResourceDefinition is served. `kubectl wait` fails on one that has no condition yet.

        Raises:
            AssertionError: it was not in time.
        """
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            code, found = self.request("GET", path)
            conditions = (found.get("status", {}).get("conditions") or ()) if code == 200 else ()
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                return
            time.sleep(POLL_S)
        raise AssertionError(f"{name} is not served")

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request as the administrator: the HTTP status and the answer, parsed where it is JSON."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        data = None if body is None else json.dumps(body).encode()
        try:
            with self._opener().open(request, data, timeout=60) as reply:
                return reply.status, _parsed(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())

    def log(self, name: str = "kube-apiserver") -> str:
        """What a program has said."""
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, bin_dir: Path, flags: tuple[str, ...]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                [str(bin_dir / name), *flags], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def _etcd_flags(self, client: int, http: int, peer: int) -> tuple[str, ...]:
        at, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        return (
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={at}",
            # With gRPC and HTTP on one port, which etcd advises against, a connection has stayed mute once.
            f"--listen-client-http-urls=http://127.0.0.1:{http}",
            f"--advertise-client-urls={at}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync=true",
            "--log-level=warn",
        )

    def _server_flags(self, etcd: int, secure: int) -> tuple[str, ...]:
        return (
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            # A certificate of its own making goes here: apiserver.crt, which is also what it is judged by.
            f"--cert-dir={self.folder}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.215.0.0/16",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            # Nobody makes the default account here, and pods may be made without one.
            "--disable-admission-plugins=ServiceAccount",
        )

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.ca))
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            ended = [name for name, process in self._running.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                words = "\n".join(self.log(name)[-2000:] for name in self._running)
                raise AssertionError(f"the API server did not become ready; ended: {ended}\n{words}")
            time.sleep(POLL_S)

    def _is_ready(self) -> bool:
        if not self.ca.exists():
            return False
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def _write_kubeconfig(self) -> None:
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "own", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": "admin"}}],
            "current-context": "own",
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)


def _programs() -> Path:
    """The folder of the programs. Those that are there are not waited for while others are built."""
    found = binaries.bin_dir()
    wanted = ("etcd", "kube-apiserver", "kubectl")
    return found if all((found / name).exists() for name in wanted) else binaries.ensure()


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def _free_ports(count: int) -> list[int]:
    # Held open together, so that they differ; another process may take one between here and its use.
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
