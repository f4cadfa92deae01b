"""``/recommendations*``: this sidecar identifies faces and recommends nothing, and says so in valid shapes.

Lists are empty, unknown ids are 404, and what would change the library is 501 with a sentence for the user:
the plugin's dashboard and Settings page work, and nobody believes that something was done. Only what the
plugin keeps for its display (``/settings``) and the state of Stash are real.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from enum import Enum
from typing import Annotated, NoReturn

from fastapi import APIRouter, HTTPException, Path, Query

from facedb_sidecar.routes import boxes
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.in_state import STATE, in_state, missing, refused
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.routes.system import NO_STASH
from facedb_sidecar.schemas import recommendations as schemas
from facedb_sidecar.schemas.queue import LARGEST

router = APIRouter(prefix="/recommendations", tags=["recommendations"], responses=COMMON)

NOT_FOUND = missing("There is none of this id")
NOT_DONE = refused(501, "This sidecar does not do that")
DISPLAY = "display."
MOST_DISPLAY_SETTINGS = 500
MOST_VALUE_BYTES = 64 * 1024

Id = Annotated[int, Path(ge=-LARGEST, le=LARGEST)]
Key = Annotated[str, Path(min_length=1, max_length=200)]


class Action(Enum):
    """What the reference does to a library on the plugin's word."""

    MERGE_PERFORMERS = "merge-performers"
    MERGE_SCENES = "merge-scenes"
    DELETE_SCENE = "delete-scene"
    DELETE_SCENE_FILES = "delete-scene-files"
    UPDATE_PERFORMER = "update-performer"
    UPDATE_TAG = "update-tag"
    UPDATE_STUDIO = "update-studio"
    UPDATE_SCENE = "update-scene"
    CREATE_PERFORMER = "create-performer"
    CREATE_TAG = "create-tag"
    CREATE_STUDIO = "create-studio"
    SEARCH_ENTITIES = "search-entities"
    LINK_ENTITY = "link-entity"


@router.get("", summary="Recommendations: none")
async def listing(
    limit: Annotated[int, Query(ge=0, le=10_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
) -> schemas.RecommendationList:
    """None."""
    return schemas.RecommendationList(recommendations=[], total=0)


@router.get("/counts", summary="How many recommendations wait: none")
async def counts() -> schemas.Counts:
    """None; the dashboard fails without this answer."""
    return schemas.Counts(counts={}, total_pending=0)


@router.get("/analysis/types", summary="Kinds of analysis: none")
async def analysis_types() -> schemas.AnalysisTypes:
    """None."""
    return schemas.AnalysisTypes(types=[])


@router.post(
    "/analysis/{type}/run",
    summary="Run an analysis: refused",
    status_code=400,
    responses=refused(400, "There is no such analysis"),
)
async def run_analysis(type: str) -> None:  # noqa: A002 (the contract's name)
    """There is nothing to run."""
    raise HTTPException(400, f"Unknown analysis type: {type}. This sidecar does not analyse the library")


@router.get("/analysis/runs", summary="Runs of analyses: none")
async def analysis_runs(limit: Annotated[int, Query(ge=0, le=10_000)] = 20) -> list[schemas.AnalysisRun]:
    """None."""
    return []


@router.get("/analysis/runs/{run_id}", summary="One run: there is none", responses=NOT_FOUND)
async def analysis_run(run_id: Id) -> schemas.AnalysisRun:
    """There is none."""
    raise HTTPException(404, "Analysis run not found")


@router.get("/stash/status", summary="Does Stash answer")
async def stash_status(parts: PartsDep) -> schemas.StashConnection:
    """Whether Stash answers now."""
    if parts.stash is None:
        return schemas.StashConnection(connected=False, url=None, error=NO_STASH)
    url, within_s = parts.stash.shown_url, boxes.PAGE_WITHIN_S
    try:
        async with asyncio.timeout(within_s):
            said = await parts.stash.status()
    except TimeoutError:
        error = f"Stash did not answer within {within_s:g} s"
        return schemas.StashConnection(connected=False, url=url, error=error)
    return schemas.StashConnection(connected=said.connected, url=url, error=said.error)


@router.get(
    "/scene/{scene_id}",
    summary="A scene beside a recommendation: refused",
    status_code=501,
    responses=NOT_DONE,
)
async def scene(scene_id: Key) -> None:
    """Scenes are shown beside recommendations, of which there are none."""
    _not_done("show scenes")


@router.get("/settings", summary="What the plugin keeps for its pages", responses=STATE)
async def display_settings(parts: PartsDep) -> schemas.DisplaySettings:
    """What the plugin keeps for its pages."""
    return schemas.DisplaySettings(settings=await in_state(parts.state.entries.all, DISPLAY))


@router.get("/settings/{key}", summary="One thing that the plugin keeps", responses=STATE)
async def display_setting(parts: PartsDep, key: Key) -> schemas.DisplaySetting:
    """One of them; null: never set."""
    value = await in_state(parts.state.entries.get, DISPLAY + key)
    return schemas.DisplaySetting(key=key, value=value)


@router.post("/settings/{key}", summary="Keep something for the plugin", responses=STATE)
async def set_display_setting(
    parts: PartsDep, key: Key, new: schemas.NewDisplayValue
) -> schemas.DisplaySetting:
    """Keep a value for the plugin's pages."""
    try:
        text = json.dumps(new.value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise HTTPException(422, "The value holds NaN, or half of a character") from error
    if len(text) > MOST_VALUE_BYTES:
        raise HTTPException(422, f"The value is longer than {MOST_VALUE_BYTES} bytes of JSON")
    there = await in_state(parts.state.entries.all, DISPLAY)
    if key not in there and len(there) >= MOST_DISPLAY_SETTINGS:
        raise HTTPException(422, f"At most {MOST_DISPLAY_SETTINGS} values are kept")
    await in_state(parts.state.entries.set, {DISPLAY + key: new.value})
    return schemas.DisplaySetting(key=key, value=new.value)


@router.get("/upstream/field-config/{endpoint_b64}", summary="Which fields of a stash-box are watched: none")
async def field_config(endpoint_b64: str) -> schemas.FieldConfig:
    """No field of any stash-box is watched."""
    try:
        endpoint = base64.b64decode(endpoint_b64, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, "The endpoint is not base64 of a URL") from error
    return schemas.FieldConfig(endpoint=endpoint, fields={})


@router.post(
    "/upstream/field-config/{endpoint_b64}",
    summary="Choose fields to watch: refused",
    status_code=501,
    responses=NOT_DONE,
)
async def set_field_config(endpoint_b64: str) -> None:
    """No field is watched, so there is nothing to choose."""
    _not_done("watch stash-boxes for changes")


@router.post("/actions/batch-dismiss", summary="Dismiss recommendations: none")
async def batch_dismiss() -> schemas.Dismissed:
    """There are none to dismiss."""
    return schemas.Dismissed()


@router.post("/actions/accept-all-fingerprint-matches", summary="Accept every match: none")
async def accept_all() -> schemas.Accepted:
    """There are none to accept."""
    return schemas.Accepted()


@router.post(
    "/actions/accept-fingerprint-match",
    summary="Accept a match: there is none",
    status_code=404,
    responses=NOT_FOUND,
)
async def accept_one() -> None:
    """There is none of this id."""
    _unknown()


@router.post("/actions/{action}", summary="Change the library: refused", status_code=501, responses=NOT_DONE)
async def act(action: Action) -> None:
    """What the reference would do to the library; Stash itself can do it."""
    _not_done(action.value.replace("-", " "))


@router.get("/{rec_id}", summary="One recommendation: there is none", responses=NOT_FOUND)
async def one(rec_id: Id) -> schemas.Recommendation:
    """There is none."""
    _unknown()


@router.post(
    "/{rec_id}/resolve",
    summary="Resolve a recommendation: there is none",
    status_code=404,
    responses=NOT_FOUND,
)
async def resolve(rec_id: Id) -> None:
    """There is none."""
    _unknown()


@router.post(
    "/{rec_id}/dismiss",
    summary="Dismiss a recommendation: there is none",
    status_code=404,
    responses=NOT_FOUND,
)
async def dismiss(rec_id: Id) -> None:
    """There is none."""
    _unknown()


@router.post(
    "/{rec_id}/dismiss-upstream",
    summary="Dismiss an upstream change: there is none",
    status_code=404,
    responses=NOT_FOUND,
)
async def dismiss_upstream(rec_id: Id) -> None:
    """There is none."""
    _unknown()


def _unknown() -> NoReturn:
    raise HTTPException(404, "Recommendation not found")


def _not_done(what: str) -> NoReturn:
    raise HTTPException(501, f"This sidecar identifies performers; it does not {what}. Do it in Stash itself")
