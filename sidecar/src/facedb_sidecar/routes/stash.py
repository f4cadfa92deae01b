"""``/stash/*``, ``/stashbox/*``: what the plugin's "Add to scene" buttons need. Doing it twice is as once."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.stash_needs import STASH_ANSWERS, BoxesDep, StashDep, stash_answers
from facedb_sidecar.schemas import stash as schemas
from facedb_sidecar.stash.answers import Performer, StashBox, StashId
from facedb_sidecar.stash.box_names import find_box
from facedb_sidecar.stash.box_performer import BoxPerformer, stash_fields
from facedb_sidecar.stash.boxes import StashBoxes
from facedb_sidecar.stash.client import StashClient

router = APIRouter(tags=["stash"], responses=COMMON | STASH_ANSWERS)


@router.get("/stashbox/performer/{endpoint}/{stashdb_id}", summary="A performer of a stash-box")
async def stashbox_performer(
    endpoint: str, stashdb_id: str, stash: StashDep, boxes: BoxesDep
) -> schemas.BoxPerformer:
    """A performer of a stash-box, in the fields that Stash's own form has."""
    with stash_answers():
        box = find_box(await stash.stash_boxes(), endpoint)
        person = await _person(boxes, box, stashdb_id)
    who = schemas.StashId(endpoint=box.endpoint, stash_id=person.id)
    return schemas.BoxPerformer(**stash_fields(person), stash_ids=[who])


@router.post("/stash/search-performers", summary="Search the library's performers")
async def search_performers(request: schemas.SearchRequest, stash: StashDep) -> list[schemas.FoundPerformer]:
    """Performers of the library by a part of a name or alias, at most ten."""
    with stash_answers():
        found = await stash.search_performers(request.query)
    return [_found(stash, performer) for performer in found]


@router.post("/stash/create-performer", summary="Make a performer from a stash-box, and add it")
async def create_performer(
    request: schemas.CreateRequest, stash: StashDep, boxes: BoxesDep
) -> schemas.Created:
    """Make a performer from a stash-box and add it; a performer with that id is added and not doubled."""
    with stash_answers():
        await _require_target(stash, request)
        box = find_box(await stash.stash_boxes(), request.endpoint)
        who = StashId(box.endpoint, request.stashdb_id)
        performer, created = await _found_or_made(stash, boxes, box, who)
        await _add(stash, request, performer.id)
    return schemas.Created(performer_id=performer.id, name=performer.name, created=created)


@router.post("/stash/link-performer", summary="Add a performer of the library")
async def link_performer(request: schemas.LinkRequest, stash: StashDep) -> schemas.Linked:
    """Add a performer of the library, and on request give it the stash ids; those that are there stay."""
    with stash_answers():
        await _require_target(stash, request)
        performer = await stash.performer(request.performer_id)
        if performer is None:
            raise HTTPException(404, "Performer not found")
        await _add(stash, request, performer.id)
        if request.update_metadata and request.stash_ids:
            new = tuple(StashId(one.endpoint, one.stash_id) for one in request.stash_ids)
            await stash.add_stash_ids(performer.id, new)
    return schemas.Linked(performer_id=performer.id, name=performer.name)


async def _require_target(stash: StashClient, target: schemas.Target) -> None:
    """Look before anything is changed: half of a click is worse than none."""
    chosen = target.chosen()
    if chosen and not await stash.exists(*chosen):
        raise HTTPException(404, f"{chosen[0].capitalize()} not found")


async def _add(stash: StashClient, target: schemas.Target, performer_id: str) -> None:
    chosen = target.chosen()
    if chosen:
        await stash.add_performer(*chosen, performer_id)


async def _found_or_made(
    stash: StashClient, boxes: StashBoxes, box: StashBox, who: StashId
) -> tuple[Performer, bool]:
    """The performer, and whether it was made now; the stash-box is only asked for somebody new."""
    there = await stash.performer_of(who)
    if there is not None:
        return there, False
    person = await _person(boxes, box, who.stash_id)
    return await stash.create_performer(stash_fields(person), StashId(box.endpoint, person.id))


async def _person(boxes: StashBoxes, box: StashBox, stashdb_id: str) -> BoxPerformer:
    person = await boxes.performer(box, stashdb_id)
    if person is None:
        raise HTTPException(404, "Performer not found on StashBox")
    return person


def _found(stash: StashClient, performer: Performer) -> schemas.FoundPerformer:
    return schemas.FoundPerformer(
        id=performer.id,
        name=performer.name,
        disambiguation=performer.disambiguation,
        alias_list=list(performer.alias_list),
        image_path=stash.for_browsers(performer.image_path),
        gender=performer.gender,
        birthdate=performer.birthdate,
        country=performer.country,
        stash_ids=[
            schemas.StashId(endpoint=one.endpoint, stash_id=one.stash_id) for one in performer.stash_ids
        ],
    )
