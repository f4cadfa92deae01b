"""Questions to the Stash beside this sidecar, typed. Made once by parts.py; used by routes and jobs.

Methods raise StashError (see stash.errors); None means that Stash answered and knows no such thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from facedb_sidecar.settings import MIB, StashSettings
from facedb_sidecar.stash import answers, media, queries
from facedb_sidecar.stash.errors import StashBroken, StashError
from facedb_sidecar.stash.rate import RateLimiter, RateStats
from facedb_sidecar.stash.transport import Door, GraphQL

T = TypeVar("T")

WHO = "Stash"
SEARCH_LIMIT = 10
GALLERY_PAGE = 200
# Where a performer can be added, and the mutation that does it.
TARGETS = {
    "scene": ("findScene", queries.ADD_TO_SCENE),
    "image": ("findImage", queries.ADD_TO_IMAGE),
    "gallery": ("findGallery", queries.ADD_TO_GALLERY),
}


class StashClient:
    """One Stash.

    Args:
        settings: with a URL.
        rate: questions a second; read at each, so that users may change it.
        http: connections; ``open_stash`` makes and closes them.
        most_media_bytes: of a picture.
        limiter: default: one of its own over ``rate``.
        sleep: waits before another try.
    """

    def __init__(
        self,
        settings: StashSettings,
        rate: Callable[[], float],
        *,
        http: httpx.AsyncClient,
        most_media_bytes: int = 32 * MIB,
        limiter: RateLimiter | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if settings.url is None:
            raise ValueError("a StashClient needs STASH_URL")
        self.url = settings.url
        self._door = Door(WHO, f"{settings.url}/graphql", settings.api_key, settings.timeout_s)
        self._http = http
        self._most_media_bytes = most_media_bytes
        self._limiter = limiter or RateLimiter(rate)
        self._graphql = GraphQL(self._door, http, self._limiter, sleep=sleep)
        # What is first looked up and then written is done one at a time, or two clicks make two performers.
        self._writing = asyncio.Lock()

    @property
    def shown_url(self) -> str:
        """STASH_URL as it may be shown: without a name and password in it."""
        return without_login(self.url)

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections, for the stash-boxes."""
        return self._http

    def rate_stats(self) -> RateStats:
        """For ``/health/rate-limiter``."""
        return self._limiter.stats()

    async def stream(self, scene: answers.Scene) -> tuple[str, dict[str, str]]:
        """Where a scene's video is, and the headers to ask for it with: for ffmpeg, not for logs.

        Raises:
            StashRefused: the key cannot be sent.
        """
        url = media.media_url(self.url, None, "scene", scene.id, "stream")
        return await media.follow(self._http, self._door, self.url, url)

    def for_browsers(self, url: str | None) -> str | None:
        """A URL of an answer as a page of Stash can show it."""
        return media.for_browsers(self.url, url)

    async def scene(self, scene_id: str) -> answers.Scene | None:
        """A scene with its files and performers."""
        said = await self._graphql.ask(queries.SCENE, {"id": scene_id})
        return _read(said.get("findScene"), answers.Scene)

    async def image(self, image_id: str) -> answers.Image | None:
        """An image."""
        said = await self._graphql.ask(queries.IMAGE, {"id": image_id})
        return _read(said.get("findImage"), answers.Image)

    async def gallery(self, gallery_id: str) -> answers.Gallery | None:
        """A gallery, without its images."""
        said = await self._graphql.ask(queries.GALLERY, {"id": gallery_id})
        return _read(said.get("findGallery"), answers.Gallery)

    async def gallery_images(self, gallery_id: str) -> AsyncIterator[tuple[answers.Image, ...]]:
        """The images of a gallery, a page at a time, in the order of their paths; each of them once.

        Ends with a page that has nothing new, whatever the count says: a page that a proxy repeats must not
        keep this going.
        """
        page, seen = 0, set[str]()
        while True:
            page += 1
            order = {"page": page, "per_page": GALLERY_PAGE, "sort": "path", "direction": "ASC"}
            said = await self._graphql.ask(queries.GALLERY_IMAGES, {"id": gallery_id, "filter": order})
            found = _need(_part(said, "findImages").get("images"), tuple[answers.Image, ...])
            new = tuple({image.id: image for image in found if image.id not in seen}.values())
            seen |= {image.id for image in new}
            if new:
                yield new
            if not new or len(seen) >= _need(_part(said, "findImages").get("count"), int):
                return

    async def scene_ids(self, page: int, per_page: int) -> answers.IdPage:
        """A page of all scenes, from page 1, smallest id first."""
        said = await self._graphql.ask(queries.SCENE_IDS, {"filter": _by_id(page, per_page)})
        return _id_page(_part(said, "findScenes"), "scenes")

    async def image_ids(self, page: int, per_page: int) -> answers.IdPage:
        """A page of all images, from page 1, smallest id first."""
        said = await self._graphql.ask(queries.IMAGE_IDS, {"filter": _by_id(page, per_page)})
        return _id_page(_part(said, "findImages"), "images")

    async def search_performers(self, query: str, limit: int = SEARCH_LIMIT) -> tuple[answers.Performer, ...]:
        """Performers of the library by a part of a name or alias, in the order of their names."""
        order = {"q": query, "page": 1, "per_page": limit, "sort": "name", "direction": "ASC"}
        said = await self._graphql.ask(queries.SEARCH_PERFORMERS, {"filter": order})
        return _need(_part(said, "findPerformers").get("performers"), tuple[answers.Performer, ...])

    async def performer(self, performer_id: str) -> answers.Performer | None:
        """A performer."""
        said = await self._graphql.ask(queries.PERFORMER, {"id": performer_id})
        return _read(said.get("findPerformer"), answers.Performer)

    async def performer_of(self, stash_id: answers.StashId) -> answers.Performer | None:
        """Who is that one at a stash-box; of several performers, the one that came first."""
        said = await self._graphql.ask(queries.PERFORMERS_OF_STASH_ID, msgspec.structs.asdict(stash_id))
        found = _need(_part(said, "findPerformers").get("performers"), tuple[answers.Performer, ...])
        # Stash's EQUALS is SQL's LIKE, in which % and _ stand for anything.
        same = [one for one in found if _is(one, stash_id)]
        return min(same, key=lambda one: (len(one.id), one.id), default=None)

    async def create_performer(
        self, fields: Mapping[str, Any], stash_id: answers.StashId
    ) -> tuple[answers.Performer, bool]:
        """Make a performer, unless one has that stash id already.

        Args:
            fields: of PerformerCreateInput; those that this Stash does not know are left out.
            stash_id: who it is.

        Returns:
            The performer, and whether it was made now.
        """
        async with self._writing:
            there = await self.performer_of(stash_id)
            if there is not None:
                return there, False
            known = await self._input_fields("PerformerCreateInput")
            wanted = {name: value for name, value in fields.items() if name in known}
            if "urls" in wanted:
                # The old field beside the new one is refused.
                wanted.pop("url", None)
            wanted["stash_ids"] = [msgspec.structs.asdict(stash_id)]
            said = await self._graphql.tell(queries.CREATE_PERFORMER, {"input": wanted})
            return _need(said.get("performerCreate"), answers.Performer), True

    async def add_stash_ids(
        self, performer_id: str, stash_ids: tuple[answers.StashId, ...]
    ) -> answers.Performer | None:
        """Give a performer further stash ids; those that it has stay."""
        async with self._writing:
            there = await self.performer(performer_id)
            if there is None:
                return None
            new = tuple(dict.fromkeys(one for one in stash_ids if one not in there.stash_ids))
            if not new:
                return there
            wanted = [msgspec.structs.asdict(one) for one in there.stash_ids + new]
            said = await self._graphql.tell(queries.SET_STASH_IDS, {"id": performer_id, "stash_ids": wanted})
            return _need(said.get("performerUpdate"), answers.Performer)

    async def exists(self, kind: str, object_id: str) -> bool:
        """Whether there is such a scene, image or gallery."""
        field, _ = TARGETS[kind]
        said = await self._graphql.ask(
            f"query Exists($id: ID!) {{ {field}(id: $id) {{ id }} }}", {"id": object_id}
        )
        return said.get(field) is not None

    async def add_performer(self, kind: str, object_id: str, performer_id: str) -> None:
        """Add a performer to a scene, image or gallery; those that it has stay, twice is as once."""
        _, mutation = TARGETS[kind]
        await self._graphql.tell(mutation, {"id": object_id, "performer": performer_id})

    async def stash_boxes(self) -> tuple[answers.StashBox, ...]:
        """The stash-boxes of Stash's settings, with their keys."""
        said = await self._graphql.ask(queries.STASH_BOXES)
        general = _part(_part(said, "configuration"), "general")
        return _need(general.get("stashBoxes"), tuple[answers.StashBox, ...])

    async def version(self) -> str | None:
        """Of Stash; None for a build without one."""
        said = await self._graphql.ask(queries.VERSION)
        return _read(_part(said, "version").get("version"), str)

    async def status(self) -> answers.StashStatus:
        """Whether Stash answers; never raises StashError."""
        try:
            version = await self.version()
            boxes = await self.stash_boxes()
        except StashError as error:
            return answers.StashStatus(connected=False, error=error.message)
        return answers.StashStatus(True, version, tuple((box.name, box.endpoint) for box in boxes))

    async def image_bytes(self, image: answers.Image) -> bytes:
        """The image file, as it was stored."""
        url = media.media_url(self.url, image.paths.image, "image", image.id, "image")
        return await media.fetch(self._http, self._door, url, self._most_media_bytes)

    async def screenshot_bytes(self, scene: answers.Scene) -> bytes:
        """The picture that Stash shows for a scene."""
        url = media.media_url(self.url, scene.paths.screenshot, "scene", scene.id, "screenshot")
        return await media.fetch(self._http, self._door, url, self._most_media_bytes)

    async def _input_fields(self, name: str) -> frozenset[str]:
        """What an input type of this version of Stash has."""
        said = await self._graphql.ask(queries.INPUT_FIELDS, {"type": name})
        fields = _need(_part(said, "__type").get("inputFields"), tuple[answers.Named, ...])
        return frozenset(field.name for field in fields)


@asynccontextmanager
async def open_stash(
    settings: StashSettings, rate: Callable[[], float], *, most_media_bytes: int = 32 * MIB
) -> AsyncIterator[StashClient | None]:
    """The client, with connections that are closed at the end; None without STASH_URL."""
    if settings.url is None:
        yield None
        return
    # Redirects are not followed: they lead to a login page, or take the key to another host.
    async with httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False) as http:
        yield StashClient(settings, rate, http=http, most_media_bytes=most_media_bytes)


def without_login(url: str) -> str:
    """``http://name:password@host`` → ``http://host``. Pure."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _is(performer: answers.Performer, wanted: answers.StashId) -> bool:
    return any(
        one.endpoint == wanted.endpoint and one.stash_id.lower() == wanted.stash_id.lower()
        for one in performer.stash_ids
    )


def _by_id(page: int, per_page: int) -> dict[str, Any]:
    return {"page": page, "per_page": per_page, "sort": "id", "direction": "ASC"}


def _id_page(said: Mapping[str, Any], field: str) -> answers.IdPage:
    rows = _need(said.get(field), tuple[answers.Identity, ...])
    return answers.IdPage(tuple(row.id for row in rows), _need(said.get("count"), int))


def _part(said: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    part = said.get(field)
    if not isinstance(part, Mapping):
        raise StashBroken(f"{WHO} answered without {field}")
    return part


def _read(said: Any, kind: type[T]) -> T | None:
    return None if said is None else _need(said, kind)


def _need(said: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise StashBroken(f"{WHO} answered in a shape that this sidecar does not know: {error}") from error
