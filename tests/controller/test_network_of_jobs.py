"""A proxy and an authority for every database: how Jobs reach what does not say it itself."""

from __future__ import annotations

from typing import Any

from facedb_operator import objects
from facedb_operator.names import Component
from facedb_operator.settings import Settings
from facedb_operator.spec import FaceDatabase, parse_spec
from facedb_operator.spec.fields import ObjectKey
from facedb_operator.spec.network import Network
from facedb_operator.steps import StartLookup
from world_objects import base_spec

OWN = Network(
    (("HTTPS_PROXY", "http://p$(NAME):3128"), ("NO_PROXY", ".svc")), ObjectKey("trusted", "all.pem")
)


def database(network: Network | None = OWN, **source: Any) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    spec = base_spec()
    models = {**spec["models"], "source": {**spec["models"]["source"], **source}}
    body = {"metadata": meta, "spec": {**spec, "models": models, "source": {**spec["source"], **source}}}
    return parse_spec(body, default_image="sidecar:1", network=network)


def pods(db: FaceDatabase) -> list[dict[str, Any]]:
    made = [objects.fetch_job(db, component, 1) for component in (Component.RELEASE, Component.MODELS)]
    made.append(objects.lookup_job(db, StartLookup("key", "latest")))
    return [job["spec"]["template"]["spec"] for job in made]


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}


def test_every_job_that_reaches_a_source_has_the_proxy_and_trusts_the_authority() -> None:
    for pod in pods(database()):
        # $$: the kubelet puts nothing in its place.
        assert environment(pod)["HTTPS_PROXY"] == "http://p$$(NAME):3128"
        assert environment(pod)["NO_PROXY"] == ".svc"
        assert "HTTP_PROXY" not in environment(pod)
        assert "--ca-bundle=/etc/facedb/ca/ca.crt" in pod["containers"][0]["command"]
        (volume,) = [v["configMap"] for v in pod["volumes"] if v["name"] == "ca"]
        assert volume == {"name": "trusted", "items": [{"key": "all.pem", "path": "ca.crt"}]}


def test_what_a_source_says_itself_comes_first() -> None:
    said = {"proxy": "http://mine:1", "caBundleRef": {"name": "mine", "key": "ca.crt"}}
    for pod in pods(database(**said)):
        assert not {"HTTPS_PROXY", "NO_PROXY"} & set(environment(pod))
        assert "--proxy=http://mine:1" in pod["containers"][0]["command"]
        assert [v["configMap"]["name"] for v in pod["volumes"] if v["name"] == "ca"] == ["mine"]


def test_a_volume_needs_neither() -> None:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    spec = {**base_spec(), "source": {"volume": {"claimName": "releases"}}}
    db = parse_spec({"metadata": meta, "spec": spec}, default_image="sidecar:1", network=OWN)
    pod = pods(db)[0]
    assert "HTTPS_PROXY" not in environment(pod)
    assert not [v for v in pod["volumes"] if v["name"] == "ca"]


def test_another_proxy_is_no_other_release_and_no_other_try() -> None:
    told, silent = database(), database(None)
    for key in ("release_key", "fetch_key", "models_fetch_key", "revision_key", "judged_key"):
        assert getattr(told, key) == getattr(silent, key)


def test_the_settings_are_read_from_the_environment() -> None:
    env = {
        "FACEDB_JOB_HTTPS_PROXY": "http://p:1",
        "FACEDB_JOB_NO_PROXY": "",
        "FACEDB_JOB_CA_CONFIG_MAP": "ca",
    }
    assert Settings.from_env(env).network == Network(
        (("HTTPS_PROXY", "http://p:1"),), ObjectKey("ca", "ca.crt")
    )
    keyed = Settings.from_env({**env, "FACEDB_JOB_CA_KEY": "all.pem"}).network
    assert keyed.ca_bundle == ObjectKey("ca", "all.pem")
    assert Settings.from_env({}).network == Network()
    # The operator's own way to the API server is another matter.
    assert Settings.from_env({"HTTPS_PROXY": "http://p:1"}).network == Network()
