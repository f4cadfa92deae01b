"""The test node's bridge, in a network namespace of its own: pods never lose their gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# A pod whose address is lower than the bridge's comes, and another one goes.
STORY = """
import subprocess
from cluster.node.layout import BRIDGE
from cluster.node.network import add_bridge

def ip(*words):
    return subprocess.run(("ip", *words), check=True, capture_output=True, text=True).stdout

add_bridge()
ip("link", "set", BRIDGE, "up")
for pod in ("pod1", "pod2"):
    lower = f"02:00:00:00:00:0{pod[-1]}"
    ip("link", "add", pod, "address", lower, "type", "veth", "peer", "name", f"in-{pod}")
    ip("link", "set", pod, "master", BRIDGE, "up")
    print(ip("-j", "link", "show", BRIDGE))
ip("link", "del", "pod1")
print(ip("-j", "link", "show", BRIDGE))
"""


def test_its_address_stays_while_pods_come_and_go() -> None:
    command = ["unshare", "--net", sys.executable, "-c", STORY]
    env = {"PYTHONPATH": str(Path(__file__).parent), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line)[0]["address"] for line in done.stdout.splitlines() if line]
    assert seen == ["02:fa:ce:db:00:01"] * 3
