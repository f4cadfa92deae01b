"""The ONNX models: their files and where they come from. Pure."""

from dataclasses import dataclass
from typing import Final

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw
from facedb_operator.spec.sources import Source, read_source

GITHUB: Final = {"repository": "carrotwaxr/stash-sense", "tag": "models"}


@dataclass(frozen=True)
class ModelFile:
    """One ONNX file: name, size in bytes, sha256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Models:
    """The ONNX models and where they come from."""

    source: Source
    files: tuple[ModelFile, ...]


def read_models(raw: Raw) -> Models:
    """Read ``spec.models``.

    Raises:
        InvalidSpec: it lists no file, or its source is none.
    """
    files = tuple(ModelFile(f["name"], int(f["size"]), f["sha256"]) for f in raw.get("files") or ())
    if not files:
        raise InvalidSpec("spec.models.files", "is empty; list the ONNX files with size and sha256")
    return Models(read_source(raw.get("source", {"github": {}}), "spec.models.source", GITHUB), files)
