"""``plugin/facedb`` → ``facedb.zip`` and ``index.yml``, as Stash's plugin sources have them: ``make plugin``.

The same tree gives the same bytes, on every machine. The date is SOURCE_DATE_EPOCH, or that of the plugin's
last commit: Stash offers an update when it is later than the installed one's.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import yaml

PLUGIN = Path(__file__).resolve().parent / "facedb"
NAME = "facedb"
# What Stash's folder needs; caches, tests and editors' files are of other kinds.
KINDS = frozenset({".py", ".yml", ".js", ".css"})
# The first moment that a zip can hold: where nobody knows another.
_FIRST = datetime(1980, 1, 1, tzinfo=UTC)
_MODE = 0o100644


def main(argv: list[str] | None = None) -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description="Pack the Stash plugin")
    parser.add_argument("into", type=Path, help="a folder, for facedb.zip and index.yml")
    into: Path = parser.parse_args(argv).into
    when = moment(os.environ.get("SOURCE_DATE_EPOCH"))
    packed = pack(PLUGIN, when)
    into.mkdir(parents=True, exist_ok=True)
    (into / f"{NAME}.zip").write_bytes(packed)
    (into / "index.yml").write_text(index(PLUGIN, packed, when), "utf-8")
    sys.stdout.write(f"{into / 'index.yml'}\n")


def files(plugin: Path) -> list[Path]:
    """What goes into the zip, in its order."""
    kept = (path for path in plugin.rglob("*") if path.is_file() and path.suffix in KINDS)
    return sorted(kept, key=lambda path: path.relative_to(plugin).as_posix())


def pack(plugin: Path, when: datetime) -> bytes:
    """The zip's bytes; not compressed, since other zlibs give other bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for path in files(plugin):
            info = zipfile.ZipInfo(path.relative_to(plugin).as_posix(), when.timetuple()[:6])
            info.create_system = 3
            # Stash gives the files these rights.
            info.external_attr = _MODE << 16
            archive.writestr(info, path.read_bytes())
    return held.getvalue()


def index(plugin: Path, packed: bytes, when: datetime) -> str:
    """The source's list of plugins: this one."""
    manifest = yaml.safe_load((plugin / f"{NAME}.yml").read_text("utf-8"))
    entry = {
        "id": NAME,
        "name": manifest["name"],
        "metadata": {"description": manifest["description"]},
        "version": str(manifest["version"]),
        "date": when.strftime("%Y-%m-%d %H:%M:%S"),
        "path": f"{NAME}.zip",
        "sha256": hashlib.sha256(packed).hexdigest(),
        "requires": [],
    }
    return yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000)


def moment(epoch: str | None) -> datetime:
    """SOURCE_DATE_EPOCH, or the plugin's last commit, or HEAD while it has none; UTC, as Stash has it."""
    seconds = epoch or _committed("--", str(PLUGIN)) or _committed()
    return max(datetime.fromtimestamp(int(seconds), UTC), _FIRST) if seconds else _FIRST


def _committed(*which: str) -> str:
    asked = ["git", "log", "-1", "--format=%ct", *which]
    try:
        said = subprocess.run(asked, cwd=PLUGIN, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


if __name__ == "__main__":
    main()
