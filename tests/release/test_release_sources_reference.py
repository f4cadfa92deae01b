"""References of OCI artifacts and challenges of registries: texts from outside, read without a server."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.sources.asset import version_in
from facedb_release.sources.reference import Oci, repository_of
from facedb_release.sources.registrykey import Credentials, credentials_for, parse_challenges
from facedb_release.version import parse_version

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "address", "tag", "digest"),
    [
        ("ghcr.io/owner/data:{version}", "https://ghcr.io/v2/owner/data", "{version}", None),
        ("oci://ghcr.io/owner/data", "https://ghcr.io/v2/owner/data", "{version}", None),
        ("r.example:5000/a/b/c:v{version}", "https://r.example:5000/v2/a/b/c", "v{version}", None),
        ("http://localhost:5000/a:stable", "http://localhost:5000/v2/a", "stable", None),
        (f"r.example/a@{DIGEST}", "https://r.example/v2/a", None, DIGEST),
        (f"r.example/a:1@{DIGEST}", "https://r.example/v2/a", None, DIGEST),
        ("docker.io/data", "https://registry-1.docker.io/v2/library/data", "{version}", None),
        ("[::1]:5000/a", "https://[::1]:5000/v2/a", "{version}", None),
    ],
)
def test_references_are_read_as_people_write_them(
    reference: str, address: str, tag: str | None, digest: str | None
) -> None:
    found = repository_of(Oci(reference))

    assert (found.address, found.tag, found.digest) == (address, tag, digest)


def test_plain_http_is_only_used_when_it_was_asked_for() -> None:
    assert repository_of(Oci("localhost:5000/a")).address.startswith("https://")
    assert repository_of(Oci("localhost:5000/a", insecure=True)).address.startswith("http://")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "data",
        "host/",
        "host/A",
        "host/a:",
        "host/a@sha256:00",
        "host/a:{file}",
        "user:pw@host/a",
        "host/a//b",
    ],
)
def test_what_is_no_reference_is_refused_where_it_is_written(reference: str) -> None:
    with pytest.raises(ValueError, match=r"not of the form|not a tag"):
        Oci(reference)


@given(st.text(max_size=60) | st.text("ab.:/@{}version-_", max_size=60))
def test_no_text_makes_the_reader_of_references_fail_otherwise(text: str) -> None:
    try:
        found = repository_of(Oci(text))
    except ValueError:
        return
    assert "/v2/" in found.address


def test_a_challenge_is_read_with_its_quotes_and_its_neighbours() -> None:
    text = (
        'Bearer realm="https://r/token",service="a, \\"b\\"", scope="repository:x:pull,push", Basic realm=z'
    )

    bearer, basic = parse_challenges([text])
    assert (bearer.scheme, basic.scheme) == ("bearer", "basic")
    assert bearer.parameters == {
        "realm": "https://r/token",
        "service": 'a, "b"',
        "scope": "repository:x:pull,push",
    }
    assert basic.parameters == {"realm": "z"}


@given(st.lists(st.text(max_size=80) | st.text('Bearer ="\\,ab', max_size=200), max_size=3))
def test_no_challenge_makes_the_reader_fail(values: list[str]) -> None:
    parse_challenges(values)


def test_a_long_challenge_is_read_in_no_time() -> None:
    parse_challenges(["a" * 1_000_000, 'a="' + "\\" * 100_000, "a " * 100_000])


def test_who_we_are_stands_in_the_environment_or_in_dockers_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    auth = b64encode(b"ann:of:colons").decode()
    logins = {"r.example": {"auth": auth}, "https://s.example/": {"username": "bob", "password": "b"}}
    logins["https://index.docker.io/v1/"] = {"auth": auth}
    (tmp_path / "config.json").write_text(json.dumps({"auths": logins}))

    assert credentials_for("r.example") == Credentials("ann", "of:colons")
    assert credentials_for("s.example") == Credentials("bob", "b")
    assert credentials_for("docker.io") == Credentials("ann", "of:colons")
    assert credentials_for("other.example") is None

    monkeypatch.setenv("FACEDB_REGISTRY_USER", "eve")
    monkeypatch.setenv("FACEDB_REGISTRY_PASSWORD", "e")
    assert credentials_for("r.example") == Credentials("eve", "e")
    assert "e'" not in repr(Credentials("bob", "e"))


@pytest.mark.parametrize("text", ["", "[]", '{"auths": []}', '{"auths": {"h": {"auth": "%"}}}', "[" * 9999])
def test_a_config_that_cannot_be_read_means_nobody(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(text)

    assert credentials_for("h") is None


@pytest.mark.parametrize(
    ("text", "pattern", "version"),
    [
        ("a-v2026.02.18.zip", "a-v{version}.zip", "2026.02.18"),
        ("a-v2026.02.18.1.zip", "a-v{version}.zip", "2026.02.18.1"),
        ("2026.02.18/a-2026.02.18.zip", "{version}/a-{version}.zip", "2026.02.18"),
        ("2026.02.18/a-2026.02.19.zip", "{version}/a-{version}.zip", None),
        ("xx-2026.02.18.zip", "*-{version}.zip", "2026.02.18"),
        ("a-v2026.02.18.from-v2026.01.01.zip", "a-v{version}.zip", None),
        ("a-v2026.13.18.zip", "a-v{version}.zip", None),
        ("a.zip", "a.zip", None),
    ],
)
def test_a_version_is_read_out_of_a_name(text: str, pattern: str, version: str | None) -> None:
    assert version_in(text, pattern) == (parse_version(version) if version else None)
