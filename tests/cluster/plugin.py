"""`kubectl facedb`, as people type it: kubectl finds the plugin on PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cluster.world_of_one import Database


def facedb(database: Database, verb: str, *args: str, check: bool = True) -> str:
    """Run a verb on the database's namespace and return what it printed.

    Raises:
        RuntimeError: it failed, and ``check`` is set; the message holds its stderr.
    """
    beside_python = Path(sys.executable).parent
    path = f"{beside_python}{os.pathsep}{os.environ['PATH']}"
    kubectl = database.place.kubernetes.kubectl
    return kubectl("facedb", verb, *args, "-n", database.namespace, check=check, env={"PATH": path})
