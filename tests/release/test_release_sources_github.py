"""GitHub's releases API, by a real server that speaks it: lists, pages, tags, ETags, limits, tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import Client
from facedb_release.sources import github
from facedb_release.sources.offers import Available, GitHub, available, resolve, sibling
from facedb_release.transport import Patience, open_client, request
from facedb_release.version import parse_version
from release_server import ReleaseServer

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=3, wait=lambda _: None)


@pytest.fixture
def client() -> Client:
    return open_client(PATIENCE)


def publish(server: ReleaseServer, version: str, *, tag: str | None = None, also: str | None = None) -> None:
    folder = server.root.parent / "made"
    folder.mkdir(exist_ok=True)
    for name in (f"stash-sense-data-v{version}.zip", also):
        if name:
            (folder / name).write_bytes(name.encode())
            server.publish(folder / name, tag=tag or f"v{version}")


def source_of(server: ReleaseServer) -> GitHub:
    return GitHub("owner/data", server.url)


def versions(found: tuple[Available, ...]) -> list[str]:
    return [one.version.text for one in found]


def test_versions_are_listed_newest_first_by_the_calendar_over_all_pages(
    server: ReleaseServer, client: Client
) -> None:
    for version in ("2026.9.1", "2026.10.1", "2025.12.31", "2026.02.18", "2026.02.18.1"):
        publish(server, version)
    server.faults.page_size = 2

    found = available(source_of(server), client, PATIENCE, None)

    assert versions(found) == ["2026.10.1", "2026.9.1", "2026.02.18.1", "2026.02.18", "2025.12.31"]
    assert len(server.seen) == 3
    assert found[0].digest is not None
    assert (found[0].name, found[0].size) == ("stash-sense-data-v2026.10.1.zip", 31)
    assert found[0].published_at is not None
    assert found[0].published_at.tzinfo is not None


def test_drafts_previews_other_tags_and_releases_without_an_archive_are_left_out(
    server: ReleaseServer, client: Client, tmp_path: Path
) -> None:
    for version in ("2026.01.01", "2026.02.01", "2026.03.01"):
        publish(server, version)
    publish(server, "2026.04.01", tag="models")
    (server.root / "owner/data/v2026.05.01").mkdir()
    server.faults.drafts, server.faults.previews = {"v2026.02.01"}, {"v2026.03.01"}

    assert versions(available(source_of(server), client, PATIENCE, None)) == ["2026.01.01"]


def test_an_unknown_repository_is_named(server: ReleaseServer, client: Client) -> None:
    with pytest.raises(SourceTrouble, match="owner/nothing") as caught:
        available(GitHub("owner/nothing", server.url), client, PATIENCE, None)
    assert caught.value.reason is Reason.VERSION_NOT_FOUND


def test_a_list_that_has_not_changed_costs_nothing(server: ReleaseServer, client: Client) -> None:
    for version in ("2026.01.01", "2026.02.01", "2026.03.01"):
        publish(server, version)
    server.faults.page_size, server.faults.questions_left = 2, 3
    source = source_of(server)

    first = github.available(source, client, PATIENCE)
    again = github.available(source, client, PATIENCE, first.pages)

    assert again.found == first.found
    assert [s.status for s in server.seen] == [200, 200, 304, 304]
    assert server.faults.questions_left == 1

    publish(server, "2026.04.01")
    server.faults.questions_left = None
    assert versions(github.available(source, client, PATIENCE, first.pages).found)[0] == "2026.04.01"


def test_the_last_question_that_a_limit_allows_says_how_long_to_wait(
    server: ReleaseServer, client: Client
) -> None:
    publish(server, "2026.01.01")
    server.faults.questions_left = 1

    answer = github.available(source_of(server), client, PATIENCE)

    assert answer.wait_seconds is not None
    assert 1700 < answer.wait_seconds <= 1801
    with pytest.raises(SourceTrouble) as caught:
        github.available(source_of(server), client, PATIENCE)
    assert caught.value.reason is Reason.SOURCE_FORBIDDEN


def test_a_limit_that_ends_soon_is_waited_for_and_another_is_not(
    server: ReleaseServer, client: Client
) -> None:
    publish(server, "2026.01.01")
    waited: list[float] = []
    patience = Patience(attempts=3, wait=waited.append)
    server.faults.fail_status, server.faults.fail_times, server.faults.retry_after = 429, 1, "7"

    assert versions(available(source_of(server), client, patience, None)) == ["2026.01.01"]
    assert waited == [7.0]

    server.faults.fail_times, server.faults.retry_after = 1, "3600"
    with pytest.raises(SourceTrouble) as caught:
        available(source_of(server), client, patience, None)
    assert caught.value.reason is Reason.SOURCE_FORBIDDEN
    assert len(waited) == 1


@pytest.mark.parametrize("status", [403, 429])
def test_how_long_to_wait_may_be_a_date(server: ReleaseServer, client: Client, status: int) -> None:
    publish(server, "2026.01.01")
    waited: list[float] = []
    server.faults.fail_status, server.faults.fail_times = status, 1
    server.faults.retry_after = "Wed, 21 Oct 2015 07:28:00 GMT"

    assert available(source_of(server), client, Patience(attempts=3, wait=waited.append), None)
    assert len(waited) == 1


def test_a_tag_without_its_v_is_found_too(server: ReleaseServer, client: Client) -> None:
    publish(server, "2026.02.18", tag="2026.02.18")

    (asset,) = resolve(source_of(server), parse_version("2026.02.18"), client, PATIENCE)
    assert asset.name == "stash-sense-data-v2026.02.18.zip"


def test_a_file_beside_the_archive_is_found_by_its_name(server: ReleaseServer, client: Client) -> None:
    patch = "stash-sense-data-v2026.03.01.from-v2026.02.18.zip"
    publish(server, "2026.03.01", also=patch)
    source, version = source_of(server), parse_version("2026.03.01")

    assert [a.name for a in resolve(source, version, client, PATIENCE)] == [
        "stash-sense-data-v2026.03.01.zip"
    ]
    (found,) = sibling(source, version, patch, client, PATIENCE)
    assert found.digest is not None
    assert sibling(source, version, "other.zip", client, PATIENCE) == ()
    with pytest.raises(ValueError, match="not the name of a file"):
        sibling(source, version, "../other.zip", client, PATIENCE)


def test_the_token_goes_to_the_api_and_to_no_storage(
    server: ReleaseServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEDB_TOKEN", "secret")
    server.faults.token = "secret"
    publish(server, "2026.01.01")
    with ReleaseServer(server.root) as storage:
        server.storage = storage

        (asset,) = resolve(source_of(server), parse_version("2026.01.01"), client, PATIENCE)
        with request(client, asset.url, {**dict(asset.headers), "Range": "bytes=0-3"}) as response:
            assert b"".join(response.iter_raw()) == b"stas"

    assert {s.headers.get("authorization") for s in server.seen} == {"Bearer secret"}
    (stored,) = storage.seen
    assert (stored.status, stored.range) == (206, "bytes=0-3")
    assert "secret" not in str(stored.headers)


def test_an_answer_that_names_another_server_gets_no_token(
    server: ReleaseServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, "2026.01.01")
    monkeypatch.setenv("FACEDB_TOKEN", "secret")
    near = GitHub("owner/data", server.url)
    # The same server under another name: its answers name the address that they were asked at.
    (trusted,) = resolve(near, parse_version("2026.01.01"), client, PATIENCE)
    assert ("Authorization", "Bearer secret") in trusted.headers

    foreign = github._asset({**raw_asset(trusted.url), "url": "https://elsewhere.example/1"}, near)
    assert (foreign.url, dict(foreign.headers)) == (
        "https://elsewhere.example/2",
        {"Accept": "application/octet-stream"},
    )


def raw_asset(url: str) -> dict[str, object]:
    return {"url": url, "browser_download_url": "https://elsewhere.example/2", "name": "a.zip", "size": 1}


@pytest.mark.parametrize(
    "body",
    ["[]", "{", "null", '{"assets": [{}]}', "[" * 100_000],
    ids=["list", "cut", "null", "empty", "deep"],
)
def test_what_does_not_speak_the_api_is_an_unavailable_source(
    server: ReleaseServer, client: Client, body: str
) -> None:
    path = server.root / "repos" / "o" / "r" / "releases" / "tags"
    path.mkdir(parents=True)
    (path / "v2026.01.01").write_text(body)
    source = GitHub("o/r", f"{server.url}/files")

    with pytest.raises(SourceTrouble) as caught:
        resolve(source, parse_version("2026.01.01"), client, PATIENCE)
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE
