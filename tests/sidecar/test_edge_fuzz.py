"""Every route of the OpenAPI document: no input makes a 500, and what is answered is what the document says.

The document is the app's own, so that a route that is added is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from edge import wait_ready
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Access, Settings, UpdateSettings
from served import Served

CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
EXAMPLES = 5


@pytest.fixture(scope="module")
def client(served: Served, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with TestClient(
        create_app(nowhere(served, tmp_path_factory.mktemp("nowhere")), load=lambda: engine)
    ) as running:
        wait_ready(running)
        yield running


def nowhere(served: Served, empty: Path) -> Settings:
    """Settings that lead to no network."""
    return served.settings(
        updates=UpdateSettings(model_source=("--file", str(empty))), access=Access(fetch_deny=("*",))
    )


def document() -> dict[str, object]:
    folder = Path("/nonexistent")
    return create_app(Settings(folder, folder, "cpu", folder), load=lambda: None).openapi()  # type: ignore[arg-type,return-value]


schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_gives_a_500_and_answers_are_as_documented(
    case: schemathesis.Case, client: TestClient
) -> None:
    how = case.as_transport_kwargs(base_url=str(client.base_url))
    sent = {name: how[name] for name in ("headers", "params", "json") if how.get(name) is not None}
    if (data := how.get("data")) is not None:
        sent["content"] = data
    reply = client.request(how["method"], how["url"], **sent)
    assert reply.status_code != 500, reply.text
    case.validate_response(schemathesis.Response.from_any(reply), checks=list(CHECKS))
