"""Model files arrive with their sizes and hashes, once, beside whatever else is in the folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.modelfiles import parse_models
from facedb_release.fetching.modelpart import part_of
from facedb_release.fetching.models import NAME, ModelFile, ModelsRequest, fetch_models, read_models
from facedb_release.sources.offers import GitHub, Mirrors
from facedb_release.transport import Patience
from release_server import ReleaseServer

CONTENT = {"facenet512.onnx": b"facenet" * 40_000, "arcface.onnx": b"arcface" * 50_000}
FILES = tuple(ModelFile(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in CONTENT.items())


@pytest.fixture
def models(server: ReleaseServer, tmp_path: Path) -> ReleaseServer:
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
        server.publish(tmp_path / name, repository="owner/app", tag="models")
    return server


def wanted(server: ReleaseServer, tmp_path: Path, **changes: Any) -> ModelsRequest:
    facts: dict[str, Any] = {
        "into": tmp_path / "models",
        "files": FILES,
        "source": GitHub("owner/app", server.url),
        "patience": Patience(connect_seconds=60, stall_seconds=60, attempts=3, wait=lambda _: None),
    }
    return ModelsRequest(**(facts | changes))


def refused(request: ModelsRequest) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        fetch_models(request)
    return caught.value


def test_models_arrive_from_a_github_release_and_are_recorded(models: ReleaseServer, tmp_path: Path) -> None:
    assert fetch_models(wanted(models, tmp_path)) == FILES

    assert {n: (tmp_path / "models" / n).read_bytes() for n in CONTENT} == CONTENT
    assert read_models(tmp_path / "models") == {f.name: f for f in FILES}
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == sorted([*CONTENT, NAME])


def test_models_arrive_from_plain_urls_with_the_file_filled_in(models: ReleaseServer, tmp_path: Path) -> None:
    source = Mirrors((f"{models.url}/files/gone/{{file}}", f"{models.url}/files/owner/app/models/{{file}}"))

    assert fetch_models(wanted(models, tmp_path, source=source)) == FILES


def test_models_that_are_there_are_not_asked_for_again(models: ReleaseServer, tmp_path: Path) -> None:
    fetch_models(wanted(models, tmp_path))
    asked = len(models.seen)

    assert fetch_models(wanted(models, tmp_path)) == ()
    assert len(models.seen) == asked


def test_models_put_there_by_hand_are_recognised_by_their_hash(models: ReleaseServer, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "arcface.onnx").write_bytes(CONTENT["arcface.onnx"])
    (tmp_path / "models" / "mine.onnx").write_bytes(b"mine")

    assert [f.name for f in fetch_models(wanted(models, tmp_path))] == ["facenet512.onnx"]
    assert (tmp_path / "models" / "mine.onnx").read_bytes() == b"mine"


def test_a_damaged_model_is_replaced(models: ReleaseServer, tmp_path: Path) -> None:
    fetch_models(wanted(models, tmp_path))
    (tmp_path / "models" / "arcface.onnx").write_bytes(b"short")

    assert [f.name for f in fetch_models(wanted(models, tmp_path))] == ["arcface.onnx"]


@pytest.mark.parametrize("change", [{"size": 5}, {"sha256": "0" * 64}], ids=["size", "sha256"])
def test_a_model_that_is_not_the_pinned_one_is_refused_for_good(
    models: ReleaseServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    error = refused(wanted(models, tmp_path, files=(replace(FILES[0], **change),)))

    assert (error.reason, error.file, error.permanent) == (Reason.WRONG_CHECKSUM, "facenet512.onnx", True)
    assert not (tmp_path / "models" / "facenet512.onnx").exists()
    assert not list((tmp_path / "models").glob(".*part"))


def test_a_model_that_the_release_lacks_and_a_release_that_is_missing_may_come_later(
    models: ReleaseServer, tmp_path: Path
) -> None:
    lacking = refused(wanted(models, tmp_path, files=(ModelFile("other.onnx", 1, "0" * 64),)))
    missing = refused(wanted(models, tmp_path, tag="models-2"))

    assert (lacking.reason, lacking.permanent) == (Reason.ASSET_NOT_FOUND, False)
    assert (missing.reason, missing.permanent) == (Reason.VERSION_NOT_FOUND, False)


def test_a_cut_model_download_is_resumed(models: ReleaseServer, tmp_path: Path) -> None:
    models.faults.cut_after, models.faults.cuts_left = 200_000, 1

    fetch_models(wanted(models, tmp_path))

    assert models.bytes_sent <= 1.1 * sum(f.size for f in FILES)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*part"))


def test_what_a_killed_run_left_is_taken_up_by_the_next(models: ReleaseServer, tmp_path: Path) -> None:
    models.faults.bytes_per_second = 400_000
    url, into = f"{models.url}/files/owner/app/models/{{file}}", tmp_path / "models"
    one = f"{FILES[1].name}:{FILES[1].size}:{FILES[1].sha256}"
    command = [sys.executable, "-m", "facedb_release", "fetch-models", "--into", str(into), "--file", one]
    process = subprocess.Popen(
        [*command, "--http", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not (parts(into) and parts(into)[0].stat().st_size > 100_000):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    models.faults.bytes_per_second = None
    there = parts(into)[0].stat().st_size

    fetch_models(wanted(models, tmp_path, files=FILES[1:], source=Mirrors((url,))))

    assert (into / FILES[1].name).read_bytes() == CONTENT[FILES[1].name]
    assert models.seen[-1].range == f"bytes={there}-{FILES[1].size - 1}"
    assert parts(into) == []


def test_a_half_that_is_damaged_is_dropped_and_the_file_brought_anew(
    models: ReleaseServer, tmp_path: Path
) -> None:
    part = part_of(tmp_path / "models", FILES[0])
    part.parent.mkdir()
    part.write_bytes(b"?" * 1000)

    assert fetch_models(wanted(models, tmp_path)) == FILES
    assert (tmp_path / "models" / FILES[0].name).read_bytes() == CONTENT[FILES[0].name]


def test_another_wish_for_the_same_name_does_not_go_on_with_the_old_half(
    models: ReleaseServer, tmp_path: Path
) -> None:
    other = ModelFile(FILES[0].name, FILES[0].size, "ab" * 32)

    assert part_of(tmp_path, FILES[0]) != part_of(tmp_path, other)


def test_a_source_in_trouble_leaves_the_half_for_the_next_run(models: ReleaseServer, tmp_path: Path) -> None:
    models.faults.cut_after, models.faults.cuts_left = 70_000, 100
    url = f"{models.url}/files/owner/app/models/{{file}}"
    source, patience = Mirrors((url,)), Patience(attempts=1, wait=lambda _: None)

    refused(wanted(models, tmp_path, files=FILES[:1], source=source, patience=patience))
    half = part_of(tmp_path / "models", FILES[0]).stat().st_size
    models.faults.cuts_left = 0
    fetch_models(wanted(models, tmp_path, files=FILES[:1], source=source))

    assert 0 < half < FILES[0].size
    assert models.seen[-1].range == f"bytes={half}-{FILES[0].size - 1}"


def test_a_model_without_a_published_hash_is_held_against_its_size_and_recorded(
    models: ReleaseServer, tmp_path: Path
) -> None:
    file = replace(FILES[0], sha256=None)

    assert fetch_models(wanted(models, tmp_path, files=(file,))) == (file,)
    assert read_models(tmp_path / "models") == {file.name: FILES[0]}
    assert fetch_models(wanted(models, tmp_path, files=(file,))) == ()


def test_a_model_in_a_zip_elsewhere_is_taken_out_of_it(models: ReleaseServer, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("arcface.onnx", CONTENT["arcface.onnx"])
        z.writestr("other.onnx", b"other")
    models.publish(tmp_path / "pack.zip", repository="owner/app", tag="packs")
    url = f"{models.url}/files/owner/app/packs/pack.zip"
    file = replace(FILES[1], url=url, member="arcface.onnx")

    assert fetch_models(wanted(models, tmp_path, files=(file,))) == (file,)
    assert (tmp_path / "models" / "arcface.onnx").read_bytes() == CONTENT["arcface.onnx"]
    assert parts(tmp_path / "models") == []


@pytest.mark.parametrize("change", [{"member": "gone.onnx"}, {"size": 7}, {"size": 10**6}], ids=str)
def test_a_zip_without_the_very_file_is_refused(
    models: ReleaseServer, tmp_path: Path, change: dict[str, Any]
) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as z:
        z.writestr("arcface.onnx", CONTENT["arcface.onnx"])
    models.publish(tmp_path / "pack.zip", repository="owner/app", tag="packs")
    url = f"{models.url}/files/owner/app/packs/pack.zip"
    file = replace(FILES[1], url=url, member="arcface.onnx")

    error = refused(wanted(models, tmp_path, files=(replace(file, **change),)))

    assert (error.reason, error.file) == (Reason.WRONG_ARCHIVE, "arcface.onnx")
    assert parts(tmp_path / "models") == []


def test_a_manifest_names_models_for_the_command(models: ReleaseServer, tmp_path: Path) -> None:
    entry = {"file": FILES[0].name, "size": FILES[0].size, "sha256": FILES[0].sha256, "group": "faces"}
    listed = json.dumps({"version": 2, "models": {"facenet512": entry}})
    words = ["--into", str(tmp_path / "models"), "--github", "owner/app", "--api-url", models.url, "--json"]

    done = subprocess.run(
        [sys.executable, "-m", "facedb_release", "fetch-models", *words, "--manifest", "/dev/stdin"],
        input=listed.encode(),
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout.splitlines()[-1])["reason"] == "Fetched"
    assert (tmp_path / "models" / FILES[0].name).read_bytes() == CONTENT[FILES[0].name]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"file": "../x", "size": 1}, "name of a file"),
        ({"file": "x", "size": 0}, "size in bytes"),
        ({"file": "x", "size": True}, "size in bytes"),
        ({"file": "x", "size": 1, "sha256": "abc"}, "64 lower-case hex"),
        ({"file": "x", "size": 1, "member": "y"}, "url"),
        ([], "no object"),
    ],
    ids=str,
)
def test_a_manifest_that_cannot_be_used_says_what_was_expected(entry: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_models(json.dumps({"models": {"one": entry}}).encode())
