"""A made release → the same with bodies in performers.db and a tattoo index, as an archive beside it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import voyager

from facedb_sidecar.engine.signals.tattoo_index import INDEX_FILE, MAP_FILE
from facedb_sidecar.engine.signals.tattoos import DIMENSIONS
from release_damage import rezip

Vectors = npt.NDArray[np.float32]
Owned = tuple[str | None, Vectors]


def with_signals(archive: Path, *, bodies: Mapping[str, float], tattoos: Sequence[Owned]) -> Path:
    """Copy a release's archive with signals in it, its manifest saying so.

    Args:
        archive: as builders.make_release made it.
        bodies: StashDB id (without its domain) → shoulder / hip.
        tattoos: universal id, or None for a gap, and (1280,) float32, in label order.
    """
    with tempfile.TemporaryDirectory() as work, zipfile.ZipFile(archive) as old:
        folder = Path(work)
        database = folder / "performers.db"
        database.write_bytes(old.read(database.name))
        add_bodies(database, bodies)
        write_tattoos(folder, tattoos)
        changes = {file.name: file.read_bytes() for file in folder.iterdir()}
        manifest = json.loads(old.read("manifest.json"))
    manifest["models"]["tattoo_dim"] = DIMENSIONS
    manifest["checksums"] |= {n: f"sha256:{hashlib.sha256(c).hexdigest()}" for n, c in changes.items()}
    changes["manifest.json"] = json.dumps(manifest).encode()
    return rezip(archive, changes, suffix="with-signals")


def add_bodies(database: Path, bodies: Mapping[str, float]) -> None:
    """Fill body_proportions of a performers.db."""
    with closing(sqlite3.connect(database)) as db:
        db.executemany(
            "INSERT INTO body_proportions SELECT performer_id, ?, 1.3, 1.0, 0.9 FROM stashbox_ids"
            " WHERE endpoint = 'stashdb' AND stashbox_performer_id = ?",
            [(ratio, performer) for performer, ratio in bodies.items()],
        )
        db.commit()


def write_tattoos(folder: Path, tattoos: Sequence[Owned]) -> None:
    """Write tattoo_embeddings.voy and .json into a folder."""
    index = voyager.Index(voyager.Space.Cosine, num_dimensions=DIMENSIONS)
    index.add_items(np.stack([vector for _, vector in tattoos]), num_threads=1)
    index.save(str(folder / INDEX_FILE))
    entries = [None if who is None else {"universal_id": who, "source": "test"} for who, _ in tattoos]
    (folder / MAP_FILE).write_text(json.dumps(entries))


def strangers(owners: Sequence[str | None], seed: int = 0) -> list[Owned]:
    """A random tattoo for each owner."""
    rng = np.random.default_rng(seed)
    return [(who, rng.standard_normal(DIMENSIONS).astype(np.float32)) for who in owners]
