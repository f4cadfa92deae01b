"""The chart on a node: `helm test`, upgrade from the chart before, uninstall, and back; pods serve on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kubernetes import Kubernetes
from cluster.places import Place
from cluster.stage import FIRST, SECOND, install_chart
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

PREVIOUS = Path(__file__).resolve().parents[1] / "chart" / "previous" / "facedb-0.1.0"
RELEASE = ("facedb", "--namespace", "facedb-system")
CRD = "facedatabases.facedb.dev"


@pytest.fixture(scope="module", autouse=True)
def as_before(place: Place) -> Iterator[None]:
    """Whatever happens here, the next module finds the chart installed."""
    yield
    install_chart(place.kubernetes, place.images)


def uids(fdb: Database) -> set[str]:
    return {pod["metadata"]["uid"] for pod in fdb.pods()}


def disown(kubernetes: Kubernetes) -> None:
    """The definition as chart 0.1.0 left it: nobody's."""
    marks = ("meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-", "helm.sh/resource-policy-")
    kubernetes.kubectl("annotate", "crd", CRD, *marks)
    kubernetes.kubectl("label", "crd", CRD, "app.kubernetes.io/managed-by-", "helm.sh/chart-")


def install_previous(place: Place) -> None:
    repository, tag = place.images.operator.rsplit(":", 1)
    place.kubernetes.helm(
        *("install", RELEASE[0], str(PREVIOUS), *RELEASE[1:], "--set", f"image.repository={repository}"),
        *("--set", f"image.tag={tag}", "--set", f"sidecarImage={place.images.sidecar}"),
        *("--wait", "--timeout", "10m"),
    )


def has_endpoints(fdb: Database) -> bool:
    text = fdb.place.kubernetes.kubectl(
        *("get", "endpointslices", "-n", fdb.namespace, "-o", "json"),
        *("-l", f"kubernetes.io/service-name={fdb.name}"),
    )
    slices = json.loads(text)["items"]
    return any(e["conditions"].get("ready") for s in slices for e in s.get("endpoints") or ())


def test_helm_test_says_that_all_is_well(place: Place) -> None:
    said = place.kubernetes.helm("test", *RELEASE, "--logs", "--timeout", "10m")
    # Helm shows the pod's log once more for the account of the same name.
    assert len({line for line in said.splitlines() if line.startswith("ok: ")}) == 3
    assert "FAILED" not in said


def test_an_upgrade_an_uninstall_and_an_install_touch_no_serving_pod(place: Place, fdb: Database) -> None:
    kubernetes = place.kubernetes
    kubernetes.helm("uninstall", *RELEASE, "--wait")
    disown(kubernetes)
    install_previous(place)
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    serving = uids(fdb)

    install_chart(kubernetes, place.images)
    kubernetes.helm("test", *RELEASE, "--timeout", "10m")
    fdb.wait_serving(FIRST)
    assert uids(fdb) == serving
    crd = json.loads(kubernetes.kubectl("get", "crd", CRD, "-o", "json"))
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"

    kubernetes.helm("uninstall", *RELEASE, "--wait")
    assert fdb.get()["metadata"]["name"] == fdb.name
    assert uids(fdb) == serving
    assert has_endpoints(fdb)

    install_chart(kubernetes, place.images)
    fdb.apply(SECOND)
    wait_until(
        lambda: fdb.status().get("active", {}).get("version") == SECOND,
        "the operator that came back to roll on",
        timeout_s=180,
        tell=fdb.describe,
    )
