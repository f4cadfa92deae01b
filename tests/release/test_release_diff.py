"""`facedb diff` and `facedb inspect`: what they say of releases whose differences are known."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from builders import make_release, rezip, write_zip
from facedb_release.archive.contents import LocalArchive
from facedb_release.cli.diff import compare, diff_command
from facedb_release.cli.inspecting import inspect_command
from facedb_release.profiles import PROFILE, REQUIRED
from facedb_release.publish.diff import Fate, Moves, diff
from facedb_release.publish.inspecting import inspect
from facedb_release.publish.reading import Folder, Packed
from facedb_release.publish.summary import Person, Summary

from .conftest import VERSION

NEWER = "2026.03.01"

app = typer.Typer()
app.command("diff")(diff_command)
app.command("inspect")(inspect_command)


def here(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def unpacked(archive: Path, into: Path) -> Path:
    with zipfile.ZipFile(archive) as z:
        z.extractall(into)
    return into


@dataclass(frozen=True)
class Story:
    """Two releases, and what happened between them."""

    old: Path
    new: Path
    gone: str
    renamed: str
    exchanged: str


@pytest.fixture(scope="module")
def story(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One performer goes, one is renamed, one comes, and of one a face is exchanged for another."""
    old = unpacked(good, tmp_path_factory.mktemp("story") / "old")
    new = unpacked(good, old.parent / "new")
    people = json.loads((new / "performers.json").read_text())
    faces = json.loads((new / "faces.json").read_text())
    gone, renamed, exchanged = list(people)[:3]
    came = "stashdb.org:new"
    people[came] = {**people.pop(gone), "name": "Somebody New"}
    people[renamed] |= {"name": "Another Name", "country": "NL"}
    (new / "performers.json").write_text(json.dumps(people))
    (new / "faces.json").write_text(json.dumps([came if uid == gone else uid for uid in faces]))
    manifest = json.loads((new / "manifest.json").read_text())
    manifest |= {"version": NEWER, "models": {**manifest["models"], "detector": "another"}, "checksums": {}}
    (new / "manifest.json").write_text(json.dumps(manifest))
    with closing(sqlite3.connect(new / "performers.db")) as db:
        db.execute("UPDATE stashbox_ids SET stashbox_performer_id = 'new' WHERE performer_id = 1")
        first = "SELECT min(id) FROM faces WHERE performer_id = 3"
        db.execute(f"UPDATE faces SET image_url = 'other' WHERE id = ({first})")
        db.commit()
    return Story(old, new, gone, renamed, exchanged)


def test_a_difference_names_people_faces_files_and_models(story: Story) -> None:
    found, warnings = compare(story.old, story.new)

    assert (tuple(found.version), warnings) == ((VERSION, NEWER), ())
    assert (found.added, list(found.removed)) == ({"stashdb.org:new": "Somebody New"}, [story.gone])
    assert {uid: p.new for uid, p in found.renamed.items()} == {story.renamed: "Another Name"}
    assert found.changed == {story.renamed: ("country",)}
    assert found.faces_by == "images"
    assert found.faces[story.exchanged] == Moves(1, 1)
    assert found.faces["stashdb.org:new"].added == found.faces[story.gone].removed > 0
    assert {f.name for f in found.files if f.fate is Fate.CHANGED} == {
        "faces.json",
        "manifest.json",
        "performers.db",
        "performers.json",
    }
    assert found.indices == {}
    assert dict(found.models) == {"detector": (PROFILE.manifest.pipeline["detector"], "another")}


def test_zips_and_folders_are_compared_alike(story: Story, tmp_path: Path) -> None:
    write_zip(tmp_path / "old.zip", story.old, compress=True)
    write_zip(tmp_path / "new.zip", story.new, compress=False)

    expected = compare(story.old, story.new)
    assert compare(tmp_path / "old.zip", tmp_path / "new.zip") == expected
    assert compare(story.old, tmp_path / "new.zip") == expected


def test_without_databases_faces_are_compared_by_their_numbers(story: Story, tmp_path: Path) -> None:
    write_zip(tmp_path / "new.zip", story.new, compress=True)
    bad = rezip(tmp_path / "new.zip", {"performers.db": b"no database"}, suffix="bad")

    found, (warning,) = compare(story.old, bad)
    assert (found.faces_by, "numbers alone" in warning) == ("counts", True)
    assert story.exchanged not in found.faces
    assert found.faces["stashdb.org:new"].added > 0


def test_larger_indices_show_in_both_headers(good: Path, tmp_path: Path) -> None:
    larger = make_release(tmp_path, NEWER, performers=40, seed=3)
    found, _ = compare(good, larger)

    for name in ("face_facenet.voy", "face_arcface.voy"):
        vectors = found.indices[name]["vectors"]
        assert tuple(vectors) == (found.face_count.old, found.face_count.new)
    assert found.face_count.new > found.face_count.old


texts = st.text("ab", max_size=2)
people = st.dictionaries(st.sampled_from("uvwxyz"), st.builds(Person, texts, texts, texts))
faces = st.dictionaries(st.sampled_from("uvwxyz"), st.integers(1, 9))
summaries = st.builds(
    Summary,
    version=st.just("1"),
    sources=st.just(()),
    models=st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
    files=st.just({}),
    people=people,
    faces=faces,
    gaps=st.integers(0, 3),
    indices=st.just({}),
)


@given(old=summaries, new=summaries)
def test_a_difference_accounts_for_everybody_and_for_every_face(old: Summary, new: Summary) -> None:
    there, back = diff(old, new), diff(new, old)

    assert len(new.people) - len(old.people) == len(there.added) - len(there.removed)
    came, went = there.faces_total
    assert came - went == sum(new.faces.values()) - sum(old.faces.values())
    assert (there.added, there.removed) == (back.removed, back.added)
    assert {uid: (m.removed, m.added) for uid, m in there.faces.items()} == back.faces
    assert {uid: (p.new, p.old) for uid, p in there.renamed.items()} == back.renamed
    same = diff(old, old)
    for part in (same.added, same.removed, same.renamed, same.changed, same.faces, same.models):
        assert not part


def test_the_process_tells_people_a_few_names_and_programs_everything(story: Story, good: Path) -> None:
    command = [sys.executable, "-m", "facedb_release", "diff", str(story.old), str(story.new)]
    text = subprocess.run(command, capture_output=True, text=True, check=False)
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith(f"{VERSION} → {NEWER}: performers +1 -1, faces +")
    assert "performers added, 1: Somebody New" in text.stdout
    assert "models.detector" in text.stdout

    told = json.loads(here("diff", story.old, story.new, "--json").stdout)
    assert (told["reason"], told["versions"]) == ("Different", {"old": VERSION, "new": NEWER})
    assert told["renamed"][story.renamed]["new"] == "Another Name"
    assert told["faces"][story.exchanged] == {"added": 1, "removed": 1}
    assert json.loads(here("diff", good, story.old, "--json").stdout)["reason"] == "Same"
    assert here("diff", good, __file__).exit_code == 10
    assert here("diff", good, "not there").exit_code == 12


class Counting(LocalArchive):
    """Counts the bytes that are asked for."""

    asked = 0

    def read(self, start: int, end: int) -> bytes:
        self.asked += end - start
        return super().read(start, end)


def test_an_archive_is_inspected_with_a_few_small_reads(good: Path) -> None:
    archive = Counting(good)
    found = inspect(Packed(archive, PROFILE), PROFILE)

    assert archive.asked < 20_000 < good.stat().st_size
    assert found.manifest["version"] == VERSION
    assert set(found.files) == set(REQUIRED)
    assert found.files["faces.json"].method == "deflated"
    facts = found.indices["face_facenet.voy"]
    assert (facts["space"], facts["dimensions"], facts["storage"], facts["links"]) == (
        "cosine",
        512,
        "float32",
        12,
    )
    assert facts["vectors"] == found.manifest["face_count"]
    assert found.database is not None
    assert found.database["journal"] == "delete"
    assert (found.signed, found.receipt) == (False, None)


def test_a_folder_is_inspected_with_its_tables_and_strangers(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    for path in story.old.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "stash_sense.db").write_text("settings")
    (folder / "face_arcface.voy").write_text("no index")
    found = inspect(Folder(folder, PROFILE), PROFILE)

    assert found.others == ("stash_sense.db",)
    assert found.database is not None
    assert found.database["tables"]["performers"] == found.manifest["performer_count"]
    assert found.database["schema_version"] == 9
    assert "too short" in found.indices["face_arcface.voy"]["error"]


def test_inspect_tells_people_and_programs(good: Path, story: Story) -> None:
    text, as_json = here("inspect", good), json.loads(here("inspect", good, "--json").stdout)

    assert text.exit_code == 0
    assert f"{good}: {VERSION}, 30 performers" in text.stdout
    assert "numbers (float32), cosine, M 12" in text.stdout
    assert "performers 30" in here("inspect", story.old).stdout
    assert as_json["files"]["performers.db"]["size"] > 0
    assert as_json["manifest"]["models"]["facenet_dim"] == 512
    assert here("inspect", __file__).exit_code == 10
