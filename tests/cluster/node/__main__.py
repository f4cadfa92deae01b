"""``python tests/cluster/node up|down|status|env|images|provisioner|csi``: the test node, by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cluster.node import images, node, provisioner
from cluster.node.binaries import bin_dir
from cluster.node.layout import kubeconfig
from cluster.node.say import NodeError, say


def main() -> int:
    """Carry out one command; exit status 1 with a message for what the user can change."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("command", choices=("up", "down", "status", "env", "images", "provisioner", "csi"))
    cli.add_argument("--without-snapshots", action="store_true", help="up: no snapshot API on a new node")
    chosen = cli.parse_args()
    try:
        return _run(chosen.command, snapshots=not chosen.without_snapshots)
    except NodeError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _run(command: str, *, snapshots: bool) -> int:
    match command:
        case "up":
            node.up(snapshots=snapshots)
        case "down":
            node.down()
        case "images":
            images.ensure_loaded()
        case "provisioner":
            provisioner.run()
        case "csi":
            # Not above: the other commands work without gRPC.
            from cluster.csi import driver

            driver.run()
        case "env":
            say(f"export KUBECONFIG={kubeconfig()}\nexport PATH={bin_dir()}:$PATH")
        case _:
            is_up = node.is_up()
            say("The node is up." if is_up else "The node is not up.")
            return 0 if is_up else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
