"""S3, by a real server: Versity's gateway, built from the Go proxy (minutes, once; hence the mark)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.lookup import look_up
from facedb_release.fetching.remote import Tally
from facedb_release.network import Client
from facedb_release.sources.offers import S3, Asset, available, named, resolve, sibling
from facedb_release.sources.s3 import Signature
from facedb_release.transport import Patience, Refused, open_client, request
from facedb_release.version import Latest, parse_version
from s3_server import SECRET, USER, S3Server, s3_server

from .conftest import VERSION, Wanted

pytestmark = pytest.mark.cluster

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=2, wait=lambda _: None)
ZIP = f"stash-sense-data-v{VERSION}.zip"
BODY = b"0123456789" * 1000


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "plain") as running:
        for version in ("2026.9.1", "2026.10.1", VERSION):
            running.put("data", f"faces/stash-sense-data-v{version}.zip", BODY)
        running.put("data", "faces/notes.txt", b"x")
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def client() -> Client:
    return open_client(PATIENCE)


def bucket(server: S3Server, **changes: Any) -> S3:
    facts: dict[str, Any] = {"bucket": "data", "prefix": "faces", "endpoint": server.url}
    return S3(**(facts | changes))


def part(client: Client, asset: Asset, start: int, end: int) -> bytes:
    asked = {**dict(asset.headers), "Range": f"bytes={start}-{end - 1}"}
    with request(client, asset.url, asked) as response:
        if response.status_code == 404:
            raise asset.missing
        assert response.status_code == 206
        return b"".join(response.iter_raw())


def refused(call: Any, *arguments: Any) -> SourceTrouble:
    with pytest.raises(SourceTrouble) as caught:
        call(*arguments)
    return caught.value


def test_a_release_is_fetched_from_a_bucket(s3: S3Server, wanted: Wanted, good: Path) -> None:
    s3.put("whole", f"a/b/{VERSION}/{good.name}", good.read_bytes())
    source = S3("whole", "/a/b/", key_pattern=f"{{version}}/{good.name}", endpoint=s3.url)

    assert fetch(wanted(source=source)).receipt.version == VERSION


def test_a_lookup_measures_what_is_in_a_bucket(s3: S3Server, client: Client, good: Path) -> None:
    s3.put("measured", good.name, good.read_bytes())

    found = look_up(S3("measured", endpoint=s3.url), Latest(), "latest", client, PATIENCE, Tally())
    assert (found.version.text, found.bytes_total) == (VERSION, good.stat().st_size)
    assert found.bytes_unpacked is not None
    assert found.published_at is not None


def test_keys_name_the_versions_newest_first(s3: S3Server, client: Client) -> None:
    found = available(bucket(s3), client, PATIENCE, None)

    assert [one.version.text for one in found] == ["2026.10.1", "2026.9.1", VERSION]
    assert (found[-1].name, found[-1].size, found[-1].url) == (
        ZIP,
        len(BODY),
        f"{s3.url}/data/faces/{ZIP}",
    )
    assert found[0].published_at is not None
    assert found[0].published_at.tzinfo is not None


def test_a_version_in_the_folder_of_a_key_is_found_too(s3: S3Server, client: Client) -> None:
    s3.put("deep", "x/2026.01.02/data.zip", b"a")
    s3.put("deep", "x/2026.01.03/other.zip", b"a")
    source = S3("deep", key_pattern="x/{version}/data.zip", endpoint=s3.url)

    assert [one.version.text for one in available(source, client, PATIENCE, None)] == ["2026.01.02"]


def test_more_keys_than_one_page_of_the_list_are_all_found(s3: S3Server, client: Client) -> None:
    folder = s3.root / "many"
    folder.mkdir()
    for number in range(1, 1201):
        (folder / f"a-2026.{1 + number % 12}.{1 + number // 12 % 28}.{number}.zip").write_bytes(b"x")
    source = S3("many", key_pattern="a-{version}.zip", endpoint=s3.url)

    assert len(available(source, client, PATIENCE, None)) == 1200


def test_parts_are_read_at_a_stable_address_with_a_signature_of_their_own(
    s3: S3Server, client: Client
) -> None:
    (asset,) = resolve(bucket(s3), parse_version(VERSION), client, PATIENCE)

    assert asset.url == f"{s3.url}/data/faces/{ZIP}"
    assert part(client, asset, 3, 7) == b"3456"
    assert httpx.get(asset.url, timeout=60).status_code == 403
    (beside,) = sibling(bucket(s3), parse_version(VERSION), "notes.txt", client, PATIENCE)
    assert part(client, beside, 0, 1) == b"x"
    (named_too,) = named(bucket(s3), "", ("notes.txt",), client, PATIENCE)["notes.txt"]
    assert named_too.url == beside.url


def test_a_key_that_is_not_there_is_a_version_that_is_not_there(s3: S3Server, client: Client) -> None:
    (asset,) = resolve(bucket(s3), parse_version("2026.05.05"), client, PATIENCE)

    with pytest.raises(SourceTrouble) as caught:
        part(client, asset, 0, 1)
    assert caught.value.reason is Reason.VERSION_NOT_FOUND


def test_a_signature_that_has_run_out_is_made_anew(s3: S3Server, client: Client) -> None:
    address, stopped = f"{s3.url}/data/", [0.0]
    signature = Signature(s3.store("data"), address, lifetime=timedelta(seconds=5), clock=lambda: stopped[0])
    client.session.keys[address] = signature
    (asset,) = resolve(bucket(s3), parse_version(VERSION), client, PATIENCE)
    old, _ = signature.prepare(asset.url, {})
    while httpx.get(old, timeout=60).status_code == 200:
        time.sleep(0.1)

    # By its own clock the signature is good: the store's refusal is what makes it sign again.
    stopped[0] = 2.0
    assert signature.prepare(asset.url, {})[0] == old
    assert part(client, asset, 0, 2) == b"01"
    # And by the clock alone, before anybody refuses.
    before, _ = signature.prepare(asset.url, {})
    while obstore.sign(s3.store("data"), "GET", f"faces/{ZIP}", timedelta(seconds=5)) == before:
        time.sleep(0.1)
    stopped[0] = 10.0
    assert signature.prepare(asset.url, {})[0] != before


def test_wrong_keys_are_refused_with_what_to_set(
    s3: S3Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    listed = refused(available, bucket(s3), client, PATIENCE, None)
    (asset,) = resolve(bucket(s3), parse_version(VERSION), client, PATIENCE)
    with pytest.raises(Refused) as caught:
        part(client, asset, 0, 1)
    for error in (listed, caught.value.trouble):
        assert error.reason is Reason.SOURCE_FORBIDDEN
        assert "AWS_SECRET_ACCESS_KEY" in error.message
        assert "wrong" not in str(error)
        assert "X-Amz" not in str(error)


def test_a_public_bucket_needs_no_keys(s3: S3Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3.put("public", ZIP, BODY)
    source = S3("public", endpoint=s3.url)
    assert refused(available, source, client, PATIENCE, None).reason is Reason.SOURCE_FORBIDDEN

    s3.open_to_everybody("public")
    assert [one.version.text for one in available(source, client, PATIENCE, None)] == [VERSION]
    (asset,) = resolve(source, parse_version(VERSION), client, PATIENCE)
    assert part(client, asset, 0, 3) == b"012"
    assert httpx.get(asset.url, timeout=60).content == BODY


def test_no_such_bucket_and_nobody_there_have_their_words(s3: S3Server, client: Client) -> None:
    none = refused(available, bucket(s3, bucket="none"), client, PATIENCE, None)
    nobody = refused(available, bucket(s3, endpoint="http://127.0.0.1:9"), client, PATIENCE, None)

    assert none.reason is Reason.VERSION_NOT_FOUND
    assert nobody.reason is Reason.SOURCE_UNAVAILABLE
    assert len(nobody.message) < 600


def test_an_own_authority_is_used_for_lists_and_for_bytes(tmp_path: Path) -> None:
    with s3_server(tmp_path / "tls", tls=True) as server:
        server.put("data", f"faces/{ZIP}", BODY)
        trusting = open_client(PATIENCE, ca_bundle=server.certificate)

        (one,) = available(bucket(server), trusting, PATIENCE, None)
        (asset,) = resolve(bucket(server), one.version, trusting, PATIENCE)
        assert part(trusting, asset, 8, 12) == b"8901"
        stranger = refused(available, bucket(server), open_client(PATIENCE), PATIENCE, None)
        assert stranger.reason is Reason.SOURCE_UNAVAILABLE


def test_without_the_extra_the_message_says_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n == "obstore" or n.startswith("obstore.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)

    for call in (available, resolve):
        arguments = (None,) if call is available else ()
        version = () if call is available else (parse_version(VERSION),)
        error = refused(call, S3("data"), *version, client, PATIENCE, *arguments)
        assert error.reason is Reason.SOURCE_UNAVAILABLE
        assert "facedb-release[s3]" in error.message
