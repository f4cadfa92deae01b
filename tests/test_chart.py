"""The chart and the resource definition, as far as they can be judged without a cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from facedb_operator import names
from facedb_operator.objects import fragments
from facedb_operator.objects.access import access
from facedb_operator.spec import parse_spec
from facedb_operator.spec.rollout import Strategy
from facedb_operator.spec.sidecar import Device
from world_objects import base_spec

ROOT = Path(__file__).resolve().parents[1]
CRD = ROOT / "crds" / "facedatabases.yaml"


def schema() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"][
        "openAPIV3Schema"
    ]
    return found


def test_the_charts_copy_of_the_resource_definition_is_the_definition() -> None:
    assert (ROOT / "charts/facedb/files/crds/facedatabases.yaml").read_bytes() == CRD.read_bytes()


def test_the_definition_has_the_names_that_the_operator_uses() -> None:
    crd = yaml.safe_load(CRD.read_text())["spec"]
    assert (crd["group"], crd["versions"][0]["name"]) == (names.GROUP, names.VERSION)
    assert (crd["names"]["plural"], crd["names"]["kind"]) == (names.PLURAL, names.KIND)


def test_the_enums_of_the_definition_are_those_of_the_operator() -> None:
    spec = schema()["properties"]["spec"]["properties"]
    assert spec["sidecar"]["properties"]["device"]["enum"] == [d.value for d in Device]
    state = spec["sidecar"]["properties"]["state"]["properties"]
    assert state["deletionPolicy"]["enum"] == ["Retain", "Delete"]
    assert spec["rollout"]["properties"]["strategy"]["enum"] == [s.value for s in Strategy]


def test_every_string_of_the_spec_is_bounded() -> None:
    """Without maxLength and maxItems the API server refuses CEL rules for their worst-case cost."""

    def unbounded(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = [path] if node.get("type") == "string" and not node.keys() & {"maxLength", "enum"} else []
        if node.get("type") == "array" and "maxItems" not in node:
            found.append(path)
        for key in ("properties",):
            for name, child in (node.get(key) or {}).items():
                found += unbounded(child, f"{path}.{name}")
        return found + unbounded(node.get("items"), f"{path}[]")

    spec = schema()["properties"]["spec"]
    assert unbounded(spec, "spec") == []


def test_every_field_of_a_written_status_is_declared() -> None:
    status = schema()["properties"]["status"]["properties"]
    for field in ("active", "lastGood", "target", "bad", "history", "storage", "handled", "conditions"):
        assert field in status


def declared_databases() -> list[Path]:
    """The examples that are FaceDatabases."""
    return [p for p in sorted((ROOT / "examples").rglob("*.yaml")) if "kind: FaceDatabase" in p.read_text()]


@pytest.mark.parametrize("path", declared_databases(), ids=lambda p: p.parent.name)
def test_examples_use_only_declared_fields(path: Path) -> None:
    def strangers(value: Any, node: dict[str, Any], at: str) -> list[str]:
        if isinstance(value, list):
            return [s for item in value for s in strangers(item, node.get("items", {}), f"{at}[]")]
        if not isinstance(value, dict) or "properties" not in node:
            return []
        known = node["properties"]
        found = [f"{at}.{key}" for key in value if key not in known]
        return found + [
            s for k, v in value.items() if k in known for s in strangers(v, known[k], f"{at}.{k}")
        ]

    bodies = [b for b in yaml.safe_load_all(path.read_text()) if b["kind"] == "FaceDatabase"]
    found = [s for b in bodies for s in strangers(b["spec"], schema()["properties"]["spec"], "spec")]
    assert found == []


def test_the_values_schema_knows_every_value() -> None:
    values = yaml.safe_load((ROOT / "charts/facedb/values.yaml").read_text())
    declared = json.loads((ROOT / "charts/facedb/values.schema.json").read_text())["properties"]
    assert set(values) <= set(declared)


def test_the_operator_holds_what_it_grants_to_sidecars() -> None:
    """The API server refuses a Role with more in it than who makes it may do himself."""
    text = (ROOT / "charts/facedb/templates/_rules.tpl").read_text()
    held = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "", text, flags=re.DOTALL))
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    role = access(parse_spec({"metadata": meta, "spec": base_spec()}, default_image="sidecar:1"))[1]
    for rule in role["rules"]:
        mine = {
            verb
            for own in held
            if set(rule["apiGroups"]) <= set(own["apiGroups"])
            and set(rule["resources"]) <= set(own["resources"])
            for verb in own["verbs"]
        }
        assert set(rule["verbs"]) <= mine


def test_the_policy_lets_sidecars_write_what_stashs_page_asks_for_and_nothing_else() -> None:
    policy = (ROOT / "charts/facedb/templates/sidecar-policy.yaml").read_text()
    asked = {f"{names.GROUP}/{verb}" for verb in ("approve", "retry", "rollback")}
    assert set(re.findall(r"facedb\.dev/[a-z]+", policy)) == asked
    account = names.sidecar_account("")
    assert f"request.name + '{account}'" in policy


def test_the_pods_port_is_the_one_that_the_operator_asks() -> None:
    assert f'--port", "{names.SIDECAR_PORT}' in (ROOT / "Dockerfile.sidecar").read_text()
    assert str(fragments.USER_ID) in (ROOT / "Dockerfile.sidecar").read_text()
