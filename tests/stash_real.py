"""Stash itself in a process, with a user who has a password, and a library that it has scanned from files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

import stash_program
from go_server import free_port, wait_until_it_answers
from operator_process import until
from patience import PATIENCE_S

USER, PASSWORD = "owner", "correct horse"


class RealStash:
    """``with RealStash(folder) as stash: stash.ask("{ version { version } }")``; it ends with the block.

    Attributes:
        url: where it listens.
        media: the folder of its library; ``scan`` looks for what is new there.
        api_key: what others authenticate with, as the sidecar does.
        client: a client that has logged in, as a browser does.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.media = folder / "media"
        self.media.mkdir()
        self.api_key = ""
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = stash_program.program()
        config = self.folder / "config.yml"
        config.write_text(yaml.safe_dump(self._config()))
        log = self.folder / "stash.log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(program), "--config", str(config), "--nobrowser"],
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder)},
                stdout=out,
                stderr=out,
            )
        try:
            wait_until_it_answers(self._process, f"{self.url}/healthz", log, PATIENCE_S)
            self._secure()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def ask(self, query: str, **variables: Any) -> Any:
        """Send GraphQL as the user who has logged in; the data.

        Raises:
            AssertionError: Stash has found an error.
        """
        answer = self.client.post("/graphql", json={"query": query, "variables": variables})
        said = answer.json()
        assert answer.status_code == 200, said
        assert "errors" not in said, said
        return said["data"]

    def configure(self, **changes: Any) -> None:
        """Change general settings, by the names that they have in GraphQL."""
        change = "mutation ($i: ConfigGeneralInput!) { configureGeneral(input: $i) { username } }"
        self.ask(change, i=changes)

    def scan(self) -> None:
        """Find what is in the media folder."""
        self.finished(self.ask("mutation { metadataScan(input: {}) }")["metadataScan"])

    def finished(self, job: str) -> None:
        """Wait until a job of the queue has ended well."""
        query = "query ($id: ID!) { findJob(input: {id: $id}) { status error } }"

        def ended() -> bool:
            # One that ended a while ago is forgotten.
            row = self.ask(query, id=job)["findJob"] or {"status": "FINISHED"}
            assert row["status"] not in ("FAILED", "CANCELLED"), row
            return bool(row["status"] == "FINISHED")

        until(ended, f"job {job}")

    def _config(self) -> dict[str, Any]:
        folders = {"database": "stash.sqlite", "plugins_path": "plugins", "scrapers_path": "scrapers"}
        folders |= {name: name for name in ("generated", "cache", "metadata")}
        return {
            "host": "127.0.0.1",
            "port": self._port,
            "stash": [{"path": str(self.media), "excludevideo": False, "excludeimage": False}],
            "create_galleries_from_folders": True,
            "blobs_storage": "DATABASE",
            # The plugin's process needs `requests`.
            "python_path": sys.executable,
            **{key: str(self.folder / name) for key, name in folders.items()},
        }

    def _secure(self) -> None:
        who = {"username": USER, "password": PASSWORD}
        self.configure(**who)
        # It answers with a page and 200 where the password is wrong, and leads elsewhere where it is right.
        assert self.client.post("/login", data=who).status_code == 302
        # The release notes, which stand before everything, have been read.
        self.ask("mutation ($i: Map!) { configureUI(input: $i) }", i={"lastNoteSeen": 99_999_999})
        self.api_key = self.ask("mutation { generateAPIKey(input: {}) }")["generateAPIKey"]
