"""Requests and answers of ``/stash/*`` and ``/stashbox/*``: fields are called as in Stash's own GraphQL."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

STASHDB_ID = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"
STASHDB = "https://stashdb.org/graphql"


def _examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class StashId(BaseModel):
    """Who somebody is at a stash-box."""

    endpoint: str = Field(min_length=1, description="GraphQL URL of the stash-box", examples=[STASHDB])
    stash_id: str = Field(min_length=1, examples=[STASHDB_ID])


class SearchRequest(BaseModel):
    """``POST /stash/search-performers``."""

    query: str = Field(description="A part of a name or alias", max_length=500)

    model_config = _examples({"query": "eileen"})


class FoundPerformer(BaseModel):
    """A performer of the library."""

    id: str
    name: str
    disambiguation: str | None = None
    alias_list: list[str] = []
    image_path: str | None = Field(default=None, description="As a page of Stash can show it")
    gender: str | None = None
    birthdate: str | None = None
    country: str | None = None
    stash_ids: list[StashId] = []

    model_config = _examples(
        {
            "id": "12",
            "name": "Eileen Collins",
            "disambiguation": None,
            "alias_list": ["Mom"],
            "image_path": "/performer/12/image?t=1700000000",
            "gender": "FEMALE",
            "birthdate": "1956-11-19",
            "country": "US",
            "stash_ids": [{"endpoint": STASHDB, "stash_id": STASHDB_ID}],
        }
    )


class Target(BaseModel):
    """What a performer is added to; without any, to nothing."""

    scene_id: str | None = Field(default=None, description="Of Stash", examples=["7"])
    image_id: str | None = Field(default=None, description="Of Stash")
    gallery_id: str | None = Field(default=None, description="Of Stash")

    def chosen(self) -> tuple[str, str] | None:
        """Kind and id of the first that is named; an empty id names none."""
        ids = (("scene", self.scene_id), ("image", self.image_id), ("gallery", self.gallery_id))
        return next(((kind, named) for kind, named in ids if named), None)


class CreateRequest(Target):
    """``POST /stash/create-performer``."""

    endpoint: str = Field(
        description="Of the stash-box: host, short name or GraphQL URL", examples=["stashdb.org"]
    )
    stashdb_id: str = Field(min_length=1, description="The performer's id there", examples=[STASHDB_ID])

    model_config = _examples({"scene_id": "7", "endpoint": "stashdb.org", "stashdb_id": STASHDB_ID})


class Created(BaseModel):
    """Who was made, or was there already, and is in the scene now."""

    success: bool = True
    performer_id: str
    name: str
    created: bool = Field(description="False: the library had a performer with this id, who was added")

    model_config = _examples(
        {"success": True, "performer_id": "12", "name": "Eileen Collins", "created": True}
    )


class LinkRequest(Target):
    """``POST /stash/link-performer``."""

    performer_id: str = Field(min_length=1, description="Of Stash", examples=["12"])
    stash_ids: list[StashId] = Field(default=[], max_length=50)
    update_metadata: bool = Field(default=False, description="Also give the performer the stash_ids")

    model_config = _examples(
        {
            "scene_id": "7",
            "performer_id": "12",
            "stash_ids": [{"endpoint": STASHDB, "stash_id": STASHDB_ID}],
            "update_metadata": True,
        }
    )


class Linked(BaseModel):
    """Who is in the scene now."""

    success: bool = True
    performer_id: str
    name: str

    model_config = _examples({"success": True, "performer_id": "12", "name": "Eileen Collins"})


class BoxPerformer(BaseModel):
    """A stash-box's performer in the fields of Stash's PerformerCreateInput."""

    name: str
    disambiguation: str | None = None
    alias_list: list[str] = []
    gender: str | None = None
    birthdate: str | None = None
    death_date: str | None = None
    ethnicity: str | None = None
    country: str | None = None
    eye_color: str | None = None
    hair_color: str | None = None
    height_cm: int | None = None
    measurements: str | None = None
    fake_tits: str | None = None
    career_length: str | None = None
    tattoos: str | None = None
    piercings: str | None = None
    details: str | None = None
    urls: list[str] = []
    image: str | None = None
    weight: int | None = None
    stash_ids: list[StashId] = []

    model_config = _examples(
        {
            "name": "Eileen Collins",
            "alias_list": ["Mom"],
            "gender": "FEMALE",
            "birthdate": "1956-11-19",
            "country": "US",
            "urls": ["https://www.nasa.gov"],
            "stash_ids": [{"endpoint": STASHDB, "stash_id": STASHDB_ID}],
        }
    )
