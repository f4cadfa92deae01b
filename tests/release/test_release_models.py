"""Model files arrive with their sizes and hashes, once, beside whatever else is in the folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from facedb_release.errors import Reason, ReleaseError
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
        "patience": Patience(stall_seconds=0.3, attempts=3, wait=lambda _: None),
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
    from dataclasses import replace

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
