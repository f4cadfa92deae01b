"""`facedb lookup`: which version a wish means and what it takes, without moving a file of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from builders import make_release, rezip, with_extra_member, without_member
from facedb_release.__main__ import app
from facedb_release.outcome import MAX_BYTES, Outcome
from facedb_release.profiles import REQUIRED
from release_damage import with_changed_json
from release_server import ReleaseServer

from .conftest import NEXT, VERSION, unpacked


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no test hear what another one was answered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def look(tmp_path: Path, wish: str, *source: object, more: tuple[object, ...] = ()) -> tuple[Result, Outcome]:
    """Run the command; return its result and what it left as termination message."""
    message = tmp_path / "message"
    words = ["lookup", "--version", wish, *source, "--termination-message", message, "--attempts", 1, *more]
    done = CliRunner().invoke(app, [str(word) for word in words])
    text = message.read_text()
    assert len(text.encode()) <= MAX_BYTES
    return done, Outcome.from_json(text)


def github(server: ReleaseServer) -> tuple[object, ...]:
    return ("--github", "owner/data", "--api-url", server.url)


def unpacked_size(archive: Path) -> int:
    with zipfile.ZipFile(archive) as z:
        return sum(i.file_size for i in z.infolist())


@pytest.mark.parametrize("wish", [VERSION, "latest", "2026.02.x"])
def test_a_wish_is_answered_with_the_version_its_sizes_and_what_the_source_tells_of_it(
    published: ReleaseServer, good: Path, tmp_path: Path, wish: str
) -> None:
    done, outcome = look(tmp_path, wish, *github(published))

    assert done.exit_code == 0, done.output
    assert (outcome.ok, outcome.reason, outcome.version) == (True, "Found", VERSION)
    assert outcome.bytes_total == good.stat().st_size
    assert outcome.bytes_unpacked == unpacked_size(good)
    assert outcome.name == f"Release v{VERSION}"
    assert outcome.url == f"{published.url}/download/owner/data/v{VERSION}/{good.name}"
    assert outcome.digest is not None
    assert outcome.published_at is not None
    assert outcome.published_at.endswith("+00:00")
    assert VERSION in done.stdout
    assert "unpacked" in done.stdout


def test_nothing_but_the_end_of_the_archive_is_moved(
    published: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(good) as z:
        directory = z.start_dir
    _, outcome = look(tmp_path, "latest", *github(published))

    asked = [s.range for s in published.seen if s.path.startswith("/signed/")]
    assert asked
    spans = [tuple(map(int, r.removeprefix("bytes=").split("-"))) for r in asked if r]
    assert len(spans) == len(asked)
    # One byte to see whether it is there, and the last few thousand.
    assert all(end == 0 or begin >= good.stat().st_size - 4096 for begin, end in spans)
    assert directory >= good.stat().st_size - 4096
    assert published.bytes_sent <= 4097
    assert outcome.bytes_downloaded <= 4096


def test_the_newest_of_a_range_is_found_and_an_older_one_by_its_name(
    published: ReleaseServer, pair: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    published.publish(pair[1], tag=f"v{NEXT}")

    newest = look(tmp_path, ">=2026.02 <2027", *github(published))[1]
    assert (newest.version, newest.bytes_unpacked) == (NEXT, unpacked_size(pair[1]))
    assert look(tmp_path, VERSION, *github(published))[1].version == VERSION


def test_json_is_one_object_that_reads_as_the_outcome(published: ReleaseServer, tmp_path: Path) -> None:
    done, outcome = look(tmp_path, "latest", *github(published), more=("--json",))

    assert Outcome.from_json(done.stdout) == outcome
    assert json.loads(done.stdout)["bytes_unpacked"] == outcome.bytes_unpacked


def test_a_mirror_without_a_list_is_measured_when_the_version_is_named(
    published: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    url = f"{published.url}/files/owner/data/v{{version}}/stash-sense-data-v{{version}}.zip"
    done, outcome = look(tmp_path, VERSION, "--http", url)

    assert done.exit_code == 0
    assert (outcome.bytes_unpacked, outcome.name) == (unpacked_size(good), good.name)
    assert (outcome.digest, outcome.published_at) == (None, None)

    done, outcome = look(tmp_path, "latest", "--http", url)
    assert (done.exit_code, outcome.reason) == (12, "VersionNotFound")


def test_a_mirror_with_a_list_tells_what_stands_in_it(
    published: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    listed = {"version": VERSION, "published_at": "2026-02-18T12:00:00Z", "digest": "sha256:" + "a" * 64}
    (published.root / "owner/data/index.json").write_text(json.dumps({"versions": [listed]}))
    dead = "http://127.0.0.1:9/stash-sense-data-v{version}.zip"
    # The index is looked for above the first {version}.
    url = f"{published.url}/files/owner/data/v{{version}}/stash-sense-data-v{{version}}.zip"
    outcome = look(tmp_path, "latest", "--http", dead, "--http", url)[1]

    assert (outcome.version, outcome.digest) == (VERSION, "sha256:" + "a" * 64)
    assert outcome.published_at == "2026-02-18T12:00:00+00:00"
    assert outcome.bytes_total == good.stat().st_size


def test_the_next_mirror_is_measured_when_the_first_holds_no_release(
    server: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    for name, archive in (("a", with_extra_member(good, "x.txt")), ("b", good)):
        (server.root / name).mkdir(parents=True)
        (server.root / name / good.name).write_bytes(archive.read_bytes())
    urls = [f"{server.url}/files/{n}/stash-sense-data-v{{version}}.zip" for n in ("a", "b")]

    outcome = look(tmp_path, VERSION, "--http", urls[0], "--http", urls[1])[1]
    assert outcome.bytes_unpacked == unpacked_size(good)
    done, outcome = look(tmp_path, VERSION, "--http", urls[0])
    assert (done.exit_code, outcome.reason, outcome.permanent) == (10, "UnexpectedFile", True)


def test_a_server_without_ranges_answers_without_the_unpacked_size(
    published: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    published.faults.no_ranges = True
    done, outcome = look(tmp_path, "latest", *github(published))

    assert done.exit_code == 0
    assert (outcome.bytes_total, outcome.bytes_unpacked) == (good.stat().st_size, None)
    assert "no ranges" in outcome.warnings[0]
    # It was not read to its end for this.
    assert outcome.bytes_downloaded == 0


def test_a_folder_of_archives_and_an_archive_are_measured(good: Path, tmp_path: Path) -> None:
    for place, wish in ((good.parent, "latest"), (good, VERSION)):
        outcome = look(tmp_path, wish, "--folder", place)[1]
        assert (outcome.version, outcome.bytes_unpacked) == (VERSION, unpacked_size(good))
        assert (outcome.bytes_total, outcome.url) == (good.stat().st_size, good.as_uri())


def test_an_unpacked_release_is_measured_by_its_files(good: Path, tmp_path: Path) -> None:
    folder = unpacked(good, tmp_path / "release")
    (folder / "notes.txt").write_text("not of a release")
    done, outcome = look(tmp_path, "latest", "--folder", folder)

    assert done.exit_code == 0
    assert (outcome.version, outcome.bytes_unpacked) == (VERSION, unpacked_size(good))
    assert outcome.bytes_total is None

    done, outcome = look(tmp_path, NEXT, "--folder", folder)
    assert (done.exit_code, outcome.reason) == (10, "WrongVersion")
    (folder / REQUIRED[0]).unlink()
    done, outcome = look(tmp_path, VERSION, "--folder", folder)
    assert (done.exit_code, outcome.reason, outcome.file) == (10, "MissingFile", REQUIRED[0])


def test_an_unpacked_release_has_the_caps_of_an_archive(good: Path, tmp_path: Path) -> None:
    folder = unpacked(good, tmp_path / "release")
    with (folder / "face_arcface.voy").open("ab") as f:
        f.truncate(1 << 35)
    done, outcome = look(tmp_path, VERSION, "--folder", folder)

    assert (done.exit_code, outcome.reason, outcome.file) == (10, "UnsafeArchive", "face_arcface.voy")


def test_a_directory_that_promises_a_bomb_is_refused(
    server: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    bomb = make_release(tmp_path / "big", VERSION, performers=2)
    server.publish(rezip(bomb, {"faces.json": b" " * (1 << 26)}, suffix="bomb"), tag=f"v{VERSION}")
    done, outcome = look(tmp_path, VERSION, *github(server))

    assert (done.exit_code, outcome.reason) == (10, "UnsafeArchive")
    assert outcome.bytes_unpacked is None


@pytest.mark.parametrize("wish", ["2027.01.01", ">=2027"])
def test_what_no_source_has_is_told_as_in_a_fetch(
    published: ReleaseServer, tmp_path: Path, wish: str
) -> None:
    done, outcome = look(tmp_path, wish, *github(published))

    assert (done.exit_code, outcome.ok, outcome.reason) == (12, False, "VersionNotFound")
    assert not outcome.permanent


def test_a_source_that_is_down_or_limited_is_told_as_in_a_fetch(
    published: ReleaseServer, tmp_path: Path
) -> None:
    published.faults.rate_limited = True
    done, outcome = look(tmp_path, VERSION, *github(published))
    assert (done.exit_code, outcome.reason) == (12, "SourceForbidden")

    done, outcome = look(tmp_path, VERSION, "--http", "http://127.0.0.1:9/{version}.zip")
    assert (done.exit_code, outcome.reason) == (12, "SourceUnavailable")


def test_an_archive_that_lacks_a_file_is_refused_before_it_moves(
    server: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    server.publish(without_member(good, "faces.json"), tag=f"v{VERSION}")
    done, outcome = look(tmp_path, "latest", *github(server))

    assert (done.exit_code, outcome.reason, outcome.file) == (10, "MissingFile", "faces.json")


def test_the_manifest_is_not_read_so_a_wrong_one_is_found_by_the_fetch(
    server: ReleaseServer, good: Path, tmp_path: Path
) -> None:
    other = with_changed_json(good, "manifest.json", lambda m: m | {"version": NEXT})
    server.publish(other, tag=f"v{VERSION}")

    assert look(tmp_path, "latest", *github(server))[1].version == VERSION


def test_a_wish_that_is_none_and_no_source_are_mistakes_of_the_command_line() -> None:
    for words in (["--version", "soon", "--folder", "x"], ["--version", "latest"]):
        assert CliRunner().invoke(app, ["lookup", *words]).exit_code == 2
