"""A few numbers → a real release: voyager indices, SQLite, JSON maps, a manifest and the zip around them.

Called by tests, benchmarks and the demo; `python tests/builders.py OUT --version 2026.02.18 --faces 366794`
makes one by hand. The content is the same for the same seed. Never reads anything from outside.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager

from release_damage import (
    rezip,
    with_changed_file,
    with_changed_json,
    with_extra_member,
    with_flipped_byte,
    with_raw_flip,
    without_member,
)
from release_schema import COUNTRIES, SCHEMA, performer_row

__all__ = [
    "Enrolled",
    "archive_name",
    "make_files",
    "make_release",
    "rezip",
    "with_changed_file",
    "with_changed_json",
    "with_extra_member",
    "with_flipped_byte",
    "with_raw_flip",
    "without_member",
]

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 512
CREATED_AT = "2026-02-18T03:00:00Z"
ZIP_TIME = (2026, 2, 18, 3, 0, 0)
# A face is its identity's unit vector plus noise of this length: two faces of one person are then
# 1 / (1 + 0.5²) = 0.8 alike, which is about what real aligned photos give.
NOISE = 0.5
CHUNK = 20_000
PIPELINE: Mapping[str, Any] = {
    "detector": "retinaface_buffalo_sc",
    "alignment": "insightface_norm_crop_5point",
    "facenet_dim": DIMENSIONS,
    "arcface_dim": DIMENSIONS,
    "flip_averaging": True,
}


@dataclass(frozen=True)
class Enrolled:
    """One face of a real person who is to be found: facenet and arcface are (512,) float32."""

    name: str
    stashdb_id: str
    facenet: Vectors
    arcface: Vectors


@dataclass(frozen=True)
class Shape:
    """What a release is made of.

    Attributes:
        version: calendar version.
        performers: synthetic people; enrolled ones come on top.
        faces: of the synthetic people together.
        gaps: labels without a name.
        seed: of everything random.
        enrolled: real faces, at the first labels.
        threads: of the index build; more than one is faster and no longer deterministic.
        ef_construction: of the index build.
        list_maps: list faces.json and performers.json in the manifest's checksums (real ones do not).
        absent: optional files that the manifest lists although the archive lacks them.
        manifest: fields that replace those of the manifest at the end.
    """

    version: str
    performers: int
    faces: int
    gaps: int
    seed: int
    enrolled: tuple[Enrolled, ...] = ()
    threads: int = 1
    ef_construction: int = 200
    list_maps: bool = False
    absent: Sequence[str] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)


def archive_name(version: str) -> str:
    """Return the asset's name of a version."""
    return f"stash-sense-data-v{version}.zip"


def make_release(
    folder: Path,
    version: str,
    *,
    performers: int = 40,
    faces_per_performer: float = 2.0,
    gaps: int = 3,
    seed: int = 0,
    enrolled: Sequence[Enrolled] = (),
    compress: bool = True,
    **details: Any,
) -> Path:
    """Make `<folder>/stash-sense-data-v<version>.zip` and return its path.

    Args:
        folder: made when absent.
        version: calendar version, as it stands in the manifest.
        performers: synthetic people; enrolled ones come on top.
        faces_per_performer: mean; the total is rounded.
        gaps: labels whose name is null in faces.json; the indices hold an element there too.
        seed: same seed, same bytes (with threads=1).
        enrolled: real faces, at the first labels.
        compress: deflate the members, or store them.
        details: further fields of Shape: threads, ef_construction, list_maps, absent, manifest.
    """
    faces = max(performers, round(performers * faces_per_performer))
    shape = Shape(version, performers, faces, gaps, seed, tuple(enrolled), **details)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / archive_name(version)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
        make_files(Path(work), shape)
        write_zip(archive, Path(work), compress=compress)
    return archive


def make_files(out: Path, shape: Shape) -> None:
    """Write the files of a release, unpacked, into `out`."""
    rng = np.random.default_rng(shape.seed)
    people = people_of(shape)
    owners = owners_of(shape, people, rng)
    faces = [None if owner is None else people[owner]["id"] for owner in owners]
    counts = np.bincount([o for o in owners if o is not None], minlength=len(people))
    for model in ("facenet", "arcface"):
        _write_index(out / f"face_{model}.voy", model, shape, owners)
    _write_json(out / "faces.json", faces)
    performers = {
        p["id"]: {
            "name": p["name"],
            "country": p["country"],
            "image_url": f"https://images.example/{p['uuid']}.jpg",
            "face_count": int(counts[i]),
        }
        for i, p in enumerate(people)
    }
    _write_json(out / "performers.json", performers)
    _write_database(out / "performers.db", people, owners, counts.tolist())
    _write_manifest(out, shape, performer_count=len(performers), face_count=len(faces))


def people_of(shape: Shape) -> list[dict[str, Any]]:
    """Return who is in the release: the enrolled people first, each once."""
    known = {e.stashdb_id: e.name for e in shape.enrolled}
    people = [{"uuid": uid, "name": name, "country": "US"} for uid, name in known.items()]
    for i in range(shape.performers):
        mark = hashlib.sha256(f"{shape.seed}/{i}".encode()).hexdigest()
        uid = "-".join((mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32]))
        people.append({"uuid": uid, "name": f"Performer {i:06d}", "country": COUNTRIES[i % len(COUNTRIES)]})
    for person in people:
        person["id"] = f"stashdb.org:{person['uuid']}"
    return people


def owners_of(shape: Shape, people: list[dict[str, Any]], rng: np.random.Generator) -> list[int | None]:
    """Return, for each label, the place of its owner in people, or None at a gap."""
    place = {p["uuid"]: i for i, p in enumerate(people)}
    enrolled: list[int | None] = [place[e.stashdb_id] for e in shape.enrolled]
    first = len(people) - shape.performers
    drawn: list[int | None] = [
        first + min(shape.performers - 1, j * shape.performers // shape.faces) for j in range(shape.faces)
    ]
    # From the back, so that one insertion does not move the place of the next.
    for at in sorted(rng.integers(0, len(drawn) + 1, size=shape.gaps).tolist(), reverse=True):
        drawn.insert(at, None)
    return enrolled + drawn


def vectors(model: str, shape: Shape, owners: list[int | None]) -> Iterator[Vectors]:
    """Yield the vectors in label order, in blocks of (≤ CHUNK, 512) float32."""
    mark = 1 if model == "facenet" else 2
    rng = np.random.default_rng((shape.seed, mark))
    people = max((o for o in owners if o is not None), default=0) + 1
    centres = np.random.default_rng((shape.seed, mark, 7)).standard_normal(
        (people + 1, DIMENSIONS), dtype=np.float32
    )
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    for start in range(0, len(owners), CHUNK):
        part = owners[start : start + CHUNK]
        noise = rng.standard_normal((len(part), DIMENSIONS), dtype=np.float32)
        block = centres[[people if o is None else o for o in part]] + noise * (NOISE / DIMENSIONS**0.5)
        for i, face in enumerate(shape.enrolled[start : start + CHUNK]):
            block[i] = face.facenet if model == "facenet" else face.arcface
        yield block / np.linalg.norm(block, axis=1, keepdims=True)


def _write_index(path: Path, model: str, shape: Shape, owners: list[int | None]) -> None:
    index = voyager.Index(
        voyager.Space.Cosine,
        num_dimensions=DIMENSIONS,
        M=12,
        ef_construction=shape.ef_construction,
        max_elements=len(owners),
        storage_data_type=voyager.StorageDataType.Float32,
    )
    for block in vectors(model, shape, owners):
        index.add_items(block, num_threads=shape.threads)
    index.save(str(path))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")


def _write_database(
    path: Path, people: list[dict[str, Any]], owners: list[int | None], counts: list[int]
) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")
    db.executescript(SCHEMA)
    rows = (performer_row(i, p["name"], p["country"], counts[i]) for i, p in enumerate(people))
    db.executemany(f"INSERT INTO performers VALUES ({','.join('?' * 19)})", rows)
    db.executemany(
        "INSERT INTO stashbox_ids VALUES (?, 'stashdb', ?, ?)",
        ((i + 1, p["uuid"], CREATED_AT) for i, p in enumerate(people)),
    )
    db.executemany(
        "INSERT INTO aliases VALUES (NULL, ?, ?, 'stashdb', ?)",
        ((i + 1, f"{p['name']} alias", CREATED_AT) for i, p in enumerate(people)),
    )
    db.executemany(
        "INSERT INTO faces VALUES (NULL, ?, ?, ?, ?, 'stashdb', 0.9, ?, 0, 0.0)",
        (
            (owner + 1, label, label, f"https://images.example/{label}.jpg", CREATED_AT)
            for label, owner in enumerate(owners)
            if owner is not None
        ),
    )
    db.commit()
    db.close()


def _write_manifest(out: Path, shape: Shape, *, performer_count: int, face_count: int) -> None:
    listed = ["performers.db", "face_facenet.voy", "face_arcface.voy"]
    listed += ["faces.json", "performers.json"] if shape.list_maps else []
    checksums = {name: f"sha256:{sha256_of(out / name)}" for name in listed}
    checksums |= {name: "sha256:" + hashlib.sha256(name.encode()).hexdigest() for name in shape.absent}
    manifest = {
        "version": shape.version,
        "created_at": CREATED_AT,
        "performer_count": performer_count,
        "face_count": face_count,
        "sources": ["stashdb"],
        "models": dict(PIPELINE),
        "checksums": checksums,
    }
    (out / "manifest.json").write_text(json.dumps(manifest | dict(shape.manifest), indent=2), "utf-8")


def sha256_of(path: Path) -> str:
    """Return the file's sha256 as hex."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_zip(archive: Path, folder: Path, *, compress: bool) -> None:
    """Zip the folder's files, flat, in the order of their names, with one fixed time."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(archive, "w", method) as z:
        for path in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(path.name, ZIP_TIME)
            info.compress_type = method
            info.external_attr = 0o644 << 16
            info.file_size = path.stat().st_size
            with path.open("rb") as src, z.open(info, "w") as dst:
                while block := src.read(1 << 20):
                    dst.write(block)


def main() -> None:
    """Make one release by hand."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("out", type=Path)
    cli.add_argument("--version", default="2026.02.18")
    cli.add_argument("--faces", type=int, default=80)
    cli.add_argument("--performers", type=int, default=None, help="default: faces / 3.4, as in the real one")
    cli.add_argument("--gaps", type=int, default=3)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--threads", type=int, default=1)
    cli.add_argument("--ef-construction", type=int, default=200)
    cli.add_argument("--stored", action="store_true", help="do not deflate")
    a = cli.parse_args()
    people = a.performers or max(1, round(a.faces / 3.4))
    archive = make_release(
        a.out,
        a.version,
        performers=people,
        faces_per_performer=a.faces / people,
        gaps=a.gaps,
        seed=a.seed,
        compress=not a.stored,
        threads=a.threads,
        ef_construction=a.ef_construction,
    )
    print(f"{archive} {archive.stat().st_size} sha256:{sha256_of(archive)}")


if __name__ == "__main__":
    main()
