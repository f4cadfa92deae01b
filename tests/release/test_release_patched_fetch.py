"""A release that comes as a patch of the one before, and all that makes the full archive come instead."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from builders import make_release, rezip
from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.sources.offers import Folder, Mirrors, Source
from release_server import ReleaseServer

from .conftest import NEXT, VERSION, Wanted, unpacked


@pytest.fixture
def held(server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path], tmp_path: Path) -> Path:
    """The folder of the old release, fetched."""
    server.publish(pair[0], tag=f"v{VERSION}")
    into = tmp_path / "held"
    fetch(wanted(into=into))
    return into


def files_of(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as z:
        return {name: hashlib.sha256(z.read(name)).hexdigest() for name in z.namelist()}


def sources(server: ReleaseServer) -> dict[str, Source]:
    return {
        "github": None,  # type: ignore[dict-item] # the request's own default
        "mirror": Mirrors((f"{server.url}/files/owner/data/v{{version}}/stash-sense-data-v{{version}}.zip",)),
        "folder": Folder(server.root / "owner" / "data" / f"v{NEXT}"),
    }


@pytest.mark.parametrize("kind", ["github", "mirror", "folder"])
def test_a_patch_is_taken_from_every_kind_of_source_and_moves_little(
    server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path], held: Path, kind: str
) -> None:
    _, new, patch = pair
    server.publish(new, tag=f"v{NEXT}")
    server.publish(patch, tag=f"v{NEXT}")
    source, before = sources(server)[kind], server.bytes_sent

    done = fetch(wanted(version=NEXT, previous=held, **({"source": source} if source else {})))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(new)
    assert server.bytes_sent - before <= patch.stat().st_size + 20_000 < new.stat().st_size


@pytest.mark.parametrize("flaw", ["none published", "damaged", "of another release", "hostile"])
def test_without_a_patch_that_can_be_used_the_full_archive_comes(
    server: ReleaseServer,
    wanted: Wanted,
    pair: tuple[Path, Path, Path],
    held: Path,
    tmp_path: Path,
    flaw: str,
) -> None:
    _, new, patch = pair
    server.publish(new, tag=f"v{NEXT}")
    name = "face_arcface.voy.patch"
    with zipfile.ZipFile(patch) as z:
        content = bytearray(z.read(name))
    if flaw == "damaged":
        content[len(content) // 2] ^= 1
        patch = rezip(patch, {name: bytes(content)}, suffix="damaged", out=tmp_path / patch.name)
    if flaw == "hostile":
        patch = rezip(patch, {"run.sh": b"#!/bin/sh"}, suffix="hostile", out=tmp_path / patch.name)
    if flaw == "of another release":
        shutil.rmtree(held)
        other = make_release(tmp_path / "other", VERSION, performers=300, ef_construction=20, seed=5)
        server.publish(other, tag=f"v{VERSION}")
        fetch(wanted(into=held))
    if flaw != "none published":
        server.publish(patch, tag=f"v{NEXT}")

    done = fetch(wanted(version=NEXT, previous=held))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(new)
    assert done.receipt.digest == "sha256:" + hashlib.sha256(new.read_bytes()).hexdigest()


def test_a_pinned_digest_wants_the_full_archive(
    server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path], held: Path
) -> None:
    _, new, patch = pair
    server.publish(new, tag=f"v{NEXT}")
    server.publish(patch, tag=f"v{NEXT}")
    digest = "sha256:" + hashlib.sha256(new.read_bytes()).hexdigest()

    assert fetch(wanted(version=NEXT, previous=held, digest=digest)).receipt.digest == digest


def test_a_mounted_release_is_copied_and_verified(
    wanted: Wanted, pair: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    mounted = unpacked(pair[1], tmp_path / "mounted")

    done = fetch(wanted(version=NEXT, source=Folder(mounted)))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(pair[1])
    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(version=NEXT, source=Folder(mounted), into=tmp_path / "x", digest="sha256:" + "0" * 64))
    assert caught.value.reason is Reason.WRONG_DIGEST
    (mounted / "faces.json").write_text("[]")
    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(version=NEXT, source=Folder(mounted), into=tmp_path / "y"))
    assert caught.value.reason is Reason.COUNT_MISMATCH
