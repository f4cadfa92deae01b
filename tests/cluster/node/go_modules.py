"""Files that come with the Go modules which the node is built from: definitions, not programs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cluster.node.layout import GO_MODULES
from cluster.node.say import NodeError


def version(built_in: str, module: str) -> str:
    """The version of a module that the go.mod in ``go/<built_in>`` comes to, replacements included.

    Raises:
        NodeError: that go.mod does not lead to the module.
    """
    found = _go(built_in, "list", "-m", "-json", module)
    chosen: str = found.get("Replace", found)["Version"]
    return chosen


def folder(built_in: str, module: str) -> Path:
    """The folder of that version's files, downloaded if need be.

    Raises:
        NodeError: the module could not be had.
    """
    return Path(_go(built_in, "mod", "download", "-json", f"{module}@{version(built_in, module)}")["Dir"])


def _go(built_in: str, *args: str) -> dict[str, Any]:
    done = subprocess.run(
        ["go", *args],
        cwd=GO_MODULES / built_in,
        env={**os.environ, "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NodeError(f"go {' '.join(args)} failed: {done.stderr.strip() or done.stdout.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
