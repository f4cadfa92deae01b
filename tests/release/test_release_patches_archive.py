"""Two real releases → a patch archive → the new release again, byte for byte, from the old one's files."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest
import voyager

from builders import DIMENSIONS, Enrolled, Shape, make_files, write_zip
from facedb_release.archive.directory import find_directory, judge
from facedb_release.errors import Reason, WrongRelease
from facedb_release.patches.apply import apply_patch
from facedb_release.patches.listing import (
    Kind,
    PatchList,
    check_members,
    parse_patch_list,
    patch_profile,
)
from facedb_release.patches.make import record_of
from facedb_release.patches.plan import Apply, Take, Whole, plan
from facedb_release.patches.publish import make_patch_archive
from facedb_release.profiles import PROFILE

OLD, NEW = "2026.02.18", "2026.03.01"
FACES = 1000


def enrolled(mark: str, seed: int) -> tuple[Enrolled, ...]:
    """5 % of the faces."""
    drawn = np.random.default_rng(seed).standard_normal((FACES // 20, 2, DIMENSIONS), dtype=np.float32)
    drawn /= np.linalg.norm(drawn, axis=2, keepdims=True)
    ids = [hashlib.sha256(f"{mark}{i}".encode()).hexdigest()[:36] for i in range(len(drawn))]
    return tuple(
        Enrolled(f"{mark} {i}", u, v[0], v[1]) for i, (u, v) in enumerate(zip(ids, drawn, strict=True))
    )


def build(folder: Path, version: str, who: tuple[Enrolled, ...]) -> Path:
    folder.mkdir()
    make_files(folder, Shape(version, FACES // 4, FACES, gaps=3, seed=0, enrolled=who, ef_construction=20))
    return folder


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("releases") / "old", OLD, enrolled("was", 1))


@pytest.fixture(scope="module")
def rebuilt(old: Path) -> Path:
    """5 % of the faces are other people's, and both graphs were built anew."""
    return build(old.parent / "rebuilt", NEW, enrolled("is", 2))


@pytest.fixture(scope="module")
def appended(old: Path) -> Path:
    """5 % more faces in the old graph of one index, some rows updated; the other index is the same."""
    folder = old.parent / "appended"
    shutil.copytree(old, folder)
    index = voyager.Index.load(str(folder / "face_facenet.voy"))
    index.add_items(np.stack([e.facenet for e in enrolled("more", 3)]), num_threads=1)
    index.save(str(folder / "face_facenet.voy"))
    db = sqlite3.connect(folder / "performers.db")
    db.execute("UPDATE performers SET country = 'DE' WHERE id % 20 = 3")
    db.commit()
    db.close()
    as_version(folder, NEW)
    return folder


def as_version(folder: Path, version: str) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": version}))


def received(archive: Path, held: Path, into: Path) -> PatchList:
    """Do what a receiver does, with the whole archive at hand."""
    data = archive.read_bytes()
    place = find_directory(data[-4096:], len(data))
    directory = data[place.offset : place.offset + place.size]
    members = judge(directory, place, patch_profile(PROFILE))
    into.mkdir()
    with zipfile.ZipFile(archive) as z:
        patch = parse_patch_list(z.read("patch.json"), PROFILE)
        check_members(patch, {m.name: m.size for m in members})
        steps = plan(patch, {p.name: record_of(p).sha256 for p in held.iterdir()})
        assert isinstance(steps, tuple)
        for step in steps:
            out = into / step.record.name
            match step:
                case Take():
                    shutil.copyfile(held / step.source, out)
                case Whole():
                    out.write_bytes(z.read(step.member))
                case Apply():
                    blocks = iter([z.read(step.member)])
                    apply_patch(blocks, held / step.source, out, expected=step.record)
    return patch


def contents(folder: Path) -> dict[str, str]:
    return {p.name: record_of(p).sha256 for p in folder.iterdir()}


@pytest.mark.parametrize("kind", ["rebuilt", "appended"])
def test_5_percent_of_change_moves_at_most_15_percent_of_the_bytes(
    kind: str, old: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new = request.getfixturevalue(kind)
    facts = make_patch_archive(old, new, tmp_path / "patch.zip")
    assert facts.archive == record_of(tmp_path / "patch.zip")
    write_zip(tmp_path / "full.zip", new, compress=True)
    assert facts.archive.size <= 0.15 * (tmp_path / "full.zip").stat().st_size
    assert received(tmp_path / "patch.zip", old, tmp_path / "into") == facts.patch
    assert contents(tmp_path / "into") == contents(new)


def test_what_did_not_change_does_not_travel(old: Path, appended: Path, tmp_path: Path) -> None:
    facts = make_patch_archive(old, appended, tmp_path / "patch.zip")
    kinds = {f.record.name: f.kind for f in facts.patch.files}
    assert kinds == {
        "performers.db": Kind.PATCH,
        "face_facenet.voy": Kind.PATCH,
        "face_arcface.voy": Kind.SAME,
        "faces.json": Kind.SAME,
        "performers.json": Kind.SAME,
        "manifest.json": Kind.WHOLE,
    }
    with zipfile.ZipFile(tmp_path / "patch.zip") as z:
        names = z.namelist()
        assert z.read("manifest.json") == (appended / "manifest.json").read_bytes()
    assert names == ["manifest.json", "patch.json", "performers.db.patch", "face_facenet.voy.patch"]


def test_a_file_that_has_little_in_common_travels_whole(old: Path, appended: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(appended, new)
    (new / "faces.json").write_bytes(np.random.default_rng(1).bytes(50_000))
    (new / "tattoo_embeddings.json").write_text("[]")
    (new / "manifest.json.minisig").write_text("untrusted comment: x\n")
    facts = make_patch_archive(old, new, tmp_path / "patch.zip")
    kinds = {f.record.name: f.kind for f in facts.patch.files}
    assert (
        kinds["faces.json"] is kinds["tattoo_embeddings.json"] is kinds["manifest.json.minisig"] is Kind.WHOLE
    )
    received(tmp_path / "patch.zip", old, tmp_path / "into")
    assert contents(tmp_path / "into") == contents(new)


def test_the_same_releases_give_the_same_archive(old: Path, rebuilt: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        make_patch_archive(old, rebuilt, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.zip", "two.zip"]


def test_a_release_needs_no_patch_from_itself(old: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongRelease) as refused:
        make_patch_archive(old, old, tmp_path / "patch.zip")
    assert refused.value.reason is Reason.WRONG_VERSION


def test_a_folder_without_a_manifest_is_no_release(old: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongRelease) as refused:
        make_patch_archive(old, tmp_path / "empty", tmp_path / "patch.zip")
    assert refused.value.reason is Reason.MISSING_FILE


def test_an_unfinished_release_gets_no_patch(old: Path, appended: Path, tmp_path: Path) -> None:
    shutil.copytree(appended, tmp_path / "new")
    (tmp_path / "new" / "faces.json").unlink()
    with pytest.raises(WrongRelease) as refused:
        make_patch_archive(old, tmp_path / "new", tmp_path / "patch.zip")
    assert refused.value.reason is Reason.MISSING_FILE
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
