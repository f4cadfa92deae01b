"""Any bytes, and any change to a good manifest → a plain Manifest or InvalidManifest, nothing else.

Run by hand or by a test: python tests/fuzz/fuzz_manifest.py -runs=20000
"""

from __future__ import annotations

import json
import sys

import atheris

with atheris.instrument_imports(include=["facedb_release.manifest", "facedb_release.strictjson"]):
    from facedb_release.errors import Reason, WrongRelease
    from facedb_release.manifest import MAX_COUNT, Manifest, parse_manifest

GOOD = json.dumps(
    {
        "version": "2026.02.18",
        "created_at": "2026-02-18T03:00:00Z",
        "performer_count": 108001,
        "face_count": 366794,
        "sources": ["stashdb", "fansdb"],
        "models": {"detector": "retinaface_buffalo_sc", "facenet_dim": 512, "flip_averaging": True},
        "checksums": {"faces.json": "sha256:" + "a" * 64, "performers.db": "b" * 64},
    }
).encode()
MOST_BYTES = 1 << 12
# What JSON is made of, for places at random.
WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"NaN",
    b"null",
    b"-",
)


def check(manifest: Manifest) -> None:
    """Refuse what no reader of a Manifest expects."""
    texts = [manifest.version.text, manifest.created_at or "", *manifest.sources, *manifest.checksums]
    texts += [v for v in manifest.models.values() if isinstance(v, str)]
    if not all(text.isprintable() for text in texts):
        raise RuntimeError(f"it holds what cannot be printed: {texts}")
    if any("/" in name or name.startswith(".") for name in manifest.checksums):
        raise RuntimeError(f"it lists a path: {list(manifest.checksums)}")
    if not all(0 <= count <= MAX_COUNT for count in manifest.counts.values()):
        raise RuntimeError(f"its counts are no counts: {manifest.counts}")


def test_one_input(data: bytes) -> None:
    """Take the bytes as a manifest, or as changes to a good one."""
    dice = atheris.FuzzedDataProvider(data)
    if dice.ConsumeBool():
        content = dice.ConsumeBytes(MOST_BYTES)
    else:
        changed = bytearray(GOOD)
        for _ in range(dice.ConsumeIntInRange(1, 6)):
            at = dice.ConsumeIntInRange(0, len(changed))
            word = WORDS[dice.ConsumeIntInRange(0, len(WORDS) - 1)]
            new = word if dice.ConsumeBool() else dice.ConsumeBytes(6)
            changed[at : at + dice.ConsumeIntInRange(0, 40)] = new * dice.ConsumeIntInRange(1, 3)
        content = bytes(changed)
    try:
        manifest = parse_manifest(content)
    except WrongRelease as e:
        if e.reason is not Reason.INVALID_MANIFEST or not str(e).isprintable():
            raise RuntimeError(f"it is refused in odd words: {e!s}") from e
        return
    check(manifest)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
