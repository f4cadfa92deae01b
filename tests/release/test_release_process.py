"""The `facedb` process as a Job sees it: exit codes, termination message, progress lines, kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from builders import make_release, with_flipped_byte
from facedb_release.__main__ import app
from facedb_release.fetching.remote import Tally
from facedb_release.outcome import MAX_BYTES, Outcome
from facedb_release.profiles import REQUIRED
from facedb_release.progress import Progress
from facedb_release.receipt import NAME, read_receipt
from facedb_release.run import Finished, run
from release_server import ReleaseServer

from .conftest import VERSION

COMMAND = [sys.executable, "-m", "facedb_release"]


def facedb(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


def here(*arguments: object) -> Result:
    """The same command in this process, where starting another one would prove nothing more."""
    return CliRunner().invoke(app, list(map(str, arguments)))


def told(path: Path) -> Outcome:
    text = path.read_text()
    assert len(text.encode()) <= MAX_BYTES
    return Outcome.from_json(text)


def from_(server: ReleaseServer, into: Path, message: Path, version: str = VERSION) -> list[object]:
    github = ["--github", "owner/data", "--api-url", server.url]
    return ["fetch", "--into", into, "--version", version, *github, "--termination-message", message]


def test_a_fetch_ends_with_0_progress_lines_and_an_outcome_and_so_does_a_second_one(
    published: ReleaseServer, tmp_path: Path
) -> None:
    into, message = tmp_path / "into", tmp_path / "message"
    done = facedb(*from_(published, into, message))

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["event"] == "progress" for line in lines)
    assert list(dict.fromkeys(line["phase"] for line in lines)) == ["Resolving", "Downloading", "Verifying"]
    total = read_receipt(into)
    last = [line for line in lines if line["phase"] == "Downloading"][-1]
    assert last["bytes_done"] == last["bytes_total"]
    outcome = told(message)
    assert (outcome.ok, outcome.reason, outcome.version) == (True, "Fetched", VERSION)
    assert (outcome.digest, outcome.face_count) == (total.digest, total.face_count)
    assert outcome.bytes_total is not None
    assert outcome.bytes_total <= outcome.bytes_downloaded <= 1.1 * outcome.bytes_total

    assert here(*from_(published, into, message)).exit_code == 0
    assert (told(message).reason, told(message).bytes_downloaded) == ("AlreadyThere", 0)


def test_wrong_bytes_end_with_10_and_name_the_file(server: ReleaseServer, good: Path, tmp_path: Path) -> None:
    bad = with_flipped_byte(good, "performers.db", out=tmp_path / "bad" / good.name)
    server.publish(bad, tag=f"v{VERSION}")

    done = facedb(*from_(server, tmp_path / "into", tmp_path / "message"))

    outcome = told(tmp_path / "message")
    assert done.returncode == 10
    assert (outcome.ok, outcome.permanent, outcome.reason) == (False, True, "WrongChecksum")
    # The refused archive is remembered by its digest.
    assert outcome.digest is not None
    assert outcome.digest.startswith("sha256:")
    assert (outcome.file, outcome.version) == ("performers.db", VERSION)
    assert outcome.expected != outcome.found
    assert "WrongChecksum" in done.stderr


def test_a_version_that_is_not_there_ends_with_12(published: ReleaseServer, tmp_path: Path) -> None:
    done = here(*from_(published, tmp_path / "into", tmp_path / "message", version="2027.01.01"))

    assert done.exit_code == 12
    assert (told(tmp_path / "message").reason, told(tmp_path / "message").permanent) == (
        "VersionNotFound",
        False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small volume needs root")
def test_a_small_volume_ends_with_11_and_both_numbers(published: ReleaseServer, tmp_path: Path) -> None:
    into = tmp_path / "small"
    into.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", into], capture_output=True)
    if mounted.returncode:
        pytest.skip("this place cannot mount")
    try:
        done = here(*from_(published, into, tmp_path / "message"))
    finally:
        subprocess.run(["umount", into], check=True)

    outcome = told(tmp_path / "message")
    assert (done.exit_code, outcome.reason, outcome.permanent) == (11, "NoSpace", False)
    assert "bytes free" in (outcome.expected or "")
    assert "bytes free" in (outcome.found or "")


USAGE: dict[str, list[object]] = {
    "no source": ["fetch", "--into", "x", "--version", VERSION],
    "two sources": ["fetch", "--into", "x", "--version", VERSION, "--github", "a/b", "--http", "http://x"],
    "no version": ["fetch", "--into", "x", "--version", "newest", "--http", "http://x"],
    "no digest": ["fetch", "--into", "x", "--version", VERSION, "--http", "http://x", "--digest", "md5:0"],
    "no model": ["fetch-models", "--into", "x", "--file", "../x:1:00", "--http", "http://x/{file}"],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE.keys())
def test_a_command_that_makes_no_sense_ends_with_2(arguments: list[object]) -> None:
    assert here(*arguments).exit_code == 2


def test_a_bug_ends_with_1_and_still_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def work(progress: Progress, tally: Tally) -> Finished:
        raise ZeroDivisionError("a fault of ours")

    assert run(work, tmp_path / "message", quiet=True) == 1
    assert told(tmp_path / "message").reason == "Bug"
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("phase", ["Downloading", "Verifying"])
def test_a_fetch_that_was_killed_converges_when_run_again(
    published: ReleaseServer, tmp_path: Path, phase: str
) -> None:
    into, message, faults = tmp_path / "into", tmp_path / "message", published.faults
    faults.stall_after, faults.stalls_left = 100_000, int(phase == "Downloading")
    command = [*COMMAND, *map(str, from_(published, into, message))]

    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert first.stdout is not None
    with first.stdout as lines:
        next(line for line in lines if json.loads(line)["phase"] == phase)
        if phase == "Downloading":
            assert faults.stalled.wait(60)
        first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (into / NAME).exists()

    assert here(*from_(published, into, message)).exit_code == 0
    assert told(message).reason == "Fetched"
    assert sorted(p.name for p in into.iterdir()) == sorted([*REQUIRED, NAME])
    assert here("verify", into).exit_code == 0


def test_a_fetch_that_is_told_to_stop_says_so_and_ends_with_12(
    published: ReleaseServer, tmp_path: Path
) -> None:
    into, message = tmp_path / "into", tmp_path / "message"
    published.faults.stall_after, published.faults.stalls_left = 100_000, 1
    command = [*COMMAND, *map(str, from_(published, into, message))]

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert published.faults.stalled.wait(60)
        process.terminate()
        assert process.wait(60) == 12

    assert (told(message).reason, told(message).permanent) == ("Interrupted", False)
    assert told(message).bytes_downloaded > 0


def test_verify_says_what_is_wrong_in_a_folder_as_text_and_as_json(
    published: ReleaseServer, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    here(*from_(published, into, tmp_path / "message"))
    fine = here("verify", into, "--json")
    faces = (into / "faces.json").read_bytes()
    (into / "faces.json").write_bytes(faces.replace(b"0", b"1", 1))
    changed = here("verify", into, "--json")
    (into / "performers.db-wal").write_text("")
    text, as_json = here("verify", into), here("verify", into, "--json")

    assert (fine.exit_code, Outcome.from_json(fine.stdout).reason) == (0, "Verified")
    assert (Outcome.from_json(changed.stdout).reason, changed.exit_code) == ("WrongChecksum", 10)
    assert (text.exit_code, as_json.exit_code) == (10, 10)
    assert text.stdout.startswith("UnexpectedFile: performers.db-wal")
    assert Outcome.from_json(as_json.stdout).file == "performers.db-wal"


def test_verify_takes_a_zip_and_a_url_and_lists_every_fault_when_asked(
    published: ReleaseServer, good: Path
) -> None:
    url = f"{published.url}/files/owner/data/v{VERSION}/{good.name}"
    bad = with_flipped_byte(with_flipped_byte(good, "face_facenet.voy"), "face_arcface.voy")

    assert [here("verify", place, "--json").exit_code for place in (good, url)] == [0, 0]
    first, every = here("verify", bad, "--json"), here("verify", bad, "--json", "--all")

    assert (first.exit_code, every.exit_code) == (10, 10)
    assert "faults" not in json.loads(first.stdout)
    assert {f["file"] for f in json.loads(every.stdout)["faults"]} >= {"face_arcface.voy", "face_facenet.voy"}
    assert here("inspect", url).stdout == here("inspect", good).stdout.replace(str(good), url)
    assert here("verify", url + "x").exit_code == 12
    assert here("verify", "/nowhere").exit_code == 12


def test_fetch_takes_a_wish_for_a_version(published: ReleaseServer, tmp_path: Path, good: Path) -> None:
    at = ["--github", "owner/data", "--api-url", published.url]
    new = make_release(tmp_path / "made", "2026.03.01", performers=30)
    published.publish(new, tag="v2026.03.01")

    listed = json.loads(here("versions", *at, "--json").stdout)
    assert [v["version"] for v in listed["versions"]] == ["2026.03.01", VERSION]
    assert here("fetch", "--into", tmp_path / "a", "--version", "2026.02.x", *at).exit_code == 0
    assert here("fetch", "--into", tmp_path / "b", "--version", "latest", *at).exit_code == 0
    assert read_receipt(tmp_path / "a").version == VERSION
    assert read_receipt(tmp_path / "b").version == "2026.03.01"
    none = here("fetch", "--into", tmp_path / "c", "--version", ">2027", *at)
    assert none.exit_code == 12


def test_fetch_ends_with_its_outcome_as_json_when_asked(published: ReleaseServer, tmp_path: Path) -> None:
    done = here(*from_(published, tmp_path / "into", tmp_path / "message"), "--json")

    first, *_, last = map(json.loads, done.stdout.splitlines())
    assert (first["event"], last["event"], last["reason"], last["version"]) == (
        "progress",
        "outcome",
        "Fetched",
        VERSION,
    )


def test_a_reader_that_hangs_up_does_not_end_the_fetch(published: ReleaseServer, tmp_path: Path) -> None:
    command = [*COMMAND, *map(str, from_(published, tmp_path / "into", tmp_path / "message"))]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read() if process.stderr else b""
    assert process.returncode == 0, said.decode()
    assert told(tmp_path / "message").reason == "Fetched"


def test_what_a_source_asks_to_wait_is_told(published: ReleaseServer, tmp_path: Path) -> None:
    published.faults.fail_times, published.faults.fail_status = 100, 429
    published.faults.retry_after = "3600"

    done = here(*from_(published, tmp_path / "into", tmp_path / "message"))

    assert (done.exit_code, told(tmp_path / "message").retry_after) == (12, 3600.0)
    assert told(tmp_path / "message").reason == "SourceForbidden"
