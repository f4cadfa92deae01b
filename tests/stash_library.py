"""What a test's Stash has, in memory, and the resolvers by which graphql-core answers from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

Rows = dict[str, dict[str, Any]]


@dataclass
class Library:
    """Rows by id, in GraphQL's own shapes; media are bytes by path.

    Attributes:
        base: where its URLs begin; another host than the server's own stands for a proxy.
        boxes: of Stash's settings.
        galleries: gallery id → image ids.
    """

    base: str = ""
    scenes: Rows = field(default_factory=dict)
    images: Rows = field(default_factory=dict)
    galleries: Rows = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    performers: Rows = field(default_factory=dict)
    boxes: list[dict[str, str]] = field(default_factory=list)
    media: dict[str, bytes] = field(default_factory=dict)

    def add_scene(self, scene_id: str, video: bytes | None, **facts: Any) -> None:
        """A scene with a file; ``duration`` 10, 320 x 240 unless said."""
        size = {"duration": 10.0, "width": 320, "height": 240, **facts.pop("file", {})}
        self.scenes[scene_id] = {
            "id": scene_id,
            "title": f"Scene {scene_id}",
            "organized": False,
            "files": [{"id": scene_id, "path": f"/data/{scene_id}.mp4", **size}],
            "paths": self._paths("scene", scene_id, "stream", "screenshot"),
            "performers": [],
            "stash_ids": [],
            **facts,
        }
        if video is not None:
            self.media[f"/scene/{scene_id}/stream"] = video

    def add_image(self, image_id: str, data: bytes | None, **facts: Any) -> None:
        """An image with its file."""
        paths = self._paths("image", image_id, "image", "thumbnail")
        self.images[image_id] = {"id": image_id, "title": None, "paths": paths, "performers": [], **facts}
        if data is not None:
            self.media[f"/image/{image_id}/image"] = data

    def add_gallery(self, gallery_id: str, image_ids: Iterable[str]) -> None:
        """A gallery of images that are there."""
        self.members[gallery_id] = list(image_ids)
        self.galleries[gallery_id] = {
            "id": gallery_id,
            "title": f"Gallery {gallery_id}",
            "image_count": len(self.members[gallery_id]),
            "performers": [],
        }

    def add_performer(self, name: str, **facts: Any) -> str:
        """A performer; returns the id."""
        performer_id = str(len(self.performers) + 1)
        self.performers[performer_id] = {
            "id": performer_id,
            "name": name,
            "alias_list": [],
            "stash_ids": [],
            "favorite": False,
            "image_path": f"{self.base}/performer/{performer_id}/image?t=1",
            **facts,
        }
        return performer_id

    def _paths(self, kind: str, object_id: str, *names: str) -> dict[str, str]:
        return {name: f"{self.base}/{kind}/{object_id}/{name}" for name in names}


def root(library: Library) -> dict[str, Callable[..., Any]]:
    """The resolvers of Query and Mutation, as graphql-core takes them from a root value."""
    return {
        "findScene": lambda _, id=None, **rest: library.scenes.get(_number(id)),  # noqa: A006
        "findScenes": lambda _, **asked: _page(library.scenes.values(), "scenes", asked),
        "findImage": lambda _, id=None, **rest: library.images.get(_number(id)),  # noqa: A006
        "findImages": lambda _, **asked: _find_images(library, asked),
        "findGallery": lambda _, id: library.galleries.get(_number(id)),  # noqa: A006
        "findPerformer": lambda _, id: library.performers.get(_number(id)),  # noqa: A006
        "findPerformers": lambda _, **asked: _find_performers(library, asked),
        "configuration": {"general": {"stashBoxes": library.boxes}},
        "version": {"version": "v0.28.1", "hash": "cafe", "build_time": "2025-03-20"},
        "performerCreate": lambda _, input: _create(library, input),  # noqa: A006
        "performerUpdate": lambda _, input: _update(library, input),  # noqa: A006
        "bulkSceneUpdate": lambda _, input: _bulk(library, library.scenes, input),  # noqa: A006
        "bulkImageUpdate": lambda _, input: _bulk(library, library.images, input),  # noqa: A006
        "bulkGalleryUpdate": lambda _, input: _bulk(library, library.galleries, input),  # noqa: A006
    }


def _number(object_id: str | None) -> str:
    """Stash's ids are numbers."""
    if object_id is None or not object_id.isdigit():
        raise GraphQLError(f'converting id: strconv.Atoi: parsing "{object_id}": invalid syntax')
    return object_id


def _page(rows: Iterable[dict[str, Any]], name: str, asked: dict[str, Any]) -> dict[str, Any]:
    order = asked.get("filter") or {}
    there = sorted(rows, key=lambda row: int(row["id"]))
    many, page = order.get("per_page", 25), order.get("page", 1)
    shown = there if many < 0 else there[(page - 1) * many : page * many]
    return {"count": len(there), "duration": 0.0, "filesize": 0.0, "megapixels": 0.0, name: shown}


def _find_images(library: Library, asked: dict[str, Any]) -> dict[str, Any]:
    galleries = (asked.get("image_filter") or {}).get("galleries")
    if galleries is None:
        return _page(library.images.values(), "images", asked)
    wanted = {i for gallery in galleries["value"] for i in library.members.get(gallery, ())}
    return _page([library.images[i] for i in wanted], "images", asked)


def _find_performers(library: Library, asked: dict[str, Any]) -> dict[str, Any]:
    words = ((asked.get("filter") or {}).get("q") or "").lower()
    same = (asked.get("performer_filter") or {}).get("stash_id_endpoint")
    kept = [
        row
        for row in library.performers.values()
        if any(words in name.lower() for name in (row["name"], *row["alias_list"]))
        and (same is None or any(_same(one, same) for one in row["stash_ids"]))
    ]
    return _page(kept, "performers", asked)


def _same(one: dict[str, str], wanted: dict[str, str]) -> bool:
    return (one["endpoint"], one["stash_id"].lower()) == (wanted["endpoint"], wanted["stash_id"].lower())


def _create(library: Library, given: dict[str, Any]) -> dict[str, Any]:
    key = (given["name"], given.get("disambiguation"))
    if any((row["name"], row.get("disambiguation")) == key for row in library.performers.values()):
        raise GraphQLError(f"performer with name '{given['name']}' already exists")
    if {"url", "urls"} <= given.keys():
        raise GraphQLError("cannot use both url and urls")
    return library.performers[library.add_performer(**given)]


def _update(library: Library, given: dict[str, Any]) -> dict[str, Any]:
    row = library.performers.get(given["id"])
    if row is None:
        raise GraphQLError(f"performer with id {given['id']} not found")
    row.update(given)
    return row


def _bulk(library: Library, rows: Rows, given: dict[str, Any]) -> list[dict[str, Any]]:
    change = given["performer_ids"]
    if change["mode"] != "ADD":
        raise GraphQLError("only ADD is known here")
    if not set(change["ids"]) <= library.performers.keys():
        raise GraphQLError("FOREIGN KEY constraint failed")
    for object_id in given["ids"]:
        there = rows[_number(object_id)]["performers"]
        there += [library.performers[i] for i in change["ids"] if library.performers[i] not in there]
    return [rows[object_id] for object_id in given["ids"]]
