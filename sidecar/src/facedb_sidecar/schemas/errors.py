"""What a refusal looks like, whatever the route."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Detail(BaseModel):
    """Every error but 422 and 500: one sentence for people."""

    detail: str

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": "Database update in progress"}]})


class Unfit(BaseModel):
    """422 where a route has a 422 of its own beside: what does not fit the schema, and where."""

    detail: list[dict[str, object]]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "detail": [
                        {"type": "missing", "loc": ["body", "value"], "msg": "Field required", "input": {}}
                    ]
                }
            ]
        }
    )
