"""What the chart says to the operator, and what Helm says of the chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chart.renders import CHART, helm, rendered
from facedb_operator import names
from facedb_operator.objects import serving_pods
from facedb_operator.settings import Settings
from facedb_operator.spec import parse_spec
from facedb_operator.steps import CreateWorkload
from world_objects import base_spec

pytestmark = pytest.mark.cluster


def test_the_operator_reads_the_proxy_and_the_authority_out_of_what_the_chart_writes() -> None:
    deployment = next(f for f in rendered("digest-proxy-ca") if f["kind"] == "Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    own = Settings.from_env({e["name"]: e["value"] for e in variables if "value" in e})
    assert dict(own.network.proxies) == {
        "HTTP_PROXY": "http://proxy.example.org:3128",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "NO_PROXY": ".svc,.cluster.local,10.0.0.0/8",
    }
    assert own.network.ca_bundle is not None
    assert (own.network.ca_bundle.name, own.network.ca_bundle.key) == ("trusted", "all.pem")


def serving_pod() -> dict[str, Any]:
    """The template of a serving pod, as the operator's own code builds it."""
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    db = parse_spec({"metadata": meta, "spec": base_spec()}, default_image="sidecar:1")
    step = CreateWorkload(db.release_key, db.version, "sha256:ab", db.claim_name, 1)
    template: dict[str, Any] = serving_pods.deployment(db, step)["spec"]["template"]
    return template


def test_the_pod_monitor_finds_serving_pods_and_names_their_database() -> None:
    monitor = next(f for f in rendered("everything") if f["kind"] == "PodMonitor")["spec"]
    pod = serving_pod()
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in [p["name"] for c in pod["spec"]["containers"] for p in c["ports"]]
    (relabeling,) = endpoint["relabelings"]
    as_prometheus_writes = re.sub(r"[^a-zA-Z0-9_]", "_", names.DATABASE_LABEL)
    assert relabeling["sourceLabels"] == [f"__meta_kubernetes_pod_label_{as_prometheus_writes}"]
    assert pod["metadata"]["labels"][names.DATABASE_LABEL] == "stash"


def test_the_service_monitor_finds_the_operators_service_and_its_port() -> None:
    monitor = next(f for f in rendered("everything") if f["kind"] == "ServiceMonitor")["spec"]
    services = [f for f in rendered("everything") if f["kind"] == "Service"]
    assert monitor["selector"]["matchLabels"].items() <= services[0]["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in [p["name"] for p in services[0]["spec"]["ports"]]


def test_helm_finds_nothing_to_complain_about_and_can_pack_it(tmp_path: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))
    helm("package", str(CHART), "--destination", str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["facedb-0.2.0.tgz"]
