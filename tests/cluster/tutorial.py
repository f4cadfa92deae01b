"""What docs/tutorial.md needs: ``PYTHONPATH=tests .venv/bin/python -m cluster.tutorial begin``, and ``end``.

Small releases with a real face among made-up ones, one of them damaged; a release server in the background;
and in the folder ``tutorial`` the files that the page applies. It changes nothing in a cluster.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from cluster.node import images
from cluster.node.layout import NODE_IP
from cluster.stage import FIRST, Stage, database, prepare
from enrolment import astronaut
from release_server import ReleaseServer

FOLDER = Path("tutorial")
NAMESPACE, NAME = "tutorial", "stash"
SERVER = Path(__file__).resolve().parents[1] / "release_server.py"
WAIT_S = 60.0


def begin(folder: Path, host: str) -> str:
    """Make everything, start the server, and return its address."""
    end(folder)
    folder.mkdir(parents=True)
    person, photo = astronaut(folder / "made" / "models")
    stage = prepare(folder / "made" / "server", [person], photo)
    url = serve(folder, stage.root, host)
    write(folder, stage, url)
    return url


def serve(folder: Path, root: Path, host: str) -> str:
    """Start the release server as a process of its own, and return its address.

    Raises:
        TimeoutError: it did not come up; ``server.log`` has its words.
    """
    log = folder / "server.log"
    words = [sys.executable, str(SERVER), "--root", str(root), "--host", host]
    # By a shell that ends at once: the server is then nobody's child, and outlives this command.
    begun = 'log=$1; shift; nohup "$@" >"$log" 2>&1 </dev/null & echo $!'
    started = subprocess.run(
        ["sh", "-c", begun, "sh", str(log), *words], stdout=subprocess.PIPE, text=True, check=True
    )
    (folder / "server.pid").write_text(started.stdout.strip())
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        first = (log.read_text() if log.exists() else "").partition("\n")
        if first[1] and first[0].startswith("http"):
            return first[0]
        time.sleep(0.1)
    raise TimeoutError(f"The release server does not come up; see {log}.")


def write(folder: Path, stage: Stage, url: str) -> None:
    """Write the chart's values, the FaceDatabase and a photo to ask with."""
    operator = os.environ.get("OPERATOR_IMAGE") or images.tag(images.OPERATOR)
    sidecar = os.environ.get("SIDECAR_IMAGE") or images.tag(images.SIDECAR)
    repository, tag = operator.rsplit(":", 1)
    values: dict[str, Any] = {"image": {"repository": repository, "tag": tag}, "sidecarImage": sidecar}
    spec = stage.spec(cast("ReleaseServer", SimpleNamespace(url=url)), FIRST)
    for name, content in (("values", values), ("facedatabase", database(NAME, NAMESPACE, spec))):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    photo = {"image_base64": base64.b64encode(stage.photo).decode()}
    (folder / "photo.json").write_text(json.dumps(photo))


def end(folder: Path) -> None:
    """Stop the server that ``begin`` started, and take the folder away."""
    pid = folder / "server.pid"
    if pid.exists() and str(SERVER) in _command(int(pid.read_text())):
        os.kill(int(pid.read_text()), signal.SIGTERM)
    shutil.rmtree(folder, ignore_errors=True)


def _command(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def main() -> None:
    """Carry out one command."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("command", choices=("begin", "end"))
    cli.add_argument("--folder", type=Path, default=FOLDER)
    cli.add_argument("--host", default=NODE_IP, help="this machine's address, as the cluster's pods see it")
    chosen = cli.parse_args()
    if chosen.command == "end":
        end(chosen.folder)
        return
    url = begin(chosen.folder, chosen.host)
    print(f"Releases are served at {url}; {chosen.folder}/ holds what the tutorial applies.")


if __name__ == "__main__":
    main()
