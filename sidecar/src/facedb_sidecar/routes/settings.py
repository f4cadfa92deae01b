"""``/settings*``: what users change while the sidecar runs; the plugin's Settings page needs them."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.boxes import DISABLED, PRIORITIES, endpoints_if_any
from facedb_sidecar.routes.in_state import STATE, in_state, missing
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.schemas import settings as schemas
from facedb_sidecar.schemas.errors import Unfit
from facedb_sidecar.state import Preferences
from facedb_sidecar.state.definitions import CATEGORIES
from facedb_sidecar.state.preferences import Chosen

router = APIRouter(prefix="/settings", tags=["settings"], responses={**COMMON, **STATE})

UNKNOWN = missing("There is no such setting")


@router.get("", summary="Every setting", response_model_exclude_none=True)
async def all_settings(parts: PartsDep) -> schemas.AllSettings:
    """Every setting with its limits and default, under the headings of the page."""
    chosen = parts.preferences.all()
    return schemas.AllSettings(
        hardware_tier=parts.preferences.tier,
        categories={
            key: schemas.Category(
                label=category.label,
                order=category.order,
                settings={c.definition.key: _setting(c) for c in chosen if c.definition.category == key},
            )
            for key, category in CATEGORIES.items()
        },
        waiting_for_load=sorted(parts.preferences.waiting_for_load),
        warning=parts.state.warning,
    )


@router.put(
    "",
    summary="Change several settings",
    responses={422: {"model": schemas.PartlyStoredDetail | Unfit, "description": "Some were refused"}},
)
async def set_many(parts: PartsDep, new: schemas.NewValues) -> schemas.StoredAll:
    """Change several: what is valid is stored also when something else is not."""
    stored, errors = await in_state(parts.preferences.set, new.settings)
    if errors:
        raise HTTPException(422, {"errors": errors, "stored": stored})
    return schemas.StoredAll(stored=stored)


# Before /{key}, which would take these names for settings.


@router.get("/endpoint-priorities", summary="The stash-boxes in their order")
async def priorities(parts: PartsDep) -> schemas.Endpoints:
    """The stash-boxes, the most important first; none while Stash does not answer."""
    return schemas.Endpoints(endpoints=await endpoints_if_any(parts))


@router.post("/endpoint-priorities", summary="Order the stash-boxes")
async def set_priorities(parts: PartsDep, new: schemas.Priorities) -> schemas.Success:
    """Order the stash-boxes."""
    await in_state(parts.state.entries.set, {PRIORITIES: list(dict.fromkeys(new.endpoints))})
    return schemas.Success()


@router.post("/endpoint-disable", summary="Leave a stash-box out")
async def disable(parts: PartsDep, switch: schemas.EndpointSwitch) -> schemas.Success:
    """Leave a stash-box out."""
    entries = parts.state.entries
    if len(await in_state(entries.all, DISABLED)) >= schemas.MOST_ENDPOINTS:
        raise HTTPException(422, f"At most {schemas.MOST_ENDPOINTS} endpoints can be disabled")
    await in_state(entries.set, {DISABLED + switch.endpoint: True})
    return schemas.Success()


@router.post("/endpoint-enable", summary="Take a stash-box in again")
async def enable(parts: PartsDep, switch: schemas.EndpointSwitch) -> schemas.Success:
    """Take a stash-box in again."""
    await in_state(parts.state.entries.delete, DISABLED + switch.endpoint)
    return schemas.Success()


@router.get("/{key}", summary="One setting", response_model_exclude_none=True, responses=UNKNOWN)
async def one_setting(parts: PartsDep, key: str) -> schemas.KeyedSetting:
    """One setting."""
    chosen = _known(parts.preferences, key)
    return schemas.KeyedSetting(key=key, **_setting(chosen).model_dump())


@router.put("/{key}", summary="Change a setting", responses=UNKNOWN)
async def set_one(parts: PartsDep, key: str, new: schemas.NewValue) -> schemas.Stored:
    """Change one."""
    _known(parts.preferences, key)
    stored, errors = await in_state(parts.preferences.set, {key: new.value})
    if errors:
        raise HTTPException(422, errors[key])
    return schemas.Stored(key=key, value=stored[key], is_override=True)


@router.delete("/{key}", summary="Set a setting back to its default", responses=UNKNOWN)
async def reset(parts: PartsDep, key: str) -> schemas.Stored:
    """Go back to the default of this hardware."""
    _known(parts.preferences, key)
    chosen = await in_state(parts.preferences.reset, key)
    return schemas.Stored(key=key, value=chosen.value, is_override=False)


def _known(preferences: Preferences, key: str) -> Chosen:
    try:
        return preferences.get(key)
    except KeyError as error:
        raise HTTPException(404, f"Unknown setting: {key}") from error


def _setting(chosen: Chosen) -> schemas.Setting:
    definition = chosen.definition
    return schemas.Setting(
        value=chosen.value,
        default=chosen.default,
        is_override=chosen.is_override,
        type=definition.kind.value,
        label=definition.label,
        description=definition.description,
        min=definition.least,
        max=definition.most,
        applies=definition.applies.value,
    )
