"""Two databases → whose faces came and went, told apart by their images.

One number of 64 bits stands for a face, so that a full release takes about 60 MB. Called by `facedb diff`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from facedb_release.publish.database import reading
from facedb_release.publish.diff import Moves

_DOMAINS = {
    "stashdb": "stashdb.org",
    "theporndb": "theporndb.net",
    "fansdb": "fansdb.cc",
    "pmvstash": "pmvstash.org",
    "javstash": "javstash.org",
}
# Of several ids of a performer the first of these is the universal one.
_ORDER = {name: place for place, name in enumerate(_DOMAINS)}


def image_moves(old: Path, new: Path) -> Mapping[str, Moves]:
    """Compare the faces of two databases.

    Returns:
        Universal id → faces that came and went; only people with any.

    Raises:
        WrongRelease: CorruptDatabase.
    """
    there = Counter(mark for _, mark in _faces(old))
    added: Counter[str] = Counter()
    for owner, mark in _faces(new):
        if there[mark] > 0:
            there[mark] -= 1
        else:
            del there[mark]
            added[owner] += 1
    removed: Counter[str] = Counter()
    for owner, mark in _faces(old):
        if there.get(mark, 0) > 0:
            there[mark] -= 1
            removed[owner] += 1
    return {uid: Moves(added[uid], removed[uid]) for uid in sorted({*added, *removed})}


def _faces(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each labelled face: its owner's universal id, and a number for owner and image."""
    with reading(path) as db:
        best: dict[int, tuple[int, str, str]] = {}
        ids = "SELECT performer_id, endpoint, stashbox_performer_id FROM stashbox_ids"
        for performer, endpoint, number in db.execute(ids):
            rank = (_ORDER.get(str(endpoint), len(_ORDER)), str(endpoint), str(number))
            if performer not in best or rank < best[performer]:
                best[performer] = rank
        names = {p: f"{_DOMAINS.get(e, e + '.org')}:{n}" for p, (_, e, n) in best.items()}
        faces = "SELECT performer_id, image_url FROM faces WHERE facenet_index IS NOT NULL"
        for performer, url in db.execute(faces):
            owner = names.get(performer)
            if owner is not None:
                mark = hashlib.blake2b(f"{owner}\0{url}".encode("utf-8", "replace"), digest_size=8)
                yield owner, int.from_bytes(mark.digest(), "big")
