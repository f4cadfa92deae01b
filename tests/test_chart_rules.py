"""The chart's RBAC rules are what the operator's code asks for, by Helm's output and a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from chart_rules import Right, allowed, database, read, recorded, right
from cluster.kubernetes import Kubernetes
from cluster.node import binaries
from facedb_operator import kinds, objects
from facedb_operator.settings import Settings

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "facedb"
NAMESPACED = "watchNamespaces={media,more}"
ACCOUNT = "system:serviceaccount:facedb-system:facedb-operator"
# Not asked for by a request of its own: see the chart.
GRANTED = {right(kinds.DATABASE, "get"), right(kinds.DATABASE, "patch")}
APPLYING = "fieldManager=x&force=true&fieldValidation=Strict"
FINALIZERS = right(kinds.DATABASE, "update", "finalizers")
POLICIES = {right(kinds.POLICY, verb) for verb in ("create", "patch")}


@cache
def rendered(*values: str) -> tuple[dict[str, Any], ...]:
    """The chart's objects as Helm makes them."""
    words = [word for value in values for word in ("--set", value)]
    text = _helm().helm(
        *(
            "template",
            "facedb",
            str(CHART),
            "--namespace",
            "facedb-system",
            "--kube-version",
            "1.36.0",
            *words,
        )
    )
    return tuple(yaml.safe_load_all(text))


def _helm() -> Kubernetes:
    return Kubernetes(kubeconfig=None, bin_path=binaries.bin_dir())


def rules_of(kind: str, name: str, *values: str) -> set[Right]:
    """The rights that a Role or ClusterRole of the chart gives."""
    found = next(o for o in rendered(*values) if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return {
        (group, resource, verb)
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needed(*, policies: bool = True) -> set[Right]:
    asked = recorded().rights | read(clusterwide=False) | GRANTED | {FINALIZERS}
    return asked if policies else asked - POLICIES


def test_a_cluster_role_holds_what_the_code_asks_for_and_nothing_else() -> None:
    held = rules_of("ClusterRole", "facedb-operator")
    assert held == needed() | read(clusterwide=True)


def test_the_roles_of_namespaces_hold_all_but_what_is_cluster_wide() -> None:
    assert rules_of("Role", "facedb-operator", NAMESPACED) == needed()
    held = rules_of("ClusterRole", "facedb-system-facedb-operator-classes", NAMESPACED)
    assert held == read(clusterwide=True)


def test_without_cluster_reads_there_is_nothing_cluster_wide_but_the_sidecars_policy() -> None:
    found = {o["kind"] for o in rendered(NAMESPACED, "clusterReads=false", "sidecarPolicy=false")}
    assert not [kind for kind in found if kind.startswith("Cluster") or "Admission" in kind]


def test_without_policies_the_operator_may_only_take_old_ones_back() -> None:
    values = "networkPolicies.enabled=false"
    assert rules_of("ClusterRole", "facedb-operator", values) == (
        needed(policies=False) | read(clusterwide=True)
    )
    assert not [o for o in rendered(values) if o["kind"] == "NetworkPolicy"]


def test_the_leader_may_keep_its_lease_and_nothing_else() -> None:
    held = rules_of("Role", "facedb-operator-leader")
    assert held == {right(kinds.LEASE, verb) for verb in ("get", "create", "update")}


@pytest.mark.parametrize("values", [(), (NAMESPACED,)], ids=["everywhere", "two namespaces"])
def test_no_rule_has_a_star_and_none_reads_secrets(values: tuple[str, ...]) -> None:
    for found in rendered(*values):
        for rule in found.get("rules") or ():
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not {"secrets", "pods/exec", "nodes"} & set(rule["resources"])


def environment(*values: str) -> dict[str, str]:
    found = next(o for o in rendered(*values) if o["kind"] == "Deployment")
    container = found["spec"]["template"]["spec"]["containers"][0]
    return {e["name"]: e["value"] for e in container["env"] if "value" in e}


def test_the_operator_reads_its_settings_out_of_what_the_chart_writes() -> None:
    values = ("fleet.maxConcurrentRollouts=3", "fleet.delay=10m", "networkPolicies.enabled=false", NAMESPACED)
    own = Settings.from_env(environment(*values))
    assert (own.fleet.most, own.fleet.delay.total_seconds()) == (3, 600)
    assert own.network_policies is False
    assert own.namespaces == ("media", "more")
    plain = Settings.from_env(environment())
    assert (plain.fleet.most, plain.fleet.delay.total_seconds(), plain.network_policies) == (0, 0, True)


def test_the_operators_own_policy_opens_its_ports_only() -> None:
    policy = next(o for o in rendered() if o["kind"] == "NetworkPolicy")
    pod = next(o for o in rendered() if o["kind"] == "Deployment")["spec"]["template"]
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    assert chosen.items() <= pod["metadata"]["labels"].items()
    opened = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert opened == [port["name"] for port in pod["spec"]["containers"][0]["ports"]]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("fleet.delay=soon", "/fleet/delay"),
        ("fleet.maxConcurrentRollouts=-1", "/fleet/maxConcurrentRollouts"),
        ("networkPolicies.enable=true", "enable"),
        ("clusterReads=maybe", "/clusterReads"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(value: str, field: str) -> None:
    with pytest.raises(Exception, match=field):
        rendered(value)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with everything that the chart makes for two namespaces."""
    with ApiServer(tmp_path_factory.mktemp("api")) as running:
        for namespace in ("facedb-system", "media", "more", "other"):
            running.kubectl("create", "namespace", namespace)
        running.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        running.wait_for_definition("facedatabases.facedb.dev")
        for found in rendered(NAMESPACED):
            running.kubectl("apply", "--server-side", "-f", "-", stdin=found)
        yield running


def test_a_real_api_server_lets_the_operator_do_it_where_it_looks_and_nowhere_else(api: ApiServer) -> None:
    for wanted in needed():
        assert allowed(api, ACCOUNT, wanted, "media"), wanted
        assert allowed(api, ACCOUNT, wanted, "more"), wanted
        assert not allowed(api, ACCOUNT, wanted, "other"), wanted
    for wanted in read(clusterwide=True):
        assert allowed(api, ACCOUNT, wanted, ""), wanted
    assert not allowed(api, ACCOUNT, ("", "secrets", "get"), "media")
    assert allowed(api, ACCOUNT, right(kinds.LEASE, "update"), "facedb-system")


def ownerless(manifest: dict[str, Any]) -> dict[str, Any]:
    """The object without its owner, who is not there and would have it collected."""
    meta = {k: v for k, v in manifest["metadata"].items() if k != "ownerReferences"}
    return {**manifest, "metadata": meta}


def test_a_real_api_server_lets_the_operator_make_the_sidecars_role(api: ApiServer) -> None:
    """It refuses a Role with more in it than who makes it may do himself."""
    for manifest in map(ownerless, objects.access(database())):
        said = api.kubectl("apply", "--server-side", "--as", ACCOUNT, "-f", "-", stdin=manifest).stdout
        assert "serverside-applied" in said
    greedy = ownerless(objects.access(database())[1])
    greedy["rules"][0]["verbs"] = ["delete"]
    done = api.kubectl(
        "apply", "--server-side", "--force-conflicts", "--as", ACCOUNT, "-f", "-", stdin=greedy, check=False
    )
    assert "attempting to grant RBAC permissions not currently held" in done.stderr


def test_every_object_of_the_operator_is_taken_by_a_real_api_server(api: ApiServer) -> None:
    """As the operator's account, with fields that the server does not know refused."""
    # A plain API server does not serve snapshots.
    made = [m for m in recorded().manifests if kinds.kind_of(m) != kinds.SNAPSHOT]
    assert len(made) > 10
    for manifest in made:
        kind = kinds.kind_of(manifest)
        code, answer = api.request(
            "PATCH",
            f"{kind.path('media', manifest['metadata']['name'])}?{APPLYING}",
            ownerless(manifest),
            Content_Type="application/apply-patch+yaml",
            Impersonate_User=ACCOUNT,
        )
        assert code in (200, 201), (manifest["kind"], json.dumps(answer))
