"""How Jobs reach each kind of source: words, variables, mounts and volumes, whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from facedb_operator import objects
from facedb_operator.names import Component
from facedb_operator.objects.sources import Reach, reach
from facedb_operator.spec import parse_spec
from facedb_operator.spec.fields import ObjectKey
from facedb_operator.spec.network import Network
from facedb_operator.spec.sources import (
    GitHubSource,
    HttpSource,
    OciSource,
    S3Source,
    Source,
    VolumeSource,
    read_source,
)
from facedb_operator.steps import StartLookup
from facedb_release.__main__ import app
from world_objects import base_spec

KEY = ObjectKey("secret-name", "secret-key")
REF = {"name": "secret-name", "key": "secret-key"}


def variable(name: str, key: str = "secret-key", **more: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "secret-name", "key": key, **more}}}


GOLDEN: dict[str, tuple[Source, Reach]] = {
    "GitHub": (
        Source(GitHubSource("owner/data", None, None, None)),
        Reach(("--github=owner/data",)),
    ),
    "GitHub with everything": (
        Source(GitHubSource("owner/app", "https://api.example", "*.zip", KEY, "models")),
        Reach(
            (
                "--github=owner/app",
                "--api-url=https://api.example",
                "--asset-pattern=*.zip",
                "--tag=models",
            ),
            env=(variable("FACEDB_TOKEN"),),
        ),
    ),
    "mirrors in their order": (
        Source(HttpSource(("https://b.example/{version}", "https://a.example/{version}"))),
        Reach(("--http=https://b.example/{version}", "--http=https://a.example/{version}")),
    ),
    "a bucket": (
        Source(S3Source("s3://bucket/{version}", "https://s3.example", "eu-central-1", "secret-name")),
        Reach(
            ("--s3=s3://bucket/{version}", "--s3-endpoint=https://s3.example", "--s3-region=eu-central-1"),
            env=(
                variable("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
                variable("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
                variable("AWS_SESSION_TOKEN", "AWS_SESSION_TOKEN", optional=True),
            ),
        ),
    ),
    "an open bucket": (
        Source(S3Source("s3://bucket/{version}", None, None, None)),
        Reach(("--s3=s3://bucket/{version}",)),
    ),
    "a registry": (
        Source(OciSource("a.example/b:{version}", "secret-name")),
        Reach(
            ("--oci=a.example/b:{version}",),
            env=({"name": "DOCKER_CONFIG", "value": "/etc/facedb/docker"},),
            mounts=({"name": "docker", "mountPath": "/etc/facedb/docker", "readOnly": True},),
            volumes=(
                {
                    "name": "docker",
                    "secret": {
                        "secretName": "secret-name",
                        "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
                    },
                },
            ),
        ),
    ),
    "a folder": (
        Source(VolumeSource("mirror", "a/b/")),
        Reach(
            ("--folder=/source/a/b",),
            mounts=({"name": "source", "mountPath": "/source", "readOnly": True},),
            volumes=({"name": "source", "persistentVolumeClaim": {"claimName": "mirror", "readOnly": True}},),
        ),
    ),
    "a claim's root": (
        Source(VolumeSource("mirror", "")),
        Reach(
            ("--folder=/source",),
            mounts=({"name": "source", "mountPath": "/source", "readOnly": True},),
            volumes=({"name": "source", "persistentVolumeClaim": {"claimName": "mirror", "readOnly": True}},),
        ),
    ),
    "authorities, proxy and headers": (
        Source(
            HttpSource(("https://a.example/{version}",)), ObjectKey("map", "pem"), "http://proxy:3128", KEY
        ),
        Reach(
            (
                "--http=https://a.example/{version}",
                "--ca-bundle=/etc/facedb/ca/ca.crt",
                "--proxy=http://proxy:3128",
            ),
            env=(variable("FACEDB_HEADERS"),),
            mounts=({"name": "ca", "mountPath": "/etc/facedb/ca", "readOnly": True},),
            volumes=(
                {"name": "ca", "configMap": {"name": "map", "items": [{"key": "pem", "path": "ca.crt"}]}},
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_source_is_reached_by_these_words_variables_and_volumes(name: str) -> None:
    source, wanted = GOLDEN[name]
    assert reach(source, Network()) == wanted


def full_spec() -> dict[str, Any]:
    """Each Job with a source that has everything."""
    around = {
        "caBundleRef": {"name": "map", "key": "pem"},
        "headersSecretRef": REF,
        "proxy": "http://proxy:1",
    }
    s3 = {"url": "s3://bucket/{version}", "credentialsSecretRef": {"name": "secret-name"}}
    oci = {"reference": "a.example/models:1", "credentialsSecretRef": {"name": "secret-name"}}
    spec = base_spec()
    spec["models"] = {**spec["models"], "source": {"oci": oci, **around}}
    return {**spec, "source": {"s3": s3, **around}}


def jobs(spec: dict[str, Any]) -> list[dict[str, Any]]:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    db = parse_spec({"metadata": meta, "spec": spec}, default_image="sidecar:1")
    fetches = [objects.fetch_job(db, component, 1) for component in (Component.RELEASE, Component.MODELS)]
    return [*fetches, objects.lookup_job(db, StartLookup("key", "latest"))]


def test_each_job_mounts_what_its_words_name_and_names_no_volume_twice() -> None:
    for job in jobs(full_spec()):
        pod = job["spec"]["template"]["spec"]
        container = pod["containers"][0]
        volumes = [v["name"] for v in pod["volumes"]]
        mounted = [m["name"] for m in container["volumeMounts"]]
        assert len(volumes) == len(set(volumes))
        assert len(mounted) == len({m["mountPath"] for m in container["volumeMounts"]})
        # The state is named and not mounted, so that it lands where the others do.
        assert set(mounted) | {"state"} >= set(volumes)
        names = [e["name"] for e in container["env"]]
        assert len(names) == len(set(names))
        assert "--ca-bundle=/etc/facedb/ca/ca.crt" in container["command"]


def test_a_secret_is_referred_to_and_never_read() -> None:
    """Objects can be read by people who may not read Secrets."""
    for job in jobs(full_spec()):
        for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]:
            if entry["name"] in ("FACEDB_TOKEN", "FACEDB_HEADERS") or entry["name"].startswith("AWS_"):
                assert set(entry) == {"name", "valueFrom"}
    assert "secret-name" in json.dumps(jobs(full_spec()))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)
OPTIONS = st.sampled_from(
    ["--into=/etc", "-", "--", "-x", "--digest", "--http=http://evil.example/{version}"]
)
HOSTILE = TEXT | OPTIONS
PLACES = st.one_of(
    st.builds(GitHubSource, HOSTILE, HOSTILE, HOSTILE, st.none(), HOSTILE),
    st.builds(HttpSource, st.lists(HOSTILE, min_size=1).map(tuple)),
    st.builds(S3Source, HOSTILE, HOSTILE, HOSTILE, st.none()),
    st.builds(OciSource, HOSTILE, st.none()),
    st.builds(VolumeSource, HOSTILE, HOSTILE),
)
KNOWN = (
    "github",
    "api-url",
    "asset-pattern",
    "tag",
    "http",
    "s3",
    "s3-endpoint",
    "s3-region",
    "oci",
    "folder",
)
ALLOWED = tuple(f"--{name}=" for name in (*KNOWN, "ca-bundle", "proxy"))


@given(st.builds(Source, PLACES, st.none(), st.none() | HOSTILE, st.none()))
def test_nothing_that_a_user_writes_becomes_an_option(source: Source) -> None:
    """Each word is one of our options with its value behind an equals sign, whatever the value is."""
    words = reach(source, Network()).words
    assert all(word.startswith(ALLOWED) for word in words)
    place = source.place
    given_values = [v for v in vars(place).values() if isinstance(v, str)] if vars(place) else []
    urls = list(place.urls) if isinstance(place, HttpSource) else []
    if not isinstance(place, VolumeSource):
        assert sorted(w.partition("=")[2].replace("$$", "$") for w in words) == sorted(
            [*given_values, *urls, *([source.proxy] if source.proxy else [])]
        )


def test_the_kubelet_puts_no_secret_into_a_command() -> None:
    source = Source(HttpSource(("https://a.example/$(FACEDB_HEADERS)/{version}",)), headers=KEY)
    assert reach(source, Network()).words == ("--http=https://a.example/$$(FACEDB_HEADERS)/{version}",)


@pytest.mark.parametrize("command", ["fetch", "lookup"])
def test_the_command_takes_a_value_that_looks_like_an_option_as_a_value(command: str) -> None:
    """The true parser: it names the value that it does not like, and does not obey it."""
    words = reach(Source(GitHubSource("--into=/etc", None, None, None)), Network()).words
    into = ["--into", "x"] if command == "fetch" else []
    done = CliRunner().invoke(app, [command, *into, "--version", "latest", *words])
    assert done.exit_code != 0
    assert "OWNER/REPO" in done.output


@pytest.mark.parametrize(
    ("raw", "words"),
    [({}, "no place"), ({"http": {"urls": ["x"]}, "oci": {"reference": "y"}}, "http, oci")],
)
def test_a_source_of_none_or_two_kinds_is_refused(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        read_source(raw, "spec.source", {})
