"""What a good release consists of, as data: one Profile for each release format. Facts only, no checks.

The checks (archive, manifest, verify) read everything from here: another ecosystem's format is another
Profile in PROFILES, not another check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class FileSet:
    """What an archive, or a folder, may hold.

    Attributes:
        required: files without which it is none.
        optional: files that may be there.
        max_bytes: cap of each file, unpacked.
        max_total_bytes: cap of all of them together, unpacked.
        max_ratio: how many bytes one compressed byte may become (deflate itself can do 1032).
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    max_bytes: Mapping[str, int]
    max_total_bytes: int = 64 * GIB
    max_ratio: int = 200

    @property
    def known(self) -> tuple[str, ...]:
        """Return every name that may be there."""
        return self.required + self.optional


@dataclass(frozen=True)
class ManifestForm:
    """How the release's description of itself is written.

    Attributes:
        counts: fields that hold a count.
        pipeline: key under `models` → the value it must have, so that a reader's own faces match.
        name: of the file.
        signature: of the file with the detached signature over the manifest's bytes.
    """

    counts: tuple[str, ...]
    pipeline: Mapping[str, str | int | bool]
    name: str = "manifest.json"
    signature: str = "manifest.json.minisig"


class MapForm(StrEnum):
    """How a JSON map is written."""

    LIST = "list"  # position = label in the indices, null = a gap
    OBJECT = "object"  # key = id


@dataclass(frozen=True)
class JsonMap:
    """A JSON file that says what stands behind a label or an id.

    Attributes:
        form: of the whole file.
        texts: fields of an entry that must be text; with none, the entry itself is a text.
        separator: must stand inside an id (a list's texts, an object's keys), with something on each side.
        counted_by: the manifest's field that holds its length, gaps included.
        owners: the object map in which its text entries should be found; what is not found is a warning.
    """

    form: MapForm
    texts: tuple[str, ...] = ()
    separator: str | None = None
    counted_by: str | None = None
    owners: str | None = None


@dataclass(frozen=True)
class VectorIndex:
    """A voyager index.

    Attributes:
        dimensions: of a vector.
        labelled_by: the list map whose positions are its labels.
        declared_as: key under the manifest's `models` that names its dimensions.
        queried: whether readers search it; where nobody does, odd counts and dimensions are a warning.
        space: of its distances.
    """

    dimensions: int
    labelled_by: str
    declared_as: str | None = None
    queried: bool = True
    space: str = "cosine"


class Rows(StrEnum):
    """How a table's number of rows relates to the manifest's count; anything else is a warning."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True)
class Table:
    """A table of a database.

    Attributes:
        required: columns without which readers fail.
        optional: columns that older releases lack; all others are newer, which is a warning.
        integers: columns in which readers want an integer or nothing.
        texts: columns that readers show or look up: UTF-8, none of them huge.
        needed: whether readers fail without the table.
        counted_by: the manifest's field that its rows are compared with; none at all are an error then.
        rows: how they compare.
    """

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    integers: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    needed: bool = True
    counted_by: str | None = None
    rows: Rows = Rows.AT_LEAST


@dataclass(frozen=True)
class Profile(FileSet):
    """A release format.

    Attributes:
        name: of the format, with its version.
        manifest: how the manifest is written.
        maps: file → its form.
        indices: file → what it must hold.
        databases: SQLite file → its tables.
    """

    name: str = ""
    manifest: ManifestForm = field(default_factory=lambda: ManifestForm((), {}))
    maps: Mapping[str, JsonMap] = field(default_factory=dict)
    indices: Mapping[str, VectorIndex] = field(default_factory=dict)
    databases: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)


REQUIRED = (
    "performers.db",
    "face_facenet.voy",
    "face_arcface.voy",
    "faces.json",
    "performers.json",
    "manifest.json",
)
OPTIONAL = ("face_adaface.voy", "tattoo_embeddings.voy", "tattoo_embeddings.json", "manifest.json.minisig")
# Caps, many times the real sizes (794 MB an index, 210 MB the database): they stop endless data, not growth.
MAX_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "performers.db": 8 * GIB,
        "face_facenet.voy": 16 * GIB,
        "face_arcface.voy": 16 * GIB,
        "face_adaface.voy": 16 * GIB,
        "tattoo_embeddings.voy": 32 * GIB,
        "faces.json": 512 * MIB,
        "performers.json": GIB,
        "tattoo_embeddings.json": GIB,
        "manifest.json": MIB,
        "manifest.json.minisig": 4096,
    }
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERFORMER_COLUMNS = _words(
    "id canonical_name disambiguation gender country ethnicity birth_date death_date height_cm eye_color "
    "hair_color career_start_year career_end_year scene_count stashdb_updated_at face_count image_url "
    "created_at updated_at"
)
_FACE_COLUMNS = _words(
    "id performer_id facenet_index arcface_index image_url source_endpoint quality_score created_at"
)
_MARK_COLUMNS = frozenset({"performer_id", "location", "description"})
_PROPORTION_COLUMNS = _words(
    "performer_id shoulder_hip_ratio leg_torso_ratio arm_span_height_ratio confidence"
)
_PERFORMER_ID = frozenset({"performer_id"})

_TABLES: Mapping[str, Table] = MappingProxyType(
    {
        # Performers without faces have a row too, and are in no map.
        "performers": Table(
            _PERFORMER_COLUMNS,
            integers=frozenset({"id"}),
            texts=frozenset({"canonical_name", "disambiguation", "gender", "country", "image_url"}),
            counted_by="performer_count",
        ),
        "stashbox_ids": Table(
            frozenset({"performer_id", "endpoint", "stashbox_performer_id"}),
            optional=frozenset({"created_at"}),
            integers=_PERFORMER_ID,
            texts=frozenset({"endpoint", "stashbox_performer_id"}),
        ),
        "aliases": Table(
            frozenset({"id", "performer_id", "alias"}),
            optional=frozenset({"source_endpoint", "created_at"}),
            integers=frozenset({"id", "performer_id"}),
            texts=frozenset({"alias"}),
        ),
        # A gap has no row.
        "faces": Table(
            _FACE_COLUMNS,
            optional=frozenset({"pruned", "yaw"}),
            integers=frozenset({"id", "performer_id", "facenet_index", "arcface_index"}),
            counted_by="face_count",
            rows=Rows.AT_MOST,
        ),
        "tattoos": Table(_MARK_COLUMNS, integers=_PERFORMER_ID, needed=False),
        "piercings": Table(_MARK_COLUMNS, integers=_PERFORMER_ID, needed=False),
        "body_proportions": Table(_PROPORTION_COLUMNS, integers=_PERFORMER_ID, needed=False),
        "tattoo_detections": Table(
            frozenset({"performer_id", "has_tattoos", "confidence", "detections_json"}),
            integers=_PERFORMER_ID,
            needed=False,
        ),
    }
)

PROFILE = Profile(
    name="stash-sense/v1",
    required=REQUIRED,
    optional=OPTIONAL,
    max_bytes=MAX_BYTES,
    manifest=ManifestForm(
        counts=("performer_count", "face_count"),
        pipeline=MappingProxyType(
            {
                "detector": "retinaface_buffalo_sc",
                "alignment": "insightface_norm_crop_5point",
                "flip_averaging": True,
            }
        ),
    ),
    maps=MappingProxyType(
        {
            "faces.json": JsonMap(
                MapForm.LIST, separator=":", counted_by="face_count", owners="performers.json"
            ),
            "performers.json": JsonMap(MapForm.OBJECT, texts=("name",), counted_by="performer_count"),
            "tattoo_embeddings.json": JsonMap(MapForm.LIST, texts=("universal_id",)),
        }
    ),
    indices=MappingProxyType(
        {
            "face_facenet.voy": VectorIndex(512, "faces.json", "facenet_dim"),
            "face_arcface.voy": VectorIndex(512, "faces.json", "arcface_dim"),
            "face_adaface.voy": VectorIndex(512, "faces.json", "adaface_dim", queried=False),
            "tattoo_embeddings.voy": VectorIndex(1280, "tattoo_embeddings.json", "tattoo_dim"),
        }
    ),
    databases=MappingProxyType({"performers.db": _TABLES}),
)
PROFILES: Mapping[str, Profile] = MappingProxyType({PROFILE.name: PROFILE})
