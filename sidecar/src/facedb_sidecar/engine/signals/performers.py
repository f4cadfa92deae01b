"""performers.db of a release → the stored proportions of its performers, 12 bytes each."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

# The table has short names of endpoints, everything else has domains. The reference asks for this one only,
# so bodies are known of StashDB ids only.
ENDPOINT, DOMAIN = "stashdb", "stashdb.org"
QUERY = """
SELECT s.stashbox_performer_id, b.shoulder_hip_ratio
FROM body_proportions AS b JOIN stashbox_ids AS s ON s.performer_id = b.performer_id
WHERE s.endpoint = ? AND b.shoulder_hip_ratio IS NOT NULL
"""
SETTINGS = ("trusted_schema=off", "query_only=on", "cell_size_check=on", "mmap_size=0")
# Outside, it is no ratio of a body but a mistake in the table.
LEAST_RATIO, MOST_RATIO = 0.0, 100.0


@dataclass(frozen=True)
class BodyTable:
    """Shoulder / hip by performer.

    Attributes:
        keys: (n,) uint64, sorted: the first 8 bytes of BLAKE2b of a universal id. Among 100,000 performers,
            two have one key with a chance of 1 in 4 billion.
        ratios: (n,) float32.
    """

    keys: npt.NDArray[np.uint64]
    ratios: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.keys)

    def shoulder_hip(self, universal_id: str) -> float | None:
        """The stored ratio, or None."""
        key = np.uint64(_key(universal_id))
        at = int(np.searchsorted(self.keys, key))
        return float(self.ratios[at]) if at < len(self.keys) and self.keys[at] == key else None


def read_bodies(path: Path) -> BodyTable:
    """Read a release's proportions; rows that cannot be true are left out.

    Raises:
        sqlite3.Error: the file is no such database.
    """
    uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        for setting in SETTINGS:
            db.execute(f"PRAGMA {setting}")
        pairs = np.fromiter(_pairs(db), dtype=[("key", np.uint64), ("ratio", np.float32)])
    # The last row of an id counts; np.unique keeps the first.
    keys, first = np.unique(pairs["key"][::-1], return_index=True)
    return BodyTable(keys, np.ascontiguousarray(pairs["ratio"][::-1][first]))


def _pairs(db: sqlite3.Connection) -> Iterator[tuple[int, float]]:
    for stashbox_id, ratio in db.execute(QUERY, (ENDPOINT,)):
        # Written so that a NaN is left out.
        if (
            isinstance(stashbox_id, str)
            and isinstance(ratio, int | float)
            and (LEAST_RATIO < ratio < MOST_RATIO)
        ):
            yield _key(f"{DOMAIN}:{stashbox_id}"), float(ratio)


def _key(universal_id: str) -> int:
    digest = hashlib.blake2b(universal_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
