"""The plain way: one stream to a zip, extractall, a sha256 pass, SQLite's check, two loads, one by one.

Run in a process of its own: `python -m bench.plain URL INTO`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import zipfile
from pathlib import Path

import httpx
import voyager

from .meter import metered, timed

READ = 64 * 1024


def download(url: str, path: Path) -> None:
    """Store the zip."""
    with httpx.stream("GET", url, timeout=60) as response, path.open("wb") as f:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            f.write(chunk)


def check_hashes(folder: Path) -> None:
    """Compare each listed sha256."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, expected in manifest["checksums"].items():
        sha = hashlib.sha256()
        with (folder / name).open("rb") as f:
            while block := f.read(READ):
                sha.update(block)
        assert expected == f"sha256:{sha.hexdigest()}"


def check_database(path: Path) -> None:
    """Let SQLite look at every page."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def main() -> None:
    """Fetch and verify as most updaters do."""
    url, into = sys.argv[1], Path(sys.argv[2])
    into.mkdir(parents=True)
    with metered() as phases:
        with timed(phases, "download"):
            download(url, into / "release.zip")
        with timed(phases, "extractall"), zipfile.ZipFile(into / "release.zip") as z:
            z.extractall(into)
        with timed(phases, "sha256"):
            check_hashes(into)
        with timed(phases, "sqlite"):
            check_database(into / "performers.db")
        with timed(phases, "load"):
            loaded = [voyager.Index.load(str(into / f"face_{m}.voy")) for m in ("facenet", "arcface")]
    assert len(loaded) == 2


if __name__ == "__main__":
    main()
