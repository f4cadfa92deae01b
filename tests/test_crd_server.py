"""The resource definition in a real API server: what it refuses, in what words, and what it fills in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from crd_right import RIGHT
from crd_server import PATH, STRICT, api_server
from crd_specs import WRONG, body_of
from facedb_operator.spec import parse_spec
from kstatus import kstatus

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that knows the definition: it has taken the rules' costs."""
    with api_server(tmp_path_factory.mktemp("api")) as running:
        running.kubectl("create", "namespace", "examples")
        yield running


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_with_the_field_and_what_was_expected(api: ApiServer, name: str) -> None:
    changes, field, words = WRONG[name]
    code, answer = api.request("POST", f"{PATH}?{STRICT}&dryRun=All", body_of(changes))
    assert code in (400, 422), answer
    assert field in answer["message"]
    assert words in answer["message"]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_spec_is_taken_and_comes_back_with_defaults(api: ApiServer, name: str) -> None:
    changes, filled = RIGHT[name]
    sent = body_of(changes)
    code, answer = api.request("POST", f"{PATH}?{STRICT}&dryRun=All", sent)
    assert code == 201, answer
    back = answer["spec"]
    # Nothing that was written is lost, and nothing stands there that nobody reads.
    assert _holds(back, sent["spec"])
    assert {path: _at(back, path) for path in filled} == filled
    parse_spec(answer, default_image="sidecar:1")


def test_nobody_takes_a_new_database_for_done_before_the_operator_has_looked(api: ApiServer) -> None:
    """kstatus, and so Flux and kubectl wait, go by the generation that the status is about."""
    code, answer = api.request("POST", f"{PATH}?{STRICT}&dryRun=All", body_of({}, "new"))
    assert code == 201, answer
    assert answer["status"] == {"observedGeneration": -1}
    assert kstatus(answer) == "InProgress"


@pytest.mark.parametrize("name", ["x" * 31, "1st", "a.b"])
def test_names_that_would_not_fit_a_service_are_refused(api: ApiServer, name: str) -> None:
    code, answer = api.request("POST", f"{PATH}?{STRICT}&dryRun=All", body_of({}, name))
    assert code == 422
    assert "metadata.name m" in answer["message"]


def test_an_autoscaler_sets_the_replicas(api: ApiServer) -> None:
    api.request("POST", PATH, body_of({}, "scaled"))
    api.kubectl("scale", "fdb", "scaled", "--replicas=3")
    assert (
        json.loads(api.kubectl("get", "fdb", "scaled", "-o", "json").stdout)["spec"]["sidecar"]["replicas"]
        == 3
    )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/facedatabase*.yaml")), ids=lambda p: p.parent.name
)
def test_the_examples_are_taken(api: ApiServer, path: Path) -> None:
    for body in yaml.safe_load_all(path.read_text()):
        if body["kind"] == "FaceDatabase":
            path_there = PATH.replace("default", "examples")
            code, answer = api.request("POST", f"{path_there}?{STRICT}&dryRun=All", body)
            assert code == 201, answer["message"]


def _at(value: Any, path: str) -> Any:
    return reduce(lambda node, name: (node or {}).get(name), path.split("."), value)


def _holds(back: Any, sent: Any) -> bool:
    if isinstance(sent, dict):
        return all(name in back and _holds(back[name], value) for name, value in sent.items())
    if isinstance(sent, list):
        return len(back) == len(sent) and all(map(_holds, back, sent))
    return bool(back == sent)
