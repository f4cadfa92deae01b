"""The OpenAPI document of an app, whole: FastAPI leaves nulls out of it, also where examples need one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

Schema = Mapping[str, Any]


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The document for ``/openapi.json``; made once. ``create_app`` puts it in the place of the app's own."""
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
