"""`facedb import`: a release into a data folder, whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from builders import make_release, sha256_of, with_flipped_byte
from facedb_release.cli.importing import import_command
from facedb_release.copying import stamps
from facedb_release.errors import Reason, ReleaseError
from facedb_release.profiles import PROFILE, REQUIRED
from facedb_release.publish.in_use import NAME as LOCK
from facedb_release.publish.in_use import hold
from facedb_release.publish.install import (
    Imported,
    ImportRequest,
    finish_broken_import,
    import_release,
    roll_back,
)
from facedb_release.publish.places import places
from facedb_release.publish.swap import BACKUP, WORKPLACE, Recovered
from facedb_release.receipt import NAME, read_receipt
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import verify_release

from .conftest import VERSION

NEWER = "2026.03.01"
QUICK = Limits(sample=0)

app = typer.Typer()
app.command("import")(import_command)
app.command("other")(lambda: None)


def here(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def put(release: Path, data: Path, **more: Any) -> Imported:
    return import_release(ImportRequest(release, data, limits=QUICK), **more)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of the next release."""
    return make_release(tmp_path_factory.mktemp("newer"), NEWER, performers=33, seed=1)


@pytest.fixture
def data(good: Path, tmp_path: Path) -> Path:
    """The data folder of a sidecar that stands alone, as another program filled it."""
    folder = tmp_path / "data"
    with zipfile.ZipFile(good) as z:
        z.extractall(folder)
    (folder / "stash_sense.db").write_text("a user's settings")
    (folder / "stash_sense.db-wal").write_text("and the latest of them")
    (folder / "models").mkdir()
    (folder / "models" / "arcface.onnx").write_text("weights")
    (folder / "mine.txt").write_text("nobody's business")
    return folder


def release_in(data: Path, at: Path) -> Path:
    """Return a folder with the data folder's release alone, for verification."""
    at.mkdir(exist_ok=True)
    for name in (*REQUIRED, *PROFILE.optional, NAME):
        if (data / name).exists():
            os.link(data / name, at / name)
    return at


def sums(data: Path) -> dict[str, str]:
    return {name: sha256_of(data / name) for name in REQUIRED if (data / name).exists()}


def strangers(data: Path) -> object:
    names = ("stash_sense.db", "stash_sense.db-wal", "mine.txt", "models/arcface.onnx")
    return stamps(data / name for name in names), (data / "models" / "arcface.onnx").read_text()


def test_a_zip_replaces_the_release_and_nothing_else(data: Path, newer: Path, tmp_path: Path) -> None:
    before, old = strangers(data), sums(data)
    done = put(newer, data)

    assert (done.version, done.before, done.recovered) == (NEWER, VERSION, None)
    assert verify_release(release_in(data, tmp_path / "view"), limits=QUICK).manifest.version.text == NEWER
    assert read_receipt(data).digest == f"sha256:{sha256_of(newer)}"
    assert strangers(data) == before
    assert sums(data / BACKUP) == old
    assert not (data / WORKPLACE).exists()


def test_a_folder_is_copied_and_stays_as_it_is(data: Path, newer: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with zipfile.ZipFile(newer) as z:
        z.extractall(source)
    before = stamps(source.iterdir())
    done = put(source, data)

    assert sums(data) == sums(source)
    assert stamps(source.iterdir()) == before
    assert done.receipt is not None
    assert done.receipt.digest.startswith("contents:sha256:")


def test_the_first_import_makes_the_folder(newer: Path, tmp_path: Path) -> None:
    done = put(newer, tmp_path / "fresh")

    assert (done.before, done.backed_up) == (None, ())
    assert sorted(p.name for p in (tmp_path / "fresh").iterdir()) == sorted([*REQUIRED, NAME, LOCK])
    with pytest.raises(ReleaseError, match="does not exist"):
        put(newer, tmp_path / "a" / "slip")


def test_rolling_back_exchanges_the_releases_as_often_as_wanted(
    data: Path, newer: Path, tmp_path: Path
) -> None:
    old = sums(data)
    put(newer, data)
    new = sums(data)
    back = roll_back(data)

    assert (back.version, back.before, sums(data), sums(data / BACKUP)) == (VERSION, NEWER, old, new)
    assert not (data / NAME).exists()
    assert verify_release(release_in(data, tmp_path / "view"), limits=QUICK).manifest.version.text == VERSION
    again = roll_back(data)
    assert (again.version, sums(data), read_receipt(data).version) == (NEWER, new, NEWER)
    assert strangers(data)


def test_without_a_backup_there_is_nothing_to_roll_back_to(data: Path, newer: Path) -> None:
    with pytest.raises(ReleaseError) as refused:
        roll_back(data)
    assert refused.value.reason is Reason.NO_BACKUP

    put(newer, data)
    (data / BACKUP / "faces.json").unlink()
    with pytest.raises(ReleaseError) as refused:
        roll_back(data)
    assert refused.value.reason is Reason.NO_BACKUP
    assert read_receipt(data).version == NEWER


def test_a_backup_that_changed_is_not_brought_back(data: Path, good: Path, newer: Path) -> None:
    put(newer, data)
    put(good, data)
    faces = data / BACKUP / "faces.json"
    faces.write_bytes(faces.read_bytes().replace(b"0", b"1", 1))

    with pytest.raises(ReleaseError) as refused:
        roll_back(data)
    assert (refused.value.reason, read_receipt(data).version) == (Reason.WRONG_CHECKSUM, VERSION)


def test_tattoos_stay_and_what_belongs_to_the_old_faces_goes_into_the_backup(data: Path, newer: Path) -> None:
    for name in ("tattoo_embeddings.voy", "tattoo_embeddings.json", "face_adaface.voy"):
        (data / name).write_text(f"old {name}")
    (data / "performers.db-wal").write_text("a log of the old database")
    done = put(newer, data)

    assert done.kept == ("tattoo_embeddings.json", "tattoo_embeddings.voy")
    assert (data / "tattoo_embeddings.voy").read_text() == "old tattoo_embeddings.voy"
    assert not (data / "face_adaface.voy").exists()
    assert not (data / "performers.db-wal").exists()
    assert (data / BACKUP / "face_adaface.voy").read_text() == "old face_adaface.voy"
    assert [w for w in done.warnings if "face_adaface.voy belongs to" in w]
    assert {f.name for f in read_receipt(data).files} == {*REQUIRED, *done.kept}

    roll_back(data)
    assert (data / "face_adaface.voy").read_text() == "old face_adaface.voy"
    assert (data / "performers.db-wal").exists()
    assert (data / "tattoo_embeddings.voy").read_text() == "old tattoo_embeddings.voy"


def test_a_release_with_half_a_pair_replaces_the_whole_pair() -> None:
    pair = ("tattoo_embeddings.json", "tattoo_embeddings.voy")
    chosen = places([*REQUIRED, *pair], [*REQUIRED, pair[1]], PROFILE)
    assert (chosen.kept, set(chosen.out)) == ((), {*REQUIRED, *pair})


def test_a_bad_release_changes_nothing(data: Path, newer: Path, tmp_path: Path) -> None:
    before = stamps(data.iterdir())
    bad = with_flipped_byte(newer, "performers.db", out=tmp_path / "bad.zip")
    for wrong, reason in ((bad, Reason.WRONG_CHECKSUM), (tmp_path / "no.zip", Reason.SOURCE_UNAVAILABLE)):
        with pytest.raises(ReleaseError) as refused:
            put(wrong, data)
        assert refused.value.reason is reason
    with pytest.raises(ReleaseError, match="same"):
        put(data, data)
    after = {name: stamp for name, stamp in stamps(data.iterdir()).items() if name != LOCK}
    assert after == before


def test_a_copy_that_differs_is_not_put_in_place(data: Path, newer: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with zipfile.ZipFile(newer) as z:
        z.extractall(source)
    before = sums(data)

    def damage(what: str) -> None:
        if what == "copied faces.json":
            (data / WORKPLACE / "new" / "faces.json").write_text("[]")

    with pytest.raises(ReleaseError) as refused:
        put(source, data, step=damage)
    assert (refused.value.reason, refused.value.file) == (Reason.WRONG_CHECKSUM, "faces.json")
    assert sums(data) == before
    assert not (data / WORKPLACE).exists()


# The last step → what the next run makes of it, and whether the new release is in place then.
KILLED_AFTER = {
    "made .facedb-import/new": (Recovered.CLEARED, False),
    "verified the release": (Recovered.CLEARED, False),
    "wrote the notes": (Recovered.CLEARED, False),
    "wrote the journal": (Recovered.COMPLETED, True),
    "moved performers.db out": (Recovered.COMPLETED, True),
    "wrote down: arriving": (Recovered.COMPLETED, True),
    "moved faces.json in": (Recovered.COMPLETED, True),
    "wrote down: arrived": (Recovered.COMPLETED, True),
    "removed the backup before": (Recovered.COMPLETED, True),
    "removed the journal": (Recovered.CLEARED, True),
}


@pytest.mark.parametrize("last", KILLED_AFTER)
def test_an_import_that_is_killed_leaves_one_release_whole_after_the_next_run(
    data: Path, newer: Path, tmp_path: Path, last: str
) -> None:
    (data / BACKUP).mkdir()
    old, before = sums(data), strangers(data)

    def die(what: str) -> None:
        if what == last:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            put(newer, data, step=die)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    recovered, arrived = KILLED_AFTER[last]
    assert finish_broken_import(data) is recovered

    with zipfile.ZipFile(newer) as z:
        z.extractall(tmp_path / "new")
    assert sums(data) == (sums(tmp_path / "new") if arrived else old)
    assert strangers(data) == before
    assert not (data / WORKPLACE).exists()
    if arrived:
        assert read_receipt(data).version == NEWER
        assert sums(data / BACKUP) == old


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small volume needs root")
def test_a_volume_without_room_is_judged_before_anything_is_copied(newer: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True
    ).returncode:
        pytest.skip("this place cannot mount")
    try:
        with pytest.raises(ReleaseError) as refused:
            put(newer, small)
        assert refused.value.reason is Reason.NO_SPACE
        assert [p.name for p in small.iterdir()] == [LOCK]
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_process_tells_what_it_did_and_how_to_undo_it(data: Path, newer: Path) -> None:
    command = [sys.executable, "-m", "facedb_release", "import", str(newer), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Release {NEWER} was verified and is in {data}" in done.stdout
    assert f"facedb import --rollback {data}" in done.stdout
    assert "Fingerprints" in done.stdout

    back = json.loads(here("import", "--rollback", data, "--json").stdout)
    assert (back["reason"], back["version"], back["before"]) == ("RolledBack", VERSION, NEWER)
    with hold(data):
        busy = here("import", newer, data, "--json")
    assert (busy.exit_code, json.loads(busy.stdout)["reason"]) == (12, "InUse")
    assert here("import", newer).exit_code == 2
    assert here("import", "--rollback", newer, data).exit_code == 2


def test_importing_what_is_in_place_leaves_the_backup_alone(tmp_path: Path) -> None:
    a = make_release(tmp_path / "a", "2026.02.12", performers=30)
    b = make_release(tmp_path / "b", "2026.02.18", performers=31)
    data = tmp_path / "data"
    for release in (a, b):
        import_release(ImportRequest(release, data))

    again = import_release(ImportRequest(b, data))

    assert again.unchanged
    assert roll_back(data).version == "2026.02.12"


def test_importing_again_repairs_what_rotted(tmp_path: Path) -> None:
    release, data = make_release(tmp_path / "a", "2026.02.12", performers=30), tmp_path / "data"
    import_release(ImportRequest(release, data))
    content = bytearray((data / "face_arcface.voy").read_bytes())
    content[len(content) // 2] ^= 1
    (data / "face_arcface.voy").write_bytes(content)

    assert not import_release(ImportRequest(release, data)).unchanged
    assert verify_release(data).warnings == ()
