"""Each example is applied to the node as a user would, but for what `moved` tells, and serves its release."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import archive_name, make_release, with_flipped_byte
from cluster.kept import wait_kept
from cluster.moved import MODELS_CLAIM, MODELS_PATH, Here, moved
from cluster.node import node
from cluster.places import Place
from cluster.plugin import facedb
from cluster.prometheus import prometheus
from cluster.stage import DATA_REPOSITORY, FIRST, MODELS_REPOSITORY, ROOT, SECOND, Stage
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from go_server import make_certificates
from registry import PASSWORD, USER, Registry, registry
from release_server import ReleaseServer
from release_tls import encrypt

pytestmark = pytest.mark.cluster

NAMESPACE = "examples"
# Outside of every example's channel.
BAD = "2027.01.01"


@pytest.fixture(scope="module")
def root(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good releases, a bad one, and the models, as a publisher has them."""
    root: Path = tmp_path_factory.mktemp("published")
    shutil.copytree(stage.root / MODELS_REPOSITORY, root / MODELS_REPOSITORY)
    for version in (FIRST, SECOND):
        tag = f"{DATA_REPOSITORY}/v{version}"
        shutil.copytree(stage.root / tag, root / tag)
    good = make_release(tmp_path_factory.mktemp("made"), BAD, performers=60, seed=99)
    bad = root / DATA_REPOSITORY / f"v{BAD}" / archive_name(BAD)
    bad.parent.mkdir()
    with_flipped_byte(good, "face_arcface.voy", out=bad)
    return root


@pytest.fixture(scope="module")
def server(root: Path, place: Place) -> Iterator[ReleaseServer]:
    """Where the releases are published."""
    with ReleaseServer(root, host=place.host) as running:
        yield running


@pytest.fixture(scope="module")
def mirrors(root: Path, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A mirror behind TLS, with the file of its authority."""
    made = make_certificates(tmp_path_factory.mktemp("tls"), place.host)
    with ReleaseServer(root, host=place.host) as running:
        encrypt(running, made)
        yield running.url, made.authority


@pytest.fixture(scope="module")
def artifacts(
    root: Path, stage: Stage, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry behind TLS and a password, with the releases and the models in it."""
    folder = tmp_path_factory.mktemp("registry") / "it"
    with registry(folder, tls=True, auth="basic", address=place.host) as running:
        for version in (FIRST, SECOND):
            archive = root / DATA_REPOSITORY / f"v{version}" / archive_name(version)
            running.push("faces/data", version, {archive.name: archive.read_bytes()})
        models = root / MODELS_REPOSITORY / "models"
        running.push("faces/models", "1", {m.name: (models / m.name).read_bytes() for m in stage.models})
        yield running


@pytest.fixture(scope="module")
def metrics(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), place.host) as url:
        yield url


@pytest.fixture(scope="module")
def here(root: Path, stage: Stage, place: Place, server: ReleaseServer) -> Here:
    """What every example needs, in a namespace that enforces restricted Pod Security."""
    place.kubernetes.ensure_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
    digests = {
        version: "sha256:"
        + hashlib.sha256(
            (root / DATA_REPOSITORY / f"v{version}" / archive_name(version)).read_bytes()
        ).hexdigest()
        for version in (FIRST, SECOND)
    }
    return Here(server.url, stage.models, digests=digests, image=place.images.sidecar)


@pytest.fixture(scope="module", autouse=True)
def namespace(place: Place) -> Iterator[None]:
    """Everything of this module goes with its namespace."""
    yield
    place.kubernetes.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


class Example:
    """An example on the node. Its database goes when the test ends."""

    def __init__(self, folder: str, here: Here, place: Place, stage: Stage, server: ReleaseServer) -> None:
        self.body = yaml.safe_load((ROOT / "examples" / folder / "facedatabase.yaml").read_text())
        self.here, self.place = here, place
        self.database = Database(place, stage, server, NAMESPACE, self.body["metadata"]["name"])

    def apply(self, version: str | None = None) -> None:
        """Kubectl apply, at another version if one is given."""
        body = moved(self.body, NAMESPACE, self.here)
        self.place.kubernetes.apply(body | {"spec": body["spec"] | ({"version": version} if version else {})})

    def updates(self) -> None:
        """From the release before to the one that the example names."""
        self.apply(FIRST)
        self.serves(FIRST)
        self.apply()
        self.serves(SECOND)

    def serves(self, version: str) -> None:
        """Wait until it does, and hold the pods against the example."""
        self.database.wait_serving(version)
        wanted = self.body["spec"]["sidecar"].get("replicas", 1)
        wait_until(
            lambda: self.database.status()["readyReplicas"] == wanted,
            f"{wanted} pods",
            timeout_s=120,
            tell=self.database.describe,
        )


@pytest.fixture
def example(
    request: pytest.FixtureRequest, here: Here, place: Place, stage: Stage, server: ReleaseServer
) -> Iterator[Any]:
    """Makes an Example of a folder's name."""
    made: list[Example] = []

    def of(folder: str, **more: Any) -> Example:
        facts = Here(**{**here.__dict__, **more})
        made.append(Example(folder, facts, place, stage, server))
        return made[-1]

    yield of
    for each in made:
        place.kubernetes.kubectl("delete", "fdb", each.database.name, "-n", NAMESPACE, "--timeout=600s")
        place.kubernetes.kubectl(
            *("delete", "pods", "-n", NAMESPACE, "--timeout=600s"),
            *("-l", f"facedb.dev/database={each.database.name}"),
        )


@pytest.fixture
def one_gpu(place: Place) -> Iterator[None]:
    """k3s with one GPU: the scheduler counts it, and there is a runtime class for it."""
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}}
    place.kubernetes.apply(runtime | {"handler": "runc"})
    node.set_pretend_gpus(1)
    yield
    node.set_pretend_gpus(0)
    place.kubernetes.kubectl("delete", "runtimeclass", "nvidia")


def secret(place: Place, *words: str) -> None:
    """Kubectl create secret, as the example tells."""
    place.kubernetes.kubectl("delete", "secret", words[1], "-n", NAMESPACE, "--ignore-not-found")
    place.kubernetes.kubectl("create", "secret", *words, "-n", NAMESPACE)


def authority(place: Place, file: Path) -> None:
    """Kubectl create configmap own-ca, as the example tells."""
    place.kubernetes.kubectl("delete", "configmap", "own-ca", "-n", NAMESPACE, "--ignore-not-found")
    place.kubernetes.kubectl("create", "configmap", "own-ca", f"--from-file=ca.crt={file}", "-n", NAMESPACE)


def fill_models(place: Place, here: Here) -> None:
    """What somebody does by hand where there is no network: a volume with the models on it."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": MODELS_CLAIM}}
    claim["metadata"]["namespace"] = NAMESPACE  # type: ignore[index]
    claim["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "256Mi"}}}
    urls = [f"{here.server}/files/{MODELS_REPOSITORY}/models/{m.name}" for m in here.models]
    code = (
        "import sys, pathlib, urllib.request as r\n"
        f"into = pathlib.Path('/models/{MODELS_PATH}'); into.mkdir(exist_ok=True)\n"
        "for url in sys.argv[1:]: (into / url.rpartition('/')[2]).write_bytes(r.urlopen(url).read())"
    )
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "fill", "image": here.image, "command": ["python", "-c", code, *urls]}
    container |= {"securityContext": locked, "volumeMounts": [{"name": "models", "mountPath": "/models"}]}
    spec = {"restartPolicy": "Never", "containers": [container], "automountServiceAccountToken": False}
    user = {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
    spec["securityContext"] = user | {"seccompProfile": {"type": "RuntimeDefault"}}
    spec["volumes"] = [{"name": "models", "persistentVolumeClaim": {"claimName": MODELS_CLAIM}}]
    meta = {"name": "fill-models", "namespace": NAMESPACE}
    place.kubernetes.apply(claim, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    place.kubernetes.kubectl(
        *("wait", "pod/fill-models", "-n", NAMESPACE),
        *("--for=jsonpath={.status.phase}=Succeeded", "--timeout=600s"),
    )


def test_the_first_release_serves_on_one_gpu(example: Any, one_gpu: None) -> None:
    first = example("01-first-release")
    first.apply()
    first.serves(SECOND)


def test_the_home_lab_updates_on_one_gpu_and_tells_the_gap(example: Any, one_gpu: None, place: Place) -> None:
    home = example("03-home-lab")
    secret(place, "generic", "stash", "--from-literal=api-key=k")
    home.updates()
    last = home.database.status()["history"][-1]
    assert (last["outcome"], last["version"]) == ("Succeeded", SECOND)
    assert last["unavailableSeconds"] > 0


def test_the_channel_takes_its_newest_release_first(example: Any, one_gpu: None) -> None:
    channel = example("04-channel")
    channel.apply()
    channel.serves(SECOND)
    assert channel.database.status()["desired"]["resolvedFrom"] == "2026.x"


def test_old_releases_are_kept_as_snapshots(example: Any) -> None:
    kept = example("05-snapshots")
    kept.updates()

    wait_kept(kept.database, claims=[SECOND], snapshots=[FIRST, SECOND])


def test_the_canary_waits_for_its_promotion_with_every_check(example: Any, metrics: str) -> None:
    canary = example("06-canary", prometheus=metrics)
    canary.apply(FIRST)
    canary.serves(FIRST)
    canary.apply()

    def waits() -> bool:
        return "promote" in canary.database.condition("Progressing").get("message", "")

    wait_until(waits, "the pause without an end", timeout_s=240, tell=canary.database.describe)
    facedb(canary.database, "promote", canary.database.name)
    canary.serves(SECOND)


def test_blue_and_green_change_places(example: Any) -> None:
    green = example("07-blue-green")
    green.updates()
    assert green.database.status()["history"][-1]["unavailableSeconds"] == 0


def test_without_the_internet_the_second_mirror_and_a_volume_will_do(
    example: Any, place: Place, here: Here, mirrors: tuple[str, Path]
) -> None:
    url, file = mirrors
    # Nobody listens there.
    gap = example("08-mirrors-and-air-gap", mirrors=(f"https://{place.host}:9", url))
    authority(place, file)
    fill_models(place, here)
    gap.apply()
    gap.serves(SECOND)


def test_a_registry_has_releases_and_models(example: Any, place: Place, artifacts: Registry) -> None:
    oci = example("11-oci", registry=artifacts.host)
    assert artifacts.certificate is not None
    authority(place, artifacts.certificate)
    secret(
        place,
        *("docker-registry", "registry", f"--docker-server={artifacts.host}"),
        *(f"--docker-username={USER}", f"--docker-password={PASSWORD}"),
    )
    oci.apply()
    oci.serves(SECOND)


def test_each_pod_has_a_volume_of_its_own(example: Any, place: Place) -> None:
    apart = example("12-per-pod-volumes")
    apart.apply()
    apart.serves(SECOND)
    mounted = [
        volume["ephemeral"]
        for pod in apart.database.pods()
        for volume in pod["spec"]["volumes"]
        if "ephemeral" in volume
    ]
    assert len(mounted) == 3


def test_the_drill_goes_as_its_readme_says(example: Any) -> None:
    drill = example("13-rollback-drill")
    database = drill.database
    drill.apply()
    drill.serves(FIRST)
    drill.apply(SECOND)
    drill.serves(SECOND)
    facedb(database, "rollback", database.name, FIRST)
    database.wait("Ready", "False", "RolledBack")
    assert database.status()["active"]["version"] == FIRST
    assert database.get()["spec"]["version"] == SECOND
    facedb(database, "retry", database.name)
    drill.serves(SECOND)
    drill.apply(BAD)
    told = database.wait("Stalled", "True", "RolledBack")
    assert "face_arcface.voy" in told["message"]
    assert database.status()["active"]["version"] == SECOND
    history = json.loads(facedb(database, "history", database.name, "-o", "json"))
    assert BAD in json.dumps(history)


def test_every_example_of_a_database_is_applied_by_a_test_of_this_file() -> None:
    folders = {p.parent.name for p in (ROOT / "examples").glob("*/facedatabase.yaml")}
    text = Path(__file__).read_text()
    assert sorted(folder for folder in folders if f'example("{folder}"' not in text) == []
