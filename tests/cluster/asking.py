"""One HTTP request to a sidecar, made from within its own pod: no address of the cluster leads out of it."""

from __future__ import annotations

import json
from typing import Any

from cluster.kubernetes import Kubernetes

# The body comes over stdin: a photo is too long for a command line. So many bytes are read, not up to an end:
# on a starved machine containerd had closed an empty stdin, and the process never heard of it.
SCRIPT = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 5000, timeout=120)
body = sys.stdin.buffer.read(int(sys.argv[3]))
connection.request(sys.argv[1], sys.argv[2], body or None, {"Content-Type": "application/json"})
reply = connection.getresponse()
print(reply.status, reply.read().decode())
"""

Json = dict[str, Any]


def ask(
    kubernetes: Kubernetes, namespace: str, pod: str, method: str, path: str, body: Json | None = None
) -> tuple[int, Any]:
    """One request: its status and its JSON.

    Raises:
        RuntimeError: the pod does not run, or nobody listens in it.
    """
    text = json.dumps(body) if body is not None else ""
    words = ("python", "-c", SCRIPT, method, path, str(len(text.encode())))
    with_stdin = ("-i",) if text else ()
    said = kubernetes.kubectl("exec", *with_stdin, pod, "-n", namespace, "--", *words, stdin=text or None)
    status, _, answer = said.partition(" ")
    return int(status), json.loads(answer)
