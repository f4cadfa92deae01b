"""A Git repository in a folder, with one branch."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

BRANCH = "main"
_WHO = {
    "GIT_AUTHOR_NAME": "ana",
    "GIT_AUTHOR_EMAIL": "ana@example.org",
    "GIT_COMMITTER_NAME": "ana",
    "GIT_COMMITTER_EMAIL": "ana@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class GitFolder:
    """Use `commit` to write files and commit them; `revision` is the last commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", f"--initial-branch={BRANCH}")

    @property
    def revision(self) -> str:
        """The last commit's digest."""
        return self._git("rev-parse", "HEAD").strip()

    def commit(self, **files: Any) -> str:
        """Write each object as `<name>.yaml`, commit all, and return the commit."""
        for name, body in files.items():
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(body))
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.revision

    def _git(self, *words: str) -> str:
        env = {**os.environ, **_WHO}
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
