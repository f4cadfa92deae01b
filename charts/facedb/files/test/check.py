"""helm test: the API server serves FaceDatabases, the operator is well, and it tells its metrics.

Its account has no rights: what is served, everybody may ask who has a token.
"""

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
PATIENCE_S = float(os.environ.get("PATIENCE_S", "60"))


def ask(url: str, context: ssl.SSLContext | None = None, **headers: str) -> str:
    """The body of a good answer."""
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    request = urllib.request.Request(url, headers=headers)
    with direct.open(request, timeout=10) as reply:
        return str(reply.read().decode())


def definition() -> str:
    """Which kinds the API server serves."""
    host, port = (os.environ[f"KUBERNETES_SERVICE_{part}"] for part in ("HOST", "PORT"))
    host = f"[{host}]" if ":" in host else host
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    token = (ACCOUNT / "token").read_text()
    text = ask(f"https://{host}:{port}/apis/facedb.dev/v1alpha1", trust, Authorization=f"Bearer {token}")
    kinds = {found["kind"] for found in json.loads(text)["resources"]}
    if "FaceDatabase" not in kinds:
        raise ValueError(f"facedb.dev/v1alpha1 has {sorted(kinds)}")
    return "the API server serves FaceDatabases"


def health() -> str:
    """Whether the operator's loops go on."""
    ask(os.environ["HEALTH"])
    return "the operator is well"


def metrics() -> str:
    """How many series it has."""
    lines = ask(os.environ["METRICS"]).splitlines()
    own = [line for line in lines if line.startswith("facedb_")]
    if not own:
        raise ValueError("no metric begins with facedb_")
    return f"the operator tells {len(own)} values of its own"


def main() -> int:
    """Ask until all is well, or patience ends."""
    until = time.monotonic() + PATIENCE_S
    for check in (definition, health, metrics):
        while True:
            try:
                print(f"ok: {check()}", flush=True)
                break
            except (OSError, ValueError, KeyError) as error:
                if time.monotonic() > until:
                    print(f"FAILED: {check.__name__}: {error}", flush=True)
                    return 1
                time.sleep(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
