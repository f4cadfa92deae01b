"""A plugin as Stash has it: its manifest, its scripts in one piece, and a process for each operation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "plugin" / "facedb"
PYTHONS = frozenset({"python", "python3", "py"})


@dataclass(frozen=True)
class Run:
    """One operation that has ended.

    Attributes:
        args: of the operation.
        stdout: and stderr: all that the process said.
        seconds: it took.
    """

    args: dict[str, Any]
    stdout: str
    stderr: str
    seconds: float

    @property
    def mode(self) -> str:
        """Which operation of ours."""
        return str(self.args.get("mode"))

    @property
    def output(self) -> Any:
        """What the page was given; None where the process said nothing that could be read."""
        try:
            return json.loads(self.stdout).get("output")
        except (ValueError, AttributeError):
            return None


class Plugin:
    """One plugin in its folder.

    Attributes:
        folder: with the manifest.
        id: the manifest's name without its ending.
        manifest: as it is read.
        runs: operations that have ended, in that order.
    """

    def __init__(self, folder: Path = PLUGIN) -> None:
        (path,) = folder.glob("*.yml")
        self.folder = folder
        self.id = path.stem
        self.manifest: dict[str, Any] = yaml.safe_load(path.read_text())
        self.runs: list[Run] = []
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def code(self, kind: str) -> bytes:
        """All files of ``javascript`` or ``css``, one after the other."""
        names = self.manifest.get("ui", {}).get(kind, [])
        return b"\n".join((self.folder / name).read_bytes() for name in names)

    def settings(self) -> list[dict[str, Any]]:
        """The manifest's settings in GraphQL's shape."""
        declared: dict[str, dict[str, Any]] = self.manifest.get("settings") or {}
        return [
            {
                "name": name,
                "display_name": facts.get("displayName"),
                "description": facts.get("description"),
                "type": facts.get("type", "STRING"),
            }
            for name, facts in declared.items()
        ]

    def described(self, base: str) -> dict[str, Any]:
        """The plugin in GraphQL's shape; ``base`` is where its host's addresses begin."""
        has = self.manifest.get("ui", {})
        paths = {kind: [f"{base}/plugin/{self.id}/{kind}"] for kind in ("javascript", "css") if has.get(kind)}
        return {
            "id": self.id,
            "name": self.manifest["name"],
            "description": self.manifest.get("description"),
            "version": str(self.manifest.get("version", "")),
            "url": self.manifest.get("url"),
            "enabled": True,
            "settings": self.settings(),
            "paths": {"javascript": None, "css": None, **paths},
        }

    def run(self, args: dict[str, Any], server: dict[str, Any]) -> Any:
        """Run an operation.

        Args:
            args: of the operation.
            server: how the process may reach Stash.

        Raises:
            RuntimeError: what Stash would answer with as an error.
        """
        given = {"server_connection": {**server, "PluginDir": str(self.folder)}, "args": args}
        started = time.monotonic()
        process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(self.folder.parent)},
        )
        with self._lock:
            self._running.add(process)
        stdout, stderr = process.communicate(json.dumps(given))
        with self._lock:
            self._running.discard(process)
            self.runs.append(Run(args, stdout, stderr, time.monotonic() - started))
        return _output(stdout, process.returncode)

    def stop(self) -> None:
        """End what still runs."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _command(self) -> list[str]:
        words = [word.replace("{pluginDir}", str(self.folder)) for word in self.manifest["exec"]]
        return [sys.executable, *words[1:]] if words[0] in PYTHONS else words


def _output(stdout: str, code: int) -> Any:
    """What Stash makes of a process's end: text that is no JSON object is the output itself."""
    try:
        said = json.loads(stdout)
    except ValueError:
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    if error is None and code != 0:
        error = f"exit status {code}"
    if error is not None:
        raise RuntimeError(str(error))
    return said.get("output") if isinstance(said, dict) else stdout
