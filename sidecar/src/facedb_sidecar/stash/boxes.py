"""Stash-boxes, through the endpoints and keys in Stash's own settings: a performer by id."""

from __future__ import annotations

import httpx
import msgspec

from facedb_sidecar.stash.answers import StashBox
from facedb_sidecar.stash.box_names import host_of
from facedb_sidecar.stash.box_performer import BoxPerformer
from facedb_sidecar.stash.errors import StashBroken
from facedb_sidecar.stash.rate import RateLimiter
from facedb_sidecar.stash.transport import Door, GraphQL

# What Stash itself asks its stash-boxes at most, by default: 240 questions a minute.
BOX_RATE = 4.0

FIND_PERFORMER = """
query FindPerformer($id: ID!) {
  findPerformer(id: $id) {
    id name disambiguation aliases gender birth_date death_date ethnicity country eye_color hair_color height
    cup_size band_size waist_size hip_size breast_type career_start_year career_end_year
    tattoos { location description } piercings { location description } urls { url } images { url } deleted
  }
}
"""


class StashBoxes:
    """Asks stash-boxes, each at its own pace.

    Args:
        http: connections.
        timeout_s: for one question.
    """

    def __init__(self, http: httpx.AsyncClient, timeout_s: float) -> None:
        self._http = http
        self._timeout_s = timeout_s
        self._limiters: dict[str, RateLimiter] = {}

    async def performer(self, box: StashBox, performer_id: str) -> BoxPerformer | None:
        """A performer by id; None if there is none, or was.

        Raises:
            StashError: no answer.
        """
        who = host_of(box.endpoint)
        limiter = self._limiters.setdefault(box.endpoint, RateLimiter(lambda: BOX_RATE))
        door = Door(who, box.endpoint, box.api_key or None, self._timeout_s)
        said = await GraphQL(door, self._http, limiter).ask(FIND_PERFORMER, {"id": performer_id})
        found = said.get("findPerformer")
        if found is None:
            return None
        try:
            person = msgspec.convert(found, BoxPerformer)
        except msgspec.ValidationError as error:
            raise StashBroken(
                f"{who} answered in a shape that this sidecar does not know: {error}"
            ) from error
        return None if person.deleted else person
