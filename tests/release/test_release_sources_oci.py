"""OCI artifacts by a real registry, distribution: built from the Go proxy (minutes, once: hence the mark)."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.lookup import look_up
from facedb_release.fetching.remote import Tally
from facedb_release.network import Client
from facedb_release.sources.offers import Asset, Oci, available, named, resolve, sibling
from facedb_release.transport import Patience, open_client, request
from facedb_release.version import Latest, parse_version
from registry import INDEX, MANIFEST, PASSWORD, USER, Registry, registry
from release_server import ReleaseServer

from .conftest import VERSION, Wanted

pytestmark = pytest.mark.cluster

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=2, wait=lambda _: None)
WANTED = parse_version(VERSION)
ZIP = f"stash-sense-data-v{VERSION}.zip"
PATCH = f"stash-sense-data-v{VERSION}.from-v2026.01.01.zip"
BODY = b"0123456789" * 1000
FILES = {ZIP: BODY, PATCH: b"a patch"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("open") / "registry") as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants user and password; with an authority of its own."""
    with registry(tmp_path_factory.mktemp("basic") / "registry", tls=True, auth="basic") as running:
        running.push("owner/data", VERSION, FILES)
        yield running


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants tokens of a service beside it."""
    with registry(tmp_path_factory.mktemp("token") / "registry", auth="token") as running:
        running.push("public/data", VERSION, FILES)
        running.push("private/data", VERSION, FILES)
        yield running


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials unless a test has some."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    for name in ("FACEDB_REGISTRY_USER", "FACEDB_REGISTRY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client() -> Client:
    return open_client(PATIENCE)


def log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDB_REGISTRY_USER", USER)
    monkeypatch.setenv("FACEDB_REGISTRY_PASSWORD", PASSWORD)


def part(client: Client, asset: Asset, start: int, end: int) -> bytes:
    with request(client, asset.url, {"Range": f"bytes={start}-{end - 1}"}) as response:
        assert response.status_code == 206
        return b"".join(response.iter_raw())


def refused(call: Any, *arguments: Any) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as caught:
        call(*arguments)
    return caught.value


# --- artifacts


def test_a_release_is_fetched_from_a_registry(opened: Registry, wanted: Wanted, good: Path) -> None:
    opened.push("whole/data", VERSION, {good.name: good.read_bytes()})

    done = fetch(wanted(source=Oci(f"http://{opened.host}/whole/data:{{version}}")))
    assert done.receipt.version == VERSION


def test_a_lookup_measures_what_is_in_a_registry(opened: Registry, client: Client, good: Path) -> None:
    opened.push("measured/data", VERSION, {good.name: good.read_bytes()})

    source = Oci(f"http://{opened.host}/measured/data:{{version}}")
    found = look_up(source, Latest(), "latest", client, PATIENCE, Tally())
    assert (found.version.text, found.bytes_total) == (VERSION, good.stat().st_size)
    assert found.bytes_unpacked is not None
    assert found.digest == "sha256:" + hashlib.sha256(good.read_bytes()).hexdigest()


def test_the_archive_is_the_layer_with_its_title_and_patches_are_others(
    opened: Registry, client: Client
) -> None:
    opened.push("one/data", f"v{VERSION}", FILES)
    source = Oci(f"{opened.host}/one/data:v{{version}}", insecure=True)

    (asset,) = resolve(source, WANTED, client, PATIENCE)
    assert (asset.name, asset.size) == (ZIP, len(BODY))
    assert asset.digest is not None
    assert asset.digest in asset.url
    assert part(client, asset, 3, 7) == b"3456"
    (patch,) = sibling(source, WANTED, PATCH, client, PATIENCE)
    assert part(client, patch, 2, 7) == b"patch"
    assert sibling(source, WANTED, "other.zip", client, PATIENCE) == ()


def test_a_layer_without_a_title_is_the_archive_when_it_is_alone(opened: Registry, client: Client) -> None:
    opened.push("bare/data", VERSION, {ZIP: BODY}, titled=False)
    opened.push("two/data", VERSION, FILES, titled=False)

    (asset,) = resolve(Oci(f"http://{opened.host}/bare/data"), WANTED, client, PATIENCE)
    assert (asset.name, asset.size) == (ZIP, len(BODY))
    error = refused(resolve, Oci(f"http://{opened.host}/two/data"), WANTED, client, PATIENCE)
    assert (error.reason, error.expected) == (Reason.ASSET_NOT_FOUND, ZIP)


def test_a_digest_pins_the_artifact_and_an_index_leads_to_it(opened: Registry, client: Client) -> None:
    name = "pinned/data"
    other = opened.push(name, None, {"other.txt": b"x"})
    pinned = opened.push(name, None, FILES, annotations={"org.opencontainers.image.version": VERSION})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [other, pinned]}
    whole = opened.manifest(name, "stable", index)

    for reference in (f"@{pinned['digest']}", f"@{whole['digest']}", ":stable"):
        source = Oci(f"http://{opened.host}/{name}{reference}")
        (asset,) = resolve(source, WANTED, client, PATIENCE)
        assert asset.name == ZIP
    fixed = available(Oci(f"http://{opened.host}/{name}@{pinned['digest']}"), client, PATIENCE, None)
    assert [one.version for one in fixed] == [WANTED]
    silent = refused(available, Oci(f"http://{opened.host}/{name}@{other['digest']}"), client, PATIENCE, None)
    assert silent.reason is Reason.VERSION_NOT_FOUND


def test_tags_name_the_versions_over_all_pages(opened: Registry, client: Client) -> None:
    pushed = opened.push("tags/data", "latest", FILES)
    body = manifest_of(opened, "tags/data", pushed["digest"])
    made = [f"v2026.{month}.{day}" for month in range(1, 13) for day in range(1, 6)]
    for tag in (*made, "nightly", "v2026.99.1"):
        opened.manifest("tags/data", tag, body)
    source = Oci(f"http://{opened.host}/tags/data:v{{version}}")

    found = available(source, client, PATIENCE, None)

    assert [f"v{one.version}" for one in found] == made[::-1]
    assert found[0].url == f"{opened.host}/tags/data:v2026.12.5"


def manifest_of(server: Registry, name: str, digest: str) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/v2/{name}/manifests/{digest}", headers={"Accept": MANIFEST}, timeout=60)
    found = json.loads(answer.content)
    assert isinstance(found, dict)
    return found


def test_what_is_not_there_has_its_word(opened: Registry, client: Client) -> None:
    opened.push("some/data", VERSION, FILES)
    later = refused(
        resolve, Oci(f"http://{opened.host}/some/data"), parse_version("2026.05.05"), client, PATIENCE
    )
    none = refused(available, Oci(f"http://{opened.host}/none/data"), client, PATIENCE, None)
    model = refused(
        named, Oci(f"http://{opened.host}/some/data:{VERSION}"), "m", ("a.onnx",), client, PATIENCE
    )

    assert later.reason is none.reason is Reason.VERSION_NOT_FOUND
    assert model.reason is Reason.ASSET_NOT_FOUND


def test_files_are_found_by_name_under_a_tag(opened: Registry, client: Client) -> None:
    opened.push("models/data", "models", {"a.onnx": b"model a", "b.onnx": b"model b"})

    found = named(Oci(f"http://{opened.host}/models/data"), "models", ("b.onnx", "a.onnx"), client, PATIENCE)
    assert [part(client, found[n][0], 6, 7) for n in ("a.onnx", "b.onnx")] == [b"a", b"b"]


# --- who may read


def test_passwords_come_from_the_environment_or_from_dockers_config_and_not_from_nowhere(
    locked: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = Oci(f"{locked.host}/owner/data")

    def read() -> bytes:
        client = open_client(PATIENCE, ca_bundle=locked.certificate)
        return part(client, resolve(source, WANTED, client, PATIENCE)[0], 3, 7)

    error = refused(read)
    assert error.reason is Reason.SOURCE_FORBIDDEN
    assert "FACEDB_REGISTRY_USER" in error.message

    (tmp_path / "docker").mkdir()
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config = {"auths": {locked.host: {"auth": auth}}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    assert read() == b"3456"

    log_in(monkeypatch)
    assert read() == b"3456"
    monkeypatch.setenv("FACEDB_REGISTRY_PASSWORD", "wrong")
    wrong = refused(read)
    assert wrong.reason is Reason.SOURCE_FORBIDDEN
    assert "wrong" not in str(wrong)


def test_a_token_for_a_public_repository_is_given_to_everybody(tokens: Registry, client: Client) -> None:
    source = Oci(f"http://{tokens.host}/public/data")

    (asset,) = resolve(source, WANTED, client, PATIENCE)
    assert part(client, asset, 3, 7) == b"3456"
    assert asset.headers == ()
    assert [one.version for one in available(source, client, PATIENCE, None)] == [WANTED]


def test_a_private_repository_wants_a_user(
    tokens: Registry, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Oci(f"http://{tokens.host}/private/data")
    error = refused(resolve, source, WANTED, client, PATIENCE)
    assert error.reason is Reason.SOURCE_FORBIDDEN

    log_in(monkeypatch)
    assert part(client, resolve(source, WANTED, client, PATIENCE)[0], 3, 7) == b"3456"


def test_a_token_that_runs_out_during_a_download_is_fetched_anew(tokens: Registry, client: Client) -> None:
    assert tokens.tokens is not None
    tokens.tokens.lifetime_seconds = 3.0
    (asset,) = resolve(Oci(f"http://{tokens.host}/public/data"), WANTED, client, PATIENCE)
    before = len(tokens.tokens.asked)
    tokens.tokens.lifetime_seconds = 300.0
    while len(tokens.tokens.asked) == before:
        assert part(client, asset, 3, 7) == b"3456"
        time.sleep(0.05)


def test_the_token_stays_with_the_registry_when_blobs_are_redirected(
    server: ReleaseServer, tmp_path: Path, client: Client
) -> None:
    root = tmp_path / "redirected"
    with registry(root, auth="token", redirect=f"{server.url}/files") as running:
        running.push("public/data", VERSION, FILES)
        # What the registry stores is what the storage host serves.
        server.root = running.root.resolve()

        (asset,) = resolve(Oci(f"http://{running.host}/public/data"), WANTED, client, PATIENCE)
        assert part(client, asset, 3, 7) == b"3456"

    (seen,) = server.seen
    assert (seen.status, seen.range) == (206, "bytes=3-6")
    assert "authorization" not in seen.headers
    assert "Bearer" not in str(seen.headers)


def test_https_is_not_given_up_for_a_registry_that_speaks_none(opened: Registry, client: Client) -> None:
    opened.push("some/data", VERSION, FILES)

    error = refused(resolve, Oci(f"{opened.host}/some/data"), WANTED, client, PATIENCE)
    assert error.reason is Reason.SOURCE_UNAVAILABLE


def test_a_blob_that_is_gone_is_a_file_that_is_missing(opened: Registry, client: Client) -> None:
    opened.push("lost/data", VERSION, FILES)
    (asset,) = resolve(Oci(f"http://{opened.host}/lost/data"), WANTED, client, PATIENCE)
    assert asset.digest is not None
    hexes = asset.digest.removeprefix("sha256:")
    (opened.root / "docker/registry/v2/blobs/sha256" / hexes[:2] / hexes / "data").unlink()

    with request(client, asset.url, {}) as response:
        assert response.status_code == 404
    assert asset.missing.reason is Reason.ASSET_NOT_FOUND
