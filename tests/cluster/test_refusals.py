"""What users get wrong: each mistake has its own reason and message, and never touches what serves."""

from __future__ import annotations

import pytest

from cluster.stage import CORRUPT, DATA_REPOSITORY, FIRST, INCOMPLETE, NO_ASSET, UNPUBLISHED, database
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

# Nothing listens on this port of the node's own address.
NOWHERE = "http://10.213.0.1:9"


@pytest.mark.parametrize(
    ("version", "reason", "says"),
    [
        pytest.param(UNPUBLISHED, "VersionNotFound", UNPUBLISHED, id="a version that was never published"),
        pytest.param(NO_ASSET, "AssetNotFound", ".zip", id="a release without its archive"),
        pytest.param(
            CORRUPT,
            "WrongChecksum",
            "face_arcface.voy",
            marks=pytest.mark.fault("release has a flipped byte in a file"),
            id="a file with a wrong checksum",
        ),
        pytest.param(
            INCOMPLETE,
            "MissingFile",
            "face_facenet.voy",
            marks=pytest.mark.fault("release lacks a file"),
            id="an archive that lacks a file",
        ),
    ],
)
def test_a_refused_release_is_named_and_leaves_what_serves_alone(
    serving: Database, version: str, reason: str, says: str
) -> None:
    pods = [p["metadata"]["uid"] for p in serving.pods()]
    serving.apply(version)
    verified = serving.wait("Verified", "False" if reason[0] in "WM" else "Unknown", reason)
    assert says in verified["message"]
    stalled = serving.wait("Stalled", "True")
    assert says in stalled["message"]
    assert serving.condition("Available")["status"] == "True"
    assert serving.status()["active"]["version"] == FIRST
    assert [p["metadata"]["uid"] for p in serving.pods()] == pods


def test_an_unreachable_source_is_named_and_tried_again(serving: Database) -> None:
    serving.apply("2026.02.13", source={"github": {"repository": DATA_REPOSITORY, "apiURL": NOWHERE}})
    ready = serving.wait("Ready", "False", "SourceUnavailable")
    assert NOWHERE.removeprefix("http://") in ready["message"]
    assert serving.condition("Reconciling")["status"] == "True"
    assert serving.condition("Available")["status"] == "True"


def test_a_corrupt_release_is_fetched_again_only_with_a_new_retry_token(serving: Database) -> None:
    serving.apply(CORRUPT)
    serving.wait("Stalled", "True", "RolledBack")
    first = len(serving.status()["bad"])
    serving.apply(CORRUPT, annotations={"facedb.dev/retry": "1"})
    serving.wait("Ready", "False", "Fetching")
    serving.wait("Stalled", "True", "RolledBack")
    assert len(serving.status()["bad"]) == first + 1
    assert serving.status()["handled"] == {"retry": "1"}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param({"version": "v2026.02.18"}, "spec.version", id="a version with a v"),
        pytest.param({"version": "2026.2.18"}, "spec.version", id="a version without zeros"),
        pytest.param({"digest": "sha256:12"}, "spec.digest", id="a short digest"),
        pytest.param(
            {"source": {"github": {}, "http": {"urls": ["http://x/{version}"]}}},
            "spec.source",
            id="two sources",
        ),
        pytest.param(
            {"source": {"http": {"urls": ["http://x/latest.zip"]}}},
            "spec.source.http.urls",
            id="a URL without version",
        ),
        pytest.param({"models": {"files": []}}, "spec.models.files", id="no models"),
        pytest.param({"sidecar": {"replicas": -1}}, "spec.sidecar.replicas", id="negative replicas"),
        pytest.param({"sidecar": {"device": "tpu"}}, "spec.sidecar.device", id="an unknown device"),
        pytest.param(
            {"sidecar": {"stash": {"url": "stash:9999"}}}, "spec.sidecar.stash.url", id="a Stash without http"
        ),
        pytest.param(
            {"sidecar": {"stash": {"url": "http://stash", "apiKeySecretRef": {"name": "stash"}}}},
            "spec.sidecar.stash.apiKeySecretRef",
            id="a Secret without key",
        ),
        pytest.param(
            {"sidecar": {"state": {"deletionPolicy": "Maybe"}}},
            "spec.sidecar.state.deletionPolicy",
            id="an unknown policy for the state",
        ),
        pytest.param(
            {"sidecar": {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}},
            "spec.sidecar.env",
            id="a variable twice",
        ),
        pytest.param({"rollout": {"strategy": "Yolo"}}, "spec.rollout.strategy", id="an unknown strategy"),
        pytest.param({"rollout": {"drain": "soon"}}, "spec.rollout.drain", id="a drain that is no duration"),
        pytest.param({"verison": "2026.02.18"}, "verison", id="a misspelled field"),
    ],
)
def test_a_wrong_field_is_refused_by_the_api_server_with_its_name(
    fdb: Database, change: dict[str, object], names: str
) -> None:
    spec = {**fdb.stage.spec(fdb.server, FIRST), **change}
    with pytest.raises(RuntimeError, match=names.replace(".", r"\.")):
        fdb.place.kubernetes.apply(database("wrong", fdb.namespace, spec))
