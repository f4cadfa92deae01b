"""What Stash answers, as frozen values: the fields that this sidecar asks for; others are passed over."""

from __future__ import annotations

from msgspec import Struct


class StashId(Struct, frozen=True):
    """Who somebody is at a stash-box: its GraphQL URL, and the id there."""

    endpoint: str
    stash_id: str


class Performer(Struct, frozen=True):
    """A performer of the library; ``image_path`` is a URL of Stash."""

    id: str
    name: str
    disambiguation: str | None = None
    alias_list: tuple[str, ...] = ()
    image_path: str | None = None
    gender: str | None = None
    birthdate: str | None = None
    country: str | None = None
    stash_ids: tuple[StashId, ...] = ()


class VideoFile(Struct, frozen=True):
    """A file of a scene: seconds, and pixels."""

    duration: float
    width: int
    height: int


class ScenePaths(Struct, frozen=True):
    """URLs of Stash."""

    screenshot: str | None = None
    stream: str | None = None


class Scene(Struct, frozen=True):
    """A scene; the first file is the one that Stash plays."""

    id: str
    paths: ScenePaths
    title: str | None = None
    files: tuple[VideoFile, ...] = ()
    performers: tuple[Performer, ...] = ()


class ImagePaths(Struct, frozen=True):
    """URLs of Stash."""

    image: str | None = None


class Image(Struct, frozen=True):
    """An image of the library."""

    id: str
    paths: ImagePaths
    title: str | None = None


class Gallery(Struct, frozen=True):
    """A gallery; its images are asked for page by page."""

    id: str
    title: str | None = None
    image_count: int = 0


class Identity(Struct, frozen=True):
    """Anything of the library, by its id alone."""

    id: str


class Named(Struct, frozen=True):
    """Anything by its name alone: a field of a type."""

    name: str


class IdPage(Struct, frozen=True):
    """A page of ids, smallest id first, and how many there are on all pages."""

    ids: tuple[str, ...]
    total: int


class StashBox(Struct, frozen=True):
    """A stash-box that Stash is connected to: its GraphQL URL, its key, its name in Stash's settings."""

    endpoint: str
    api_key: str
    name: str

    def __repr__(self) -> str:
        return f"StashBox(endpoint={self.endpoint!r}, name={self.name!r})"


class StashStatus(Struct, frozen=True):
    """Whether Stash answers, and what it says of itself.

    Attributes:
        connected: a question was answered.
        version: of Stash.
        stash_boxes: names and endpoints, never keys.
        error: why it is not connected.
    """

    connected: bool
    version: str | None = None
    stash_boxes: tuple[tuple[str, str], ...] = ()
    error: str | None = None
