"""What a real API server refuses is told in its own words, asked again gently, and cleared when it passes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from bench.operator.scale import database
from facedb_operator import names
from operator_process import OperatorProcess, audited, counted, install, requests, until

pytestmark = pytest.mark.cluster

Body = dict[str, Any]
# Databases, and Services for them, at most.
NO_MORE_ROOM, ROOM = 12, 5


class Place:
    """An API server with an operator, and a namespace."""

    def __init__(self, api: ApiServer, operator: OperatorProcess, audit: Path, namespace: str) -> None:
        self.api, self.operator, self.audit, self.namespace = api, operator, audit, namespace
        api.kubectl("create", "namespace", namespace)

    def create(self, number: int = 1) -> str:
        body = database(number, "2026.01.01")
        body["metadata"]["namespace"] = self.namespace
        self.api.kubectl("create", "-f", "-", stdin=body)
        return str(body["metadata"]["name"])

    def kubectl(self, *args: str, **more: Any) -> str:
        return self.api.kubectl("-n", self.namespace, *args, **more).stdout

    def retry(self, name: str) -> None:
        self.kubectl("annotate", "--overwrite", "fdb", name, f"{names.RETRY_ANNOTATION}={time.time()}")

    def statuses(self) -> dict[str, Body]:
        path = f"/apis/{names.API_VERSION}/namespaces/{self.namespace}/{names.PLURAL}"
        found = self.api.request("GET", path)[1]["items"]
        return {item["metadata"]["name"]: item.get("status") or {} for item in found}

    def condition(self, name: str, kind: str = "Ready") -> Body:
        conditions = self.statuses()[name].get("conditions") or ()
        return next((c for c in conditions if c["type"] == kind), {})

    def warnings(self) -> list[Body]:
        return [line for line in self.operator.log() if line["severity"] in ("warn", "warning", "error")]


def running(folder: Path, *flags: str) -> Iterator[tuple[ApiServer, OperatorProcess, Path]]:
    audit_flags, audit = audited(folder)
    with ApiServer(folder / "api", *audit_flags, *flags) as api:
        install(api)
        with OperatorProcess(api, folder) as operator:
            until(operator.leads, "the operator leads")
            yield api, operator, audit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, OperatorProcess, Path]]:
    yield from running(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def place(server: tuple[ApiServer, OperatorProcess, Path], request: pytest.FixtureRequest) -> Iterator[Place]:
    made = Place(*server, namespace=f"n{abs(hash(request.node.name)) % 10**8}")
    yield made
    made.kubectl("delete", "fdb", "--all")


def quota(place: Place) -> str:
    """No claims at all, as if the quota's own controller had counted."""
    hard = {"hard": {"persistentvolumeclaims": "0"}}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": hard}
    place.kubectl("create", "-f", "-", stdin=body)
    status = {"status": {**hard, "used": {"persistentvolumeclaims": "0"}}}
    path = f"/api/v1/namespaces/{place.namespace}/resourcequotas/none/status"
    assert place.api.request("PATCH", path, status, Content_Type="application/merge-patch+json")[0] == 200
    return "exceeded quota: none"


def policy(place: Place) -> str:
    """An admission policy that lets no claims through; returns once it is in force."""
    name = f"no-claims-{place.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}
    api = "admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [{**rule, "resources": ["persistentvolumeclaims"]}]},
            "validations": [{"expression": "false", "message": "Volumes are bought on Mondays."}],
        },
    }
    spec = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    }
    binding = {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "spec": spec}
    for body in (policy, {**binding, "metadata": {"name": name}}):
        place.kubectl("create", "-f", "-", stdin=body)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "probe"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }

    def denied() -> bool:
        tried = place.api.kubectl(
            "-n", place.namespace, "create", "--dry-run=server", "-f", "-", stdin=claim, check=False
        )
        return "Mondays" in tried.stderr

    until(denied, "the policy is in force")
    return "Volumes are bought on Mondays."


@pytest.mark.parametrize(
    ("forbid", "allow"),
    [
        pytest.param(quota, ("delete", "resourcequota", "none"), id="a quota"),
        pytest.param(
            policy, ("delete", "validatingadmissionpolicybinding", "--all"), id="an admission policy"
        ),
    ],
)
def test_what_is_forbidden_is_told_with_the_servers_words_until_it_is_allowed(
    place: Place, forbid: Any, allow: tuple[str, ...]
) -> None:
    words = forbid(place)
    name = place.create()
    until(lambda: place.condition(name).get("reason") == "StepFailed", "the refusal is told")
    ready = place.condition(name)
    assert words in ready["message"]
    assert f"PersistentVolumeClaim {name}-state" in ready["message"]
    assert (ready["status"], place.condition(name, "Stalled")["status"]) == ("False", "True")
    assert "StepFailed" in place.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}")
    place.kubectl(*allow)

    def passed() -> bool:
        place.retry(name)
        return place.condition(name)["reason"] == "Fetching"

    until(passed, "the operator goes on")
    assert place.condition(name, "Stalled")["status"] == "False"
    told = [line for line in place.warnings() if words in line["message"]]
    assert told
    assert not [line for line in place.warnings() if "exc_info" in line]


def test_a_service_of_somebody_else_by_that_name_is_left_alone_until_it_goes_or_is_handed_over(
    place: Place,
) -> None:
    name = "db-0001"
    port = {"port": 5000, "targetPort": 5000}
    theirs = {"selector": {"app": "stash-sense"}, "ports": [port]}
    meta = {"name": name, "labels": {"app": "stash-sense"}}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": theirs}
    place.kubectl("create", "-f", "-", stdin=body)
    assert place.create() == name
    until(lambda: place.condition(name).get("reason") == "StepFailed", "the refusal is told")
    ready = place.condition(name)
    assert ready["message"].startswith(f"Service {name} is there already, was not made by this operator")
    assert place.condition(name, "Stalled")["status"] == "True"
    found = json.loads(place.kubectl("get", "service", name, "-o", "json"))
    assert found["spec"]["selector"] == {"app": "stash-sense"}
    assert "ownerReferences" not in found["metadata"]
    assert found["metadata"]["labels"] == {"app": "stash-sense"}
    # As the message says.
    labels = names.selector_for(name)
    assert labels in ready["message"]
    place.kubectl("label", "service", name, *labels.split(","))

    def passed() -> bool:
        place.retry(name)
        return place.condition(name)["reason"] == "Fetching"

    until(passed, "the operator goes on")
    found = json.loads(place.kubectl("get", "service", name, "-o", "json"))
    assert found["metadata"]["ownerReferences"][0]["name"] == name
    assert found["spec"]["selector"] != {"app": "stash-sense"}


@pytest.mark.parametrize(
    "edit",
    [
        {"selector": {"app": "stash-sense"}},
        {"ports": [{"name": "http", "port": 5000, "targetPort": 9999}]},
    ],
    ids=["other pods", "another port of them"],
)
def test_a_service_that_somebody_has_edited_leads_to_the_pods_again(place: Place, edit: Body) -> None:
    name = place.create()
    until(lambda: place.condition(name).get("reason") == "Fetching", "it fetches")
    read = ("get", "service", name, "-o", "jsonpath={.spec.selector} {.spec.ports}")
    before = place.kubectl(*read)
    place.kubectl("patch", "service", name, "--type=merge", "-p", json.dumps({"spec": edit}))
    until(lambda: place.kubectl(*read) == before, "it is as before")


def test_in_a_namespace_that_is_being_deleted_nothing_is_complained_of(place: Place) -> None:
    name = place.create()
    until(lambda: place.condition(name).get("reason") == "Fetching", "it fetches")
    place.api.kubectl("delete", "namespace", place.namespace, "--wait=false")
    before = len(place.warnings())
    place.kubectl("delete", "service", name)

    def refused() -> bool:
        mine = [e for e in requests(place.audit) if e["objectRef"].get("namespace") == place.namespace]
        return any(e["responseStatus"]["code"] == 403 for e in mine)

    until(refused, "the operator has tried")
    assert place.condition(name)["reason"] != "StepFailed"
    assert [line["message"] for line in place.warnings()[before:]] == []


def test_a_server_that_fails_is_not_asked_for_everything_by_everybody(tmp_path: Path) -> None:
    # Room for few Services: the API server answers 500 to the others, and it may have written them.
    for api, operator, audit in running(tmp_path, "--service-cluster-ip-range=10.215.0.0/29"):
        place = Place(api, operator, audit, "full")
        listed = counted(requests(audit))
        for number in range(NO_MORE_ROOM):
            place.create(number)

        def told(place: Place = place) -> list[str]:
            found = {name: place.condition(name) for name in place.statuses()}
            return [name for name, ready in found.items() if ready.get("reason") == "StepFailed"]

        until(lambda: len(told()) >= NO_MORE_ROOM - ROOM, "those that failed twice know it")
        ready = place.condition(told()[0])
        assert "range is full" in ready["message"] or "allocate" in ready["message"]
        # It may pass by itself: nobody is told that only a person can help.
        assert place.condition(told()[0], "Reconciling")["status"] == "True"
        asked = counted(requests(audit)) - listed
        failed = [e for e in requests(audit) if e["responseStatus"]["code"] == 500]
        lists = {what: n for what, n in asked.items() if what.startswith("list ")}
        assert len(failed) >= 2 * (NO_MORE_ROOM - ROOM)
        assert set(lists) <= {"list services"}
        assert lists["list services"] < len(failed)
        assert not [line for line in place.warnings() if "exc_info" in line]
