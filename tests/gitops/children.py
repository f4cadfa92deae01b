"""Server programs for a test: started together, ended together, each with a log of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from go_server import wait_until_it_answers


class Children:
    """Use it as `with Children(folder) as children`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Children:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *command: str, env: Mapping[str, str]) -> None:
        """Start a program."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, env=dict(env), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder
            )

    def wait_for(self, name: str, url: str) -> None:
        """Wait until a program answers at this URL, whatever it says.

        Raises:
            AssertionError: it has ended, or is too late; the message has its last words.
        """
        wait_until_it_answers(self._running[name], url, self._log(name))

    def log(self, name: str) -> str:
        """What a program has said."""
        return self._log(name).read_text(errors="replace")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
