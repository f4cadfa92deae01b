"""Values that cannot be meant: Helm stops before anything is made, and names the value."""

from __future__ import annotations

import re

import pytest
import yaml

from chart.renders import SERVED, HelmError, template

pytestmark = pytest.mark.cluster

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("image.tag=1.2.3", f"image.digest={DIGEST}"), "image: set tag or digest, not both"),
        (("image.digest=0123",), "/image/digest.*pattern"),
        (("image.repository=ghcr.io/facedb/operator@sha256:1",), "/image/repository"),
        (("image.repo=x",), "/image.*'repo' not allowed"),
        (("image.pullPolicy=always",), "/image/pullPolicy.*'Always', 'IfNotPresent', 'Never'"),
        (("sidecarImage=ghcr.io/facedb/sidecar",), "/sidecarImage.*pattern"),
        (("replicas=two",), "/replicas.*want integer"),
        (("replicas=9",), "/replicas"),
        (("replica=1",), "'replica' not allowed"),
        (("imagePullSecrets={registry}",), "/imagePullSecrets/0.*want object"),
        (("watchNamespaces=media",), "/watchNamespaces.*want array"),
        (("watchNamespaces={Media}",), "/watchNamespaces/0"),
        (("crds.enabled=false",), "/crds.*'enabled' not allowed"),
        (("crds.keep=no way",), "/crds/keep.*want boolean"),
        (("serviceAccount.create=false",), "serviceAccount.name: say which account"),
        (("proxy.https=proxy.example.org:3128",), "/proxy/https.*pattern"),
        (("extraCA.key=all.pem",), "extraCA: key is set, and no configMap"),
        (("extraCA.secret=ca",), "/extraCA.*'secret' not allowed"),
        (("resources.memory=1Gi",), "/resources.*'memory' not allowed"),
        (("serviceMonitor.interval=often",), "/serviceMonitor/interval"),
        (("databases.stash.version=2026.02.18",), "/databases/stash"),
        (("databases.Stash.spec.version=2026.02.18",), "/databases.*'Stash' not allowed"),
        (("fullnameOverride=My_Name",), "/fullnameOverride"),
        (("podDisruptionBudget.maxUnavailable=half",), "/podDisruptionBudget/maxUnavailable"),
    ],
    ids=lambda v: v[0] if isinstance(v, tuple) else "",
)
def test_a_mistake_is_told_with_the_values_name(values: tuple[str, ...], said: str) -> None:
    with pytest.raises(HelmError) as error:
        template(*(word for value in values for word in ("--set", value)))
    assert re.search(said, str(error.value), re.DOTALL), error.value


def test_databases_without_their_definition_are_told_what_to_do() -> None:
    words = ("--set", "databases.stash.spec.version=2026.02.18")
    without = tuple(s for s in SERVED if "facedb.dev" not in s)
    with pytest.raises(HelmError, match=r"Install the chart without databases, then upgrade"):
        template(*words, served=without)


def image(*values: str) -> str:
    text = template(*(word for value in values for word in ("--set", value)))
    found = next(m for m in yaml.safe_load_all(text) if m and m["kind"] == "Deployment")
    named: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return named


def test_an_image_is_named_by_its_tag_its_digest_or_the_charts_version() -> None:
    assert image("image.tag=1.2.3") == "ghcr.io/facedb/operator:1.2.3"
    assert image(f"image.digest={DIGEST}") == f"ghcr.io/facedb/operator@{DIGEST}"
    assert image("image.repository=127.0.0.1:5000/op") == "127.0.0.1:5000/op:0.1.0"


@pytest.mark.parametrize("sidecar", ["a:5000/b:1", f"a.example/b@{DIGEST}", f"b:1@{DIGEST}"])
def test_a_sidecar_image_may_be_named_in_each_of_these_ways(sidecar: str) -> None:
    assert f"value: {sidecar}" in template("--set", f"sidecarImage={sidecar}").replace('"', "")
