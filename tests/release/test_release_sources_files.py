"""Plain web servers and mounted folders: what they offer, what lies beside it, and what they cannot say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import Client
from facedb_release.sources.mirrors import index_of
from facedb_release.sources.offers import (
    Asset,
    Folder,
    Mirrors,
    available,
    named,
    resolve,
    sibling,
)
from facedb_release.transport import Patience, open_client, request
from facedb_release.version import parse_version
from release_server import ReleaseServer

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=2, wait=lambda _: None)
VERSION = parse_version("2026.02.18")
ZIP = "stash-sense-data-v2026.02.18.zip"
PATCH = "stash-sense-data-v2026.03.01.from-v2026.02.18.zip"


@pytest.fixture
def client() -> Client:
    return open_client(PATIENCE)


def refused(call: object, *arguments: object) -> SourceTrouble:
    assert callable(call)
    with pytest.raises(SourceTrouble) as caught:
        call(*arguments)
    return caught.value


def read(client: Client, asset: Asset) -> bytes:
    with request(client, asset.url, dict(asset.headers)) as response:
        assert response.status_code == 200
        return b"".join(response.iter_raw())


# --- mirrors


def test_mirrors_keep_their_order_and_siblings_lie_beside_the_archive(client: Client) -> None:
    source = Mirrors(("https://a/v{version}/x-{version}.zip?key=1", "https://b/x-{version}.zip"))

    assert [(a.url, a.name) for a in resolve(source, VERSION, client, PATIENCE)] == [
        ("https://a/v2026.02.18/x-2026.02.18.zip?key=1", "x-2026.02.18.zip"),
        ("https://b/x-2026.02.18.zip", "x-2026.02.18.zip"),
    ]
    assert [a.url for a in sibling(source, VERSION, "p q.zip", client, PATIENCE)] == [
        "https://a/v2026.02.18/p%20q.zip?key=1",
        "https://b/p%20q.zip",
    ]


def test_the_first_mirror_with_an_index_says_which_versions_there_are(
    server: ReleaseServer, client: Client
) -> None:
    folder = server.root / "m"
    folder.mkdir(parents=True)
    facts = {"version": "2026.10.1", "size": 7, "digest": "sha256:" + "a" * 64}
    facts |= {"published_at": "2026-10-01T12:00:00Z"}
    (folder / "index.json").write_text(json.dumps({"versions": ["2026.9.1", facts]}))
    base = f"{server.url}/files"
    source = Mirrors((f"{base}/none/v{{version}}/a.zip", f"{base}/m/v{{version}}/a-{{version}}.zip"))

    newest, older = available(source, client, PATIENCE, None)

    assert (newest.version.text, newest.size, newest.digest) == ("2026.10.1", 7, "sha256:" + "a" * 64)
    assert newest.published_at is not None
    assert newest.published_at.isoformat() == "2026-10-01T12:00:00+00:00"
    assert newest.url == f"{base}/m/v2026.10.1/a-2026.10.1.zip"
    assert (older.version.text, older.size, older.digest, older.published_at) == (
        "2026.9.1",
        None,
        None,
        None,
    )


def test_a_mirror_without_an_index_says_what_is_missing(server: ReleaseServer, client: Client) -> None:
    error = refused(available, Mirrors((f"{server.url}/files/a-{{version}}.zip",)), client, PATIENCE, None)

    assert error.reason is Reason.VERSION_NOT_FOUND
    assert "/files/index.json" in error.message


@pytest.mark.parametrize(
    "text", ["", "[]", '{"versions": 3}', '{"versions": ["newest"]}', '{"versions": [{"v": 1}]}', "[" * 9999]
)
def test_an_index_that_is_none_is_an_unavailable_source(
    server: ReleaseServer, client: Client, text: str
) -> None:
    server.root.mkdir(exist_ok=True)
    (server.root / "index.json").write_text(text)

    error = refused(available, Mirrors((f"{server.url}/files/a-{{version}}.zip",)), client, PATIENCE, None)
    assert error.reason is Reason.SOURCE_UNAVAILABLE


@pytest.mark.parametrize(
    ("url", "index"),
    [
        ("https://h/data/v{version}/a-{version}.zip", "https://h/data/index.json"),
        ("https://h/a-{version}.zip?k=1", "https://h/index.json?k=1"),
        ("https://h/data/fixed.zip", "https://h/data/index.json"),
    ],
)
def test_the_index_lies_above_the_first_version_of_the_address(url: str, index: str) -> None:
    assert index_of(url) == index


# --- folders


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    folder.mkdir()
    for version in ("2026.9.1", "2026.10.1", "2026.02.18"):
        (folder / f"stash-sense-data-v{version}.zip").write_bytes(version.encode())
    for name in (PATCH, "notes.txt"):
        (folder / name).write_bytes(b"x")
    return folder


def test_a_folder_offers_its_archives_by_the_calendar(mounted: Path, client: Client) -> None:
    found = available(Folder(mounted), client, PATIENCE, None)

    assert [one.version.text for one in found] == ["2026.10.1", "2026.9.1", "2026.02.18"]
    (asset,) = resolve(Folder(mounted), VERSION, client, PATIENCE)
    assert (asset.path, asset.name, asset.size) == (mounted / ZIP, ZIP, 10)
    assert [a.path for a in sibling(Folder(mounted), VERSION, PATCH, client, PATIENCE)] == [mounted / PATCH]
    assert sibling(Folder(mounted), VERSION, "other.zip", client, PATIENCE) == ()


def test_one_archive_is_itself_and_its_name_may_say_its_version(mounted: Path, client: Client) -> None:
    alone = Folder(mounted / ZIP)

    assert [a.path for a in resolve(alone, VERSION, client, PATIENCE)] == [mounted / ZIP]
    assert [one.version for one in available(alone, client, PATIENCE, None)] == [VERSION]
    assert [a.path for a in sibling(alone, VERSION, PATCH, client, PATIENCE)] == [mounted / PATCH]
    assert refused(available, Folder(mounted / "notes.txt"), client, PATIENCE, None).reason is (
        Reason.VERSION_NOT_FOUND
    )


def test_an_unpacked_release_is_a_folder_to_copy_from(tmp_path: Path, client: Client) -> None:
    models = {"detector": "d", "alignment": "a", "facenet_dim": 512, "flip_averaging": True}
    manifest = {"version": "2026.02.18", "performer_count": 1, "face_count": 1, "sources": ["stashdb"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"models": models, "checksums": {}}))
    source = Folder(tmp_path)

    (asset,) = resolve(source, VERSION, client, PATIENCE)
    assert (asset.path, asset.size) == (tmp_path, None)
    assert [one.version for one in available(source, client, PATIENCE, None)] == [VERSION]

    (tmp_path / "manifest.json").write_text("{")
    assert refused(available, source, client, PATIENCE, None).reason is Reason.SOURCE_UNAVAILABLE


def test_a_folder_says_what_it_lacks(mounted: Path, client: Client) -> None:
    missing = refused(resolve, Folder(mounted), parse_version("2026.03.01"), client, PATIENCE)
    gone = refused(resolve, Folder(mounted / "gone"), VERSION, client, PATIENCE)
    many = refused(resolve, Folder(mounted, "stash*{version}*.zip"), VERSION, client, PATIENCE)

    assert (missing.reason, missing.expected) == (Reason.VERSION_NOT_FOUND, "2026.03.01")
    assert gone.reason is Reason.SOURCE_UNAVAILABLE
    assert (many.reason, many.permanent) == (Reason.ASSET_NOT_FOUND, False)
    assert PATCH in (many.found or "")


# --- files by name, as models are published


def test_files_are_found_by_name_in_a_folder_and_behind_urls(
    server: ReleaseServer, mounted: Path, client: Client
) -> None:
    server.root.mkdir(exist_ok=True)
    (server.root / "a.onnx").write_bytes(b"model")
    source = Mirrors((f"{server.url}/files/{{file}}",))

    (asset,) = named(source, "models", ("a.onnx",), client, PATIENCE)["a.onnx"]
    assert read(client, asset) == b"model"
    (local,) = named(Folder(mounted), "models", ("notes.txt",), client, PATIENCE)["notes.txt"]
    assert local.path == mounted / "notes.txt"
    assert refused(named, Folder(mounted), "models", ("b.onnx",), client, PATIENCE).reason is (
        Reason.ASSET_NOT_FOUND
    )
