"""A scale → three releases as zips in the cache: a base, one changed file, 5 % new faces.

Built once; data.json is written last and means "complete". Called by main before anything is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import voyager

# The vectors of the base, bit by bit: a face that did not change must not change in the file either.
from builders import (
    DIMENSIONS,
    Shape,
    archive_name,
    make_files,
    owners_of,
    people_of,
    sha256_of,
    vectors,
    write_zip,
)

from .scales import Scale

BASE, ONE, FIVE = "2026.02.18", "2026.02.25", "2026.03.01"
MODELS = ("facenet", "arcface")
CHANGED_SHARE = 0.05
CHANGED_FILE = "performers.db"
# Part of the cache's name: a new number builds anew.
EDITION = 1
Say = Callable[[str], None]


@dataclass(frozen=True)
class Archive:
    """One zip: its version and name, its bytes, its members' bytes unpacked, and packed by name."""

    version: str
    name: str
    size: int
    unpacked: int
    packed: dict[str, int]


@dataclass(frozen=True)
class Data:
    """Where the zips lie, and what they hold."""

    folder: Path
    base: Archive
    one: Archive
    five: Archive


def releases(scale: Scale, cache: Path, say: Say) -> Data:
    """Return the scale's releases, built when the cache does not hold them."""
    folder = cache / f"{scale.name}-{scale.faces}-{EDITION}"
    done = folder / "data.json"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
            made = _build(scale, folder, Path(work), say)
        done.write_text(json.dumps([asdict(a) for a in made], indent=2))
    base, one, five = (Archive(**raw) for raw in json.loads(done.read_text()))
    return Data(folder, base, one, five)


def _build(scale: Scale, folder: Path, work: Path, say: Say) -> tuple[Archive, ...]:
    shape = Shape(
        BASE,
        scale.performers,
        scale.faces,
        gaps=3,
        seed=1,
        threads=os.cpu_count() or 1,
        ef_construction=scale.ef_construction,
    )
    base, one, five = (work / name for name in ("base", "one", "five"))
    base.mkdir()
    say(f"building 2 indices of {scale.faces:,} faces, the database and the maps (once; then cached)")
    make_files(base, shape)
    say(f"building {ONE}: {CHANGED_FILE} differs")
    _derive(base, one, ONE)
    say(f"building {FIVE}: {CHANGED_SHARE:.0%} of the faces differ, both graphs are new")
    _derive(base, five, FIVE, lambda: _replace_faces(five, shape))
    return tuple(
        _pack(folder, part, version, say) for part, version in ((base, BASE), (one, ONE), (five, FIVE))
    )


def _derive(base: Path, out: Path, version: str, more: Callable[[], None] = lambda: None) -> None:
    """Make the next release: the same files, another database and manifest, and what `more` changes."""
    out.mkdir()
    for path in base.iterdir():
        (out / path.name).hardlink_to(path)
    _own(out / CHANGED_FILE)
    db = sqlite3.connect(out / CHANGED_FILE)
    every = round(1 / CHANGED_SHARE)
    db.execute("UPDATE performers SET scene_count = scene_count + 1 WHERE id % ? = 0", (every,))
    db.execute("UPDATE faces SET quality_score = 0.8 WHERE id % ? = 0", (every,))
    db.commit()
    db.close()
    more()
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["version"] = version
    manifest["checksums"] = {name: f"sha256:{sha256_of(out / name)}" for name in manifest["checksums"]}
    (out / "manifest.json").unlink()
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2))


def _own(path: Path) -> None:
    """Make a copy of a file that is linked into the base."""
    copy = path.with_suffix(".own")
    shutil.copyfile(path, copy)
    copy.replace(path)


def _replace_faces(out: Path, shape: Shape) -> None:
    """Draw some faces' vectors anew and rebuild both graphs."""
    people = people_of(shape)
    owners = owners_of(shape, people, np.random.default_rng(shape.seed))
    rng = np.random.default_rng(99)
    fresh = rng.random(len(owners)) < CHANGED_SHARE
    for model in MODELS:
        index = voyager.Index(
            voyager.Space.Cosine,
            num_dimensions=DIMENSIONS,
            M=12,
            ef_construction=shape.ef_construction,
            max_elements=len(owners),
        )
        at = 0
        for block in vectors(model, shape, owners):
            mine = fresh[at : at + len(block)]
            drawn = rng.standard_normal((int(mine.sum()), DIMENSIONS), dtype=np.float32)
            block[mine] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
            index.add_items(block, num_threads=shape.threads)
            at += len(block)
        path = out / f"face_{model}.voy"
        path.unlink()
        index.save(str(path))


def _pack(folder: Path, files: Path, version: str, say: Say) -> Archive:
    path = folder / archive_name(version)
    say(f"deflating {path.name}")
    write_zip(path, files, compress=True)
    with zipfile.ZipFile(path) as z:
        members = z.infolist()
    return Archive(
        version,
        path.name,
        path.stat().st_size,
        sum(m.file_size for m in members),
        {m.filename: m.compress_size for m in members},
    )
