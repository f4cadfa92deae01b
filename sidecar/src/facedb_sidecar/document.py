"""The OpenAPI document of an app: made when somebody asks for it, off the event loop, and whole.

FastAPI leaves nulls out of it, also where examples need one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route

Schema = Mapping[str, Any]


def document_when_asked(app: FastAPI) -> None:
    """Give the app this document, and have its route make it in a thread.

    That takes 0.6 s, which a pod's start need not wait for and the event loop must not. FastAPI's own way to
    extend the document: https://fastapi.tiangolo.com/how-to/extending-openapi
    """
    app.openapi = partial(openapi_of, app)  # type: ignore[method-assign]
    (route,) = (r for r in app.router.routes if isinstance(r, Route) and r.path == app.openapi_url)
    answer = route.endpoint

    async def openapi(request: Request) -> Response:
        await run_in_threadpool(app.openapi)
        found: Response = await answer(request)
        return found

    app.router.routes.remove(route)
    app.add_route(route.path, openapi, include_in_schema=False)


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document for ``/openapi.json``; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        models = document["components"]["schemas"]
        for schema in models.values():
            if "examples" in schema:
                schema["examples"] = [with_nulls(one, schema, models) for one in schema["examples"]]
        app.openapi_schema = document
    return app.openapi_schema


def with_nulls(example: Any, schema: Schema, models: Mapping[str, Schema]) -> Any:
    """The example with the required fields that it lacks, as null. Pure.

    Args:
        example: JSON.
        schema: of it.
        models: what ``$ref`` names.
    """
    shape = _shape(example, schema, models)
    if isinstance(example, list):
        return [with_nulls(one, shape.get("items", {}), models) for one in example]
    if not isinstance(example, dict):
        return example
    fields, others = shape.get("properties", {}), shape.get("additionalProperties")
    rest = others if isinstance(others, Mapping) else {}
    lacking = [name for name in shape.get("required", ()) if name not in example]
    there = {name: with_nulls(value, fields.get(name, rest), models) for name, value in example.items()}
    return {**there, **dict.fromkeys(lacking)}


def _shape(example: Any, schema: Schema, models: Mapping[str, Schema]) -> Schema:
    """What the example is one of: a model, or that alternative which has its type."""
    if "$ref" in schema:
        return models[schema["$ref"].rpartition("/")[2]]
    kind = "object" if isinstance(example, dict) else "array"
    alternatives = (_shape(example, one, models) for one in schema.get("anyOf", ()))
    return next((one for one in alternatives if one.get("type") == kind), schema)
