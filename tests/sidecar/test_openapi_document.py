"""``/openapi.json``: every route is described, what it answers has a shape, and examples are true."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from facedb_sidecar.app import create_app, made_in_full
from facedb_sidecar.routes import ROUTERS
from facedb_sidecar.settings import Settings

NOWHERE = Path("/nonexistent")
APP = create_app(Settings(NOWHERE, NOWHERE, "cpu", NOWHERE))
DOCUMENT: dict[str, Any] = APP.openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
JSON = "application/json"

every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def named(schema: dict[str, Any]) -> str:
    """The model that a schema refers to; empty when it is written out."""
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def parts_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema's models, resolved: itself, its items, its alternatives."""
    if model := named(schema):
        yield DOCUMENT["components"]["schemas"][model]
    elif "items" in schema:
        yield from parts_of(schema["items"])
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from parts_of(one)
    else:
        yield schema


def fits(example: Any, schema: dict[str, Any]) -> None:
    jsonschema_rs.validate({**schema, "components": DOCUMENT["components"]}, example)


def answers(operation: dict[str, Any], first: str) -> dict[str, dict[str, Any]]:
    """Status → JSON schema, of the statuses that begin so."""
    return {
        status: answer["content"][JSON]["schema"]
        for status, answer in operation["responses"].items()
        if status.startswith(first) and JSON in answer.get("content", {})
    }


def test_what_the_container_runs_has_made_its_routes_before_the_first_request() -> None:
    app = create_app(Settings(NOWHERE, NOWHERE, "cpu", NOWHERE))
    try:
        made_in_full(app)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()

    # Only when somebody asks for it, which few do: it takes longer than the routes.
    assert app.openapi_schema is None
    included = [route for route in app.router.routes if hasattr(route, "effective_candidates")]
    assert len(included) == len(ROUTERS)
    assert all(route._effective_candidates for route in included)


def test_the_document_is_not_made_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(Settings(NOWHERE, NOWHERE, "cpu", NOWHERE))
    make, threads = app.openapi, []

    def noted() -> dict[str, Any]:
        if app.openapi_schema is None:
            threads.append(threading.current_thread())
        return make()

    monkeypatch.setattr(app, "openapi", noted)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client:
            assert (await client.get("/openapi.json")).json() == DOCUMENT

    asyncio.run(ask())
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


def test_the_document_is_where_clients_look_for_it_and_has_the_contracts_title() -> None:
    client = TestClient(APP)
    assert client.get("/openapi.json").json()["info"]["title"] == "Stash Sense API"
    assert client.get("/openapi.json").json()["info"]["version"] == "0.1.2"
    for path in ("/docs", "/redoc"):
        page = client.get(path)
        assert page.status_code == 200
        assert "Stash Sense API" in page.text


@every_operation
def test_every_route_says_what_it_is_for(operation: dict[str, Any]) -> None:
    function = operation["operationId"].split("__")[0]
    assert operation["summary"] != function.replace("_", " ").title()
    assert operation["description"]
    assert operation["tags"]
    assert len(operation["summary"]) <= 60


@every_operation
def test_every_success_has_a_shape_with_an_example(operation: dict[str, Any]) -> None:
    good = answers(operation, "2")
    if "200" not in operation["responses"]:
        assert set(operation["responses"]) & {"400", "404", "501"}, "it is always refused, and says how"
        return
    if operation["operationId"].startswith("metrics"):
        return
    for schema in good.values():
        assert all(part.get("examples") for part in parts_of(schema)), schema
    assert good


@every_operation
def test_every_refusal_is_a_sentence_or_the_list_of_what_does_not_fit(operation: dict[str, Any]) -> None:
    for status, schema in {**answers(operation, "4"), **answers(operation, "5")}.items():
        models = {named(one) for one in schema.get("anyOf", [schema])}
        lists = {"HTTPValidationError", "Unfit", "PartlyStoredDetail"}
        assert models <= (lists if status == "422" else {"Detail", "NotReady"}), (status, models)
    failed = operation["responses"]["500"]["content"]
    assert set(failed) <= {JSON, "text/plain"}
    assert all("description" in answer for answer in operation["responses"].values())


@every_operation
def test_every_body_has_an_example(operation: dict[str, Any]) -> None:
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"][JSON]
    schema = content["schema"]
    shown = [*schema.get("examples", []), *content.get("examples", {})]
    shown += [example for part in parts_of(schema) for example in part.get("examples", [])]
    assert shown


def test_every_example_of_a_model_is_one_of_it() -> None:
    seen = 0
    for name, schema in DOCUMENT["components"]["schemas"].items():
        fields = schema.get("properties", {})
        for example in schema.get("examples", []):
            fits(example, schema)
            assert set(example) <= set(fields), name
            seen += 1
        for field in fields.values():
            for example in field.get("examples", []):
                fits(example, field)
                seen += 1
    assert seen > 90


@every_operation
def test_every_example_of_a_parameter_or_body_fits(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        for example in parameter["schema"].get("examples", []):
            fits(example, parameter["schema"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for example in content["schema"].get("examples", []):
            fits(example, content["schema"])


def test_no_two_routes_have_one_id() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids)) > 60
