"""The manifest names what there is, and `make plugin` packs it as Stash's plugin sources have it."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugin.plugin_process import PLUGIN, ROOT

MANIFEST = yaml.safe_load((PLUGIN / "facedb.yml").read_text("utf-8"))
# Of Stash's manifest; it refuses a plugin with any other.
KNOWN = {
    "name",
    "description",
    "url",
    "version",
    "exec",
    "interface",
    "errLog",
    "ui",
    "tasks",
    "hooks",
    "settings",
}
GROUPS = ("core", "database", "identify", "main")
EPOCH = "1700000000"


def packed(into: Path, epoch: str = EPOCH) -> tuple[bytes, list[dict[str, Any]]]:
    """Run the program: the zip, and the source's list."""
    command = [sys.executable, str(ROOT / "plugin" / "make_index.py"), str(into)]
    subprocess.run(
        command, env={"SOURCE_DATE_EPOCH": epoch, "PATH": "/usr/bin:/bin"}, check=True, capture_output=True
    )
    return (into / "facedb.zip").read_bytes(), yaml.safe_load((into / "index.yml").read_text("utf-8"))


@pytest.mark.parametrize(("kind", "ending"), [("javascript", "js"), ("css", "css")])
def test_the_manifest_lists_every_file_of_the_folder_once(kind: str, ending: str) -> None:
    listed = MANIFEST["ui"][kind]
    assert sorted(listed) == sorted(f"ui/{path.name}" for path in (PLUGIN / "ui").glob(f"*.{ending}"))
    # What others stand on comes first: Stash joins them in this order.
    groups = [re.split(r"[-.]", name.removeprefix("ui/"))[0] for name in listed]
    assert groups == sorted(groups, key=GROUPS.index)


def test_the_manifest_is_one_that_stash_reads() -> None:
    assert set(MANIFEST) <= KNOWN
    assert (MANIFEST["exec"], MANIFEST["interface"]) == (["python", "{pluginDir}/facedb_backend.py"], "raw")
    types = {name: facts["type"] for name, facts in MANIFEST["settings"].items()}
    assert types == {
        "sidecarUrl": "STRING",
        "apiKey": "STRING",
        "minConfidence": "NUMBER",
        "maxResults": "NUMBER",
    }
    assert all(facts["displayName"] and facts["description"] for facts in MANIFEST["settings"].values())
    assert [task["defaultArgs"] for task in MANIFEST["tasks"]] == [{"mode": "db_check_update"}]
    # Its folder has no other one: Stash takes each .yml for a plugin.
    assert [path.name for path in PLUGIN.rglob("*.yml")] == ["facedb.yml"]


def test_the_version_is_that_of_the_sidecar() -> None:
    sidecar = (ROOT / "sidecar" / "pyproject.toml").read_text("utf-8")
    assert f'\nversion = "{MANIFEST["version"]}"\n' in sidecar


def test_the_zip_holds_the_plugin_and_nothing_else(tmp_path: Path) -> None:
    content, _ = packed(tmp_path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = {info.filename: archive.read(info) for info in archive.infolist()}
        assert [info.filename for info in archive.infolist()] == sorted(held)
        # Stash gives the files the rights that the zip says.
        assert {stat.filemode(info.external_attr >> 16) for info in archive.infolist()} == {"-rw-r--r--"}
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
    there = {
        path.relative_to(PLUGIN).as_posix(): path.read_bytes()
        for path in PLUGIN.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == there


def test_the_index_names_the_zip_and_its_hash(tmp_path: Path) -> None:
    content, index = packed(tmp_path)
    assert index == [
        {
            "id": "facedb",
            "name": MANIFEST["name"],
            "metadata": {"description": MANIFEST["description"]},
            "version": MANIFEST["version"],
            "date": "2023-11-14 22:13:20",
            "path": "facedb.zip",
            "sha256": hashlib.sha256(content).hexdigest(),
            "requires": [],
        }
    ]


def test_it_is_the_same_to_the_byte_each_time(tmp_path: Path) -> None:
    names = ("facedb.zip", "index.yml")
    for turn in ("one", "two"):
        packed(tmp_path / turn)
    assert [(tmp_path / "one" / n).read_bytes() for n in names] == [
        (tmp_path / "two" / n).read_bytes() for n in names
    ]


def test_without_a_given_date_it_is_that_of_a_commit(tmp_path: Path) -> None:
    _, (entry) = packed(tmp_path, "")
    made = datetime.strptime(entry[0]["date"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    seconds = subprocess.run(
        ["git", "log", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert str(int(made.timestamp())) in seconds


def test_a_plugin_that_is_unpacked_works(tmp_path: Path) -> None:
    content, _ = packed(tmp_path / "made")
    folder = tmp_path / "a folder" / "facedb"
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    command = [sys.executable, *(word.replace("{pluginDir}", str(folder)) for word in MANIFEST["exec"][1:])]
    said = subprocess.run(command, input=b"{}", capture_output=True, cwd="/", check=True)
    assert said.stdout == b'{"output": {"error": "Unknown mode: ", "status": null, "retry_after": null}}\n'
