"""``make demo``: the main job on a real cluster, told as it happens.

Cluster up, chart installed, a release server with two good releases and a corrupt one; a first apply, a bump
under load, a bump to the corrupt one. With ``CLUSTER=current`` it uses the kubeconfig's cluster, whose nodes
must be able to pull OPERATOR_IMAGE and SIDECAR_IMAGE and to reach this machine.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cluster.client_pod import ClientPod
from cluster.kubernetes import Kubernetes
from cluster.node.say import NodeError
from cluster.places import Place, current_cluster, own_cluster
from cluster.stage import CORRUPT, FIRST, SECOND, Stage, database, install_chart, prepare
from cluster.waiting import wait_until
from enrolment import astronaut
from release_server import ReleaseServer

NAMESPACE = "facedb-demo"
NAME = "stash"


class Demo:
    """The steps of the demo, and the clock that they are told by."""

    def __init__(self, place: Place, stage: Stage, server: ReleaseServer) -> None:
        self.kubernetes: Kubernetes = place.kubernetes
        self.place, self.stage, self.server = place, stage, server
        self.began = time.monotonic()
        self.timeline: list[str] = []

    def tell(self, text: str) -> None:
        """Print a line with the seconds since the start, and keep it for the timeline."""
        line = f"[{time.monotonic() - self.began:6.1f} s] {text}"
        self.timeline.append(line)
        print(line, flush=True)

    def show(self, *args: str) -> None:
        """Print a kubectl command and its output, as a user would see them."""
        print(f"\n$ kubectl {' '.join(args)}\n{self.kubernetes.kubectl(*args, '-n', NAMESPACE)}", flush=True)

    def bump(self, version: str) -> None:
        """Kubectl apply of the database at this version."""
        spec = self.stage.spec(self.server, version)
        self.kubernetes.apply(database(NAME, NAMESPACE, spec))
        self.tell(f"kubectl apply: version {version}")

    def until(self, type_: str, status: str, reason: str, version: str) -> None:
        """Follow the database's Ready condition until it says this of this version."""
        last = ""

        def reached() -> bool:
            nonlocal last
            found = self.kubernetes.get("fdb", NAME, NAMESPACE)
            now = conditions(found)
            ready = now.get("Ready", {})
            words = f"{ready.get('reason', '-')}: {ready.get('message', '')}"
            if ready and words != last:
                self.tell(words)
                last = words
            hit = now.get(type_, {})
            fresh = hit.get("observedGeneration") == found["metadata"]["generation"]
            active = found.get("status", {}).get("active", {}).get("version")
            return fresh and (hit["status"], hit["reason"], active) == (status, reason, version)

        wait_until(reached, f"{type_}={status} ({reason}) with {version} active", timeout_s=600)

    def run(self) -> int:
        """Tell the whole story.

        Returns:
            The number of requests that failed.
        """
        self.tell("installing the chart")
        install_chart(self.kubernetes, self.place.images)
        # What an earlier demo left behind would change the story.
        self.kubernetes.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=600s")
        self.kubernetes.ensure_namespace(NAMESPACE)
        self.bump(FIRST)
        self.until("Ready", "True", "Serving", FIRST)
        client = ClientPod(
            self.kubernetes, NAMESPACE, NAME, image=self.place.images.sidecar, photo=self.stage.photo
        )
        client.start()
        self.tell(f"a photo sent to the Service is identified as: {identified(self.kubernetes)}")
        self.tell("a client in the cluster keeps asking from here on")
        self.bump(SECOND)
        self.until("Ready", "True", "Serving", SECOND)
        wait_until(lambda: SECOND in client.seen().versions, "the client to see the bump", timeout_s=60)
        seen = client.seen()
        self.tell(f"bumped under load: {seen.sent} requests sent, {seen.failed} failed")
        self.bump(CORRUPT)
        self.until("Stalled", "True", "RolledBack", SECOND)
        seen = client.stop()
        self.tell(f"refused under load: {seen.sent} requests sent in all, {seen.failed} failed")
        self._summary(client_versions=seen.versions, failures=seen.failures)
        return seen.failed

    def _summary(self, *, client_versions: tuple[str, ...], failures: tuple[str, ...]) -> None:
        self.show("get", "fdb", NAME)
        found = self.kubernetes.get("fdb", NAME, NAMESPACE)
        print("Conditions:")
        for name, condition in conditions(found).items():
            print(f"  {name}={condition['status']} ({condition['reason']}): {condition['message']}")
        print("\nHistory:")
        for entry in found["status"].get("history", []):
            print(f"  {json.dumps(entry)}")
        self.show(
            "get", "events", "--field-selector", f"involvedObject.name={NAME}", "--sort-by=.lastTimestamp"
        )
        self.show("get", "pods,pvc,jobs")
        print(f"Versions that the client saw: {' → '.join(client_versions)}")
        for failure in failures:
            print(f"  failed: {failure}")
        print("\nTimeline:")
        print("\n".join(self.timeline))


def conditions(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A database's conditions by type."""
    return {c["type"]: c for c in found.get("status", {}).get("conditions", [])}


def identified(kubernetes: Kubernetes) -> str:
    """Ask the Service once, from within the traffic pod, and tell who it found."""
    ask = (
        "import base64,json,os,urllib.request as u;"
        "b=json.dumps({'image_base64':base64.b64encode(open(os.environ['PHOTO'],'rb').read()).decode()});"
        "r=u.Request('http://'+os.environ['TARGET']+'/identify',b.encode(),{'Content-Type':'application/json'});"
        "m=json.load(u.urlopen(r,timeout=60))['faces'][0]['matches'][0];"
        "print(m['name'],'(confidence %.2f)'%m['confidence'])"
    )
    return kubernetes.kubectl("exec", f"client-{NAME}", "-n", NAMESPACE, "--", "python", "-c", ask).strip()


def main() -> int:
    """Run the demo.

    Returns:
        The exit status: 1 when a request failed, or when something is missing that the message names.
    """
    try:
        place = current_cluster() if os.environ.get("CLUSTER") == "current" else own_cluster()
    except NodeError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="facedb-demo-") as folder:
        print("Making the model pack and three releases …", flush=True)
        person, photo = astronaut(Path(folder) / "models")
        stage = prepare(Path(folder) / "server", [person], photo)
        with ReleaseServer(stage.root, host=place.host) as server:
            failed = Demo(place, stage, server).run()
    print(f"\n{failed} requests failed. To look around: kubectl get fdb -n {NAMESPACE}")
    print('(the test node\'s kubectl: eval "$(.venv/bin/python tests/cluster/node env)").')
    print(f"To clean up: kubectl delete namespace {NAMESPACE}; helm uninstall facedb -n facedb-system")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
