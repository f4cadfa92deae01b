"""A data folder as a trainer leaves it → what `facedb export` publishes, and what it never does."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import minisign
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from builders import PIPELINE, sha256_of
from facedb_release.archive.contents import LocalArchive, read_contents
from facedb_release.cli.export import export_command
from facedb_release.copying import stamps
from facedb_release.errors import Reason, ReleaseError
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import PROFILE
from facedb_release.publish.export import ExportRequest, export
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import verify_release
from facedb_release.verify.signature import Policy
from facedb_release.version import parse_version

from .conftest import VERSION

app = typer.Typer()
app.command("export")(export_command)
app.command("other")(lambda: None)


def facedb(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facedb_release", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def here(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def quick(data: Path, out: Path, **more: Any) -> ExportRequest:
    return ExportRequest(data, out, limits=Limits(sample=0), **more)


@pytest.fixture
def data(good: Path, tmp_path: Path) -> Path:
    """A folder of a trainer: a stale manifest, and things that are nobody's business."""
    folder = tmp_path / "data"
    folder.mkdir()
    with zipfile.ZipFile(good) as z:
        z.extractall(folder)
    (folder / "stash_sense.db").write_text("settings of a user")
    (folder / "models").mkdir()
    (folder / "models" / "arcface.onnx").write_text("weights")
    (folder / "notes.txt").write_text("mine")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"face_count": 1, "trainer": "kept"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def writer(data: Path) -> Iterator[sqlite3.Connection]:
    """A trainer that is still connected: its last rows are in the log alone."""
    with closing(sqlite3.connect(data / "performers.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("INSERT INTO aliases VALUES (NULL, 1, 'only in the log', 'stashdb', NULL)")
        db.commit()
        yield db


def test_what_is_published_is_a_good_release_that_lists_every_file(
    data: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    done = export(quick(data, tmp_path / "out"))

    assert done.archive == tmp_path / "out" / f"stash-sense-data-v{VERSION}.zip"
    assert done.published.sha256 == sha256_of(done.archive)
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(done.archive) as z:
        assert z.namelist()[0] == "manifest.json"
        z.extractall(unpacked)
    good = verify_release(unpacked, limits=Limits(sample=0))
    assert set(good.manifest.checksums) == set(PROFILE.required) - {"manifest.json"}
    assert good.manifest.face_count == len(json.loads((unpacked / "faces.json").read_bytes()))
    assert json.loads((unpacked / "manifest.json").read_text())["trainer"] == "kept"
    assert any("face_count = 1" in w for w in done.warnings)
    with closing(sqlite3.connect(unpacked / "performers.db")) as db:
        assert db.execute("SELECT count(*) FROM aliases WHERE alias = 'only in the log'").fetchone() == (1,)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [done.archive.name]


def test_the_data_folder_is_only_read(data: Path, writer: sqlite3.Connection, tmp_path: Path) -> None:
    before = stamps(sorted(data.rglob("*")))
    done = export(quick(data, tmp_path / "out"))

    assert stamps(sorted(data.rglob("*"))) == before
    assert done.left_out == ("models", "notes.txt", "stash_sense.db")


def test_the_indices_are_stored_and_the_rest_is_deflated_unless_told_otherwise(
    data: Path, tmp_path: Path
) -> None:
    usual = export(quick(data, tmp_path / "usual"))
    stored = export(quick(data, tmp_path / "stored", stored=True))

    with zipfile.ZipFile(usual.archive) as z:
        assert {i.filename for i in z.infolist() if i.compress_type == zipfile.ZIP_STORED} == {
            "face_facenet.voy",
            "face_arcface.voy",
        }
    with zipfile.ZipFile(stored.archive) as z:
        assert {i.compress_type for i in z.infolist()} == {zipfile.ZIP_STORED}
    assert usual.published.size < stored.published.size
    assert len(read_contents(LocalArchive(stored.archive), PROFILE).members) == len(PROFILE.required)


def test_the_same_data_gives_the_same_bytes_and_other_data_never_replaces_them(
    data: Path, tmp_path: Path
) -> None:
    first = export(quick(data, tmp_path / "out"))
    other_place = export(quick(data, tmp_path / "elsewhere"))
    again = export(quick(data, tmp_path / "out"))

    assert other_place.published == first.published == again.published
    assert (first.already_there, again.already_there) == (False, True)

    faces = json.loads((data / "faces.json").read_text())
    (data / "faces.json").write_text(json.dumps([None, *faces[1:]]))
    with pytest.raises(ReleaseError) as refused:
        export(quick(data, tmp_path / "out"))
    assert refused.value.reason is Reason.ANOTHER_RELEASE
    assert sha256_of(first.archive) == first.published.sha256
    assert [p.name for p in (tmp_path / "out").iterdir()] == [first.archive.name]


def test_a_folder_without_a_manifest_needs_a_version_and_the_pipeline(data: Path, tmp_path: Path) -> None:
    (data / "manifest.json").unlink()
    models = tmp_path / "models.json"
    models.write_text(json.dumps({**PIPELINE, "facenet_dim": 1}))

    with pytest.raises(ReleaseError, match="--version"):
        export(quick(data, tmp_path / "out"))
    with pytest.raises(ReleaseError) as refused:
        export(quick(data, tmp_path / "out", version=parse_version("2027.01.02")))
    assert refused.value.reason is Reason.INCOMPATIBLE_PIPELINE
    done = export(quick(data, tmp_path / "out", version=parse_version("2027.01.02"), models=models))

    assert done.manifest.version.text == "2027.01.02"
    assert done.manifest.sources == ("stashdb",)
    assert parse_manifest(zipfile.ZipFile(done.archive).read("manifest.json")).models == done.manifest.models


def test_what_would_be_refused_is_not_published(data: Path, tmp_path: Path) -> None:
    (data / "faces.json").write_text("[null]")
    with pytest.raises(ReleaseError) as refused:
        export(quick(data, tmp_path / "out"))

    assert refused.value.reason is Reason.COUNT_MISMATCH
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("place", [".", "releases"])
def test_nothing_is_published_into_the_data_folder(data: Path, place: str) -> None:
    before = sorted(data.iterdir())
    with pytest.raises(ReleaseError, match="data folder"):
        export(quick(data, data / place))
    assert sorted(data.iterdir()) == before


def test_rests_of_a_broken_run_are_removed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".facedb-export" / "release").mkdir(parents=True)
    done = export(quick(data, tmp_path / "out"))
    assert [p.name for p in (tmp_path / "out").iterdir()] == [done.archive.name]


def test_a_database_that_is_written_meanwhile_is_not_published(
    data: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    def write(*_: object) -> None:
        writer.execute("INSERT INTO aliases VALUES (NULL, 2, hex(randomblob(8)), 'stashdb', NULL)")
        writer.commit()

    with pytest.raises(ReleaseError) as refused:
        export(quick(data, tmp_path / "out"), progress=write)
    assert (refused.value.reason, refused.value.file) == (Reason.IN_USE, "performers.db-wal")


def make_key(at: Path, password: str | None = None) -> Path:
    pair = minisign.KeyPair.generate()
    if password is not None:
        pair.secret_key.encrypt(password)
    at.write_bytes(bytes(pair.secret_key))
    at.with_suffix(".pub").write_bytes(pair.public_key.to_base64())
    return at


def test_a_signed_release_carries_a_signature_that_its_key_confirms(data: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "minisign.key")
    done = export(quick(data, tmp_path / "out", sign_key=key))
    with zipfile.ZipFile(done.archive) as z:
        assert z.namelist()[:2] == ["manifest.json", "manifest.json.minisig"]
        z.extractall(tmp_path / "unpacked")

    policy = Policy(public_keys=((tmp_path / "minisign.pub").read_text(),))
    assert verify_release(tmp_path / "unpacked", limits=Limits(sample=0), policy=policy).signed_by
    assert export(quick(data, tmp_path / "again", sign_key=key)).published == done.published


@pytest.mark.parametrize("wrong", ["no file", "no key", "no password"])
def test_with_a_key_that_cannot_sign_nothing_is_published(data: Path, tmp_path: Path, wrong: str) -> None:
    key = tmp_path / "key"
    if wrong == "no key":
        key.write_text("this is no key")
    if wrong == "no password":
        make_key(key, "secret")
    with pytest.raises(ReleaseError, match="cannot be signed") as refused:
        export(quick(data, tmp_path / "out", sign_key=key))
    assert refused.value.reason is Reason.INVALID_SIGNATURE
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_patch_is_published_beside_the_release(data: Path, good: Path, tmp_path: Path, form: str) -> None:
    old = good
    if form == "folder":
        old = tmp_path / "old"
        with zipfile.ZipFile(good) as z:
            z.extractall(old)
    with closing(sqlite3.connect(data / "performers.db")) as db:
        db.execute("UPDATE performers SET country = 'NL' WHERE id < 4")
        db.commit()
    done = export(quick(data, tmp_path / "out", version=parse_version("2026.03.01"), patch_from=old))

    assert done.patch is not None
    assert done.patch.name == f"stash-sense-data-v2026.03.01.from-v{VERSION}.zip"
    assert done.patched is not None
    assert done.patched.size < done.published.size / 4
    listed = json.loads(zipfile.ZipFile(done.patch).read("patch.json"))
    assert (listed["from"], listed["to"]) == (VERSION, "2026.03.01")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        [done.archive.name, done.patch.name]
    )
    with pytest.raises(ReleaseError) as refused:
        export(quick(data, tmp_path / "same", patch_from=old))
    assert refused.value.reason is Reason.WRONG_VERSION
    assert list((tmp_path / "same").iterdir()) == []


def test_the_process_prints_the_archive_its_sum_and_what_was_left_out(data: Path, tmp_path: Path) -> None:
    text = facedb("export", data, tmp_path / "text", "--version", "2026.03.01")
    as_json = here("export", data, tmp_path / "json", "--version", "2026.03.01", "--json")
    again = here("export", data, tmp_path / "json", "--version", "2026.03.01", "--json")

    assert text.returncode == 0, text.stderr
    archive = tmp_path / "text" / "stash-sense-data-v2026.03.01.zip"
    assert f"sha256:{sha256_of(archive)}" in text.stdout
    assert "left out: models, notes.txt, stash_sense.db" in text.stdout
    told = json.loads(as_json.stdout)
    assert told["digest"] == "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (told["ok"], told["reason"], told["version"]) == (True, "Exported", "2026.03.01")
    assert (told["archive"]["size"], told["patch"]) == (archive.stat().st_size, None)
    assert json.loads(again.stdout)["reason"] == "AlreadyThere"
    assert here("export", data, tmp_path / "x", "--version", "newest").exit_code == 2
    (data / "faces.json").unlink()
    refused = here("export", data, tmp_path / "x", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["reason"]) == (10, "MissingFile")
