"""The state file: schemas, damage, two processes at once, kills in the middle of a write."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from facedb_sidecar.state import FingerprintFace, ImageFingerprint, SceneFingerprint, StateError, StateStore
from facedb_sidecar.state.schema import MIGRATIONS, Migration

CHILD = Path(__file__).resolve().parents[1] / "state_child.py"
FACE = FingerprintFace("p1", "Somebody", 0.75, 12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stash_sense.db"


@pytest.fixture
def state(path: Path) -> Iterator[StateStore]:
    store = StateStore.open(path)
    yield store
    store.close()


def child(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), *(str(word) for word in words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def saved_scenes(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        found = {row[0] for row in connection.execute("SELECT scene_id FROM facedb_scene_fingerprints")}
        broken = connection.execute(
            "SELECT count(*) FROM (SELECT scene_id FROM facedb_scene_faces GROUP BY 1 HAVING count(*) <> 20)"
        ).fetchone()[0]
        assert broken == 0
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    return found


def test_what_was_saved_is_there_after_a_restart(path: Path) -> None:
    scene = SceneFingerprint("12", "2026.02.18", 60, (FACE, FingerprintFace(None, "", 0.1, 1)))
    image = ImageFingerprint("7", "2026.02.18", (FACE,))
    first = StateStore.open(path)
    assert first.warning is None
    first.fingerprints.save_scene(scene)
    first.fingerprints.save_image(image)
    first.entries.set({"display.x": {"deep": [1, None, "ä"]}})
    first.close()
    again = StateStore.open(path)
    assert again.fingerprints.scene("12") == scene
    assert again.fingerprints.image("7") == image
    assert again.entries.all("display.") == {"x": {"deep": [1, None, "ä"]}}
    again.close()


def test_fingerprints_of_another_database_need_a_refresh(state: StateStore) -> None:
    prints = state.fingerprints
    for scene, version in (("1", "old"), ("2", "new"), ("3", "new")):
        prints.save_scene(SceneFingerprint(scene, version, 60, (FACE,)))
    prints.save_scene(SceneFingerprint("4", "new", 0, (), "error", "no video"))
    counts = prints.counts("new")
    assert (counts.total, counts.complete, counts.error) == (4, 3, 1)
    assert (counts.current, counts.needs_refresh) == (2, 1)
    assert prints.mark_for_refresh(["2", "99", "2"]) == 1
    assert prints.counts("new").needs_refresh == 2
    assert prints.mark_for_refresh(None) == 4
    assert prints.counts("new").current == 0
    assert prints.scene("1") is not None
    assert prints.counts(None).needs_refresh == 0


def test_an_error_leaves_what_was_found_before(state: StateStore) -> None:
    state.fingerprints.save_scene(SceneFingerprint("1", "old", 60, (FACE,)))
    state.fingerprints.save_scene(SceneFingerprint("1", "new", 0, (), "error", "no video"))
    kept = state.fingerprints.scene("1")
    assert kept == SceneFingerprint("1", "old", 60, (FACE,), "error", "no video")


def test_images_of_another_database_are_known(state: StateStore) -> None:
    for image, version in (("b", "old"), ("a", None), ("c", "new")):
        state.fingerprints.save_image(ImageFingerprint(image, version, ()))
    assert state.fingerprints.stale_images("new") == ("a", "b")


@pytest.mark.parametrize(
    "content", [b"no database at all, but text" * 40, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_file_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = StateStore.open(path)
    assert store.warning is not None
    assert "kept in memory" in store.warning
    store.fingerprints.save_scene(SceneFingerprint("1", "v", 1, ()))
    assert store.fingerprints.counts("v").current == 1
    store.close()
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_damaged_page_is_noticed_at_the_start(path: Path) -> None:
    store = StateStore.open(path)
    for number in range(200):
        store.fingerprints.save_scene(SceneFingerprint(str(number), "v", 1, (FACE,) * 20))
    store.close()
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 24 * 4096] = b"\xa5" * (4 * 4096)
    path.write_bytes(content)
    store = StateStore.open(path)
    assert "restore it from a backup" in (store.warning or "")
    store.close()
    assert path.read_bytes() == bytes(content)


def test_without_a_folder_the_state_is_in_memory_and_says_so() -> None:
    store = StateStore.open(None)
    assert "FACEDB_STATE_DIR" in (store.warning or "")
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    store = StateStore.open(tmp_path / "stash_sense.db")
    tmp_path.chmod(stat.S_IRWXU)
    assert "permissions" in (store.warning or "") or "cannot be opened" in (store.warning or "")
    store.close()


def test_a_path_that_cannot_be_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = StateStore.open(tmp_path / "file" / "stash_sense.db")
    assert store.warning is not None
    store.close()


def adding(version: int, oldest: int) -> Migration:
    return Migration(version, oldest, (f"CREATE TABLE facedb_new_{version} (x)",))


def test_a_newer_schema_that_only_adds_is_worked_on(path: Path) -> None:
    newest = (*MIGRATIONS, adding(2, oldest=1))
    older = StateStore.open(path)
    newer = StateStore.open(path, migrations=newest)
    older.fingerprints.save_scene(SceneFingerprint("1", "v", 1, ()))
    late = StateStore.open(path)
    assert late.warning is None
    assert newer.fingerprints.counts("v").current == late.fingerprints.counts("v").current == 1
    for store in (older, newer, late):
        store.close()


def test_an_older_pod_never_writes_to_a_schema_beyond_it(path: Path) -> None:
    older = StateStore.open(path)
    newer = StateStore.open(path, migrations=(*MIGRATIONS, adding(2, oldest=2)))
    with pytest.raises(StateError, match="schema 2 of a newer sidecar; this one knows 1"):
        older.fingerprints.save_scene(SceneFingerprint("1", "v", 1, ()))
    assert newer.fingerprints.counts("v").total == 0
    late = StateStore.open(path)
    assert "update this sidecar" in (late.warning or "")
    late.fingerprints.save_scene(SceneFingerprint("1", "v", 1, ()))
    assert newer.fingerprints.counts("v").total == 0
    for store in (older, newer, late):
        store.close()


def test_a_migration_that_fails_leaves_the_schema_before_it(path: Path) -> None:
    StateStore.open(path).close()
    broken = Migration(2, 1, ("CREATE TABLE facedb_half (x)", "CREATE NONSENSE"))
    store = StateStore.open(path, migrations=(*MIGRATIONS, broken))
    assert store.warning is not None
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM facedb_schema").fetchone() == (1,)
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "facedb_half" not in names


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    writers = [child("save", path, first, 60) for first in (0, 1000)]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert all(output.count("saved") == 60 for output in outputs)
    assert saved_scenes(path) == {str(n) for first in (0, 1000) for n in range(first, first + 60)}


@pytest.mark.parametrize("after", [1, 25])
def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_committed(path: Path, after: int) -> None:
    with child("save", path, 0, 100_000) as writer:
        assert said(writer) == "open"
        for _ in range(after):
            said(writer)
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split("saved ")[1:]
    # Opening rolls back what was half written.
    store = StateStore.open(path)
    assert store.warning is None
    store.close()
    promised = {str(n) for n in range(after)} | {line.strip() for line in rest if line.endswith("\n")}
    assert saved_scenes(path) >= promised
    assert len(saved_scenes(path)) <= len(promised) + 1


def test_two_processes_that_queue_the_same_job_get_one(path: Path) -> None:
    asking = [child("submit", path) for _ in range(2)]
    assert [said(process) for process in asking] == ["open", "open"]
    answers = sorted(process.communicate("\n", timeout=60)[0].strip() for process in asking)
    assert answers == ["queued 1", "queued None"]
