"""JSON that parsers disagree about, or die of: each is refused with a clear error, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import PROFILE
from facedb_release.strictjson import parse_json
from facedb_release.verify import counts
from facedb_release.verify.counts import Maps, read_maps

MOST = 1 << 20
GOOD = {
    "version": "2026.02.18",
    "performer_count": 1,
    "face_count": 2,
    "models": {"detector": "d"},
    "checksums": {"faces.json": "sha256:" + "a" * 64},
}

BAD = {
    "nested 5,000 deep": b"[" * 5_000,
    "nested 100,000 deep": b'{"a":' * 100_000,
    "nested 100,000 deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, once escaped": b'{"a": 1, "\\u0061": 2}',
    "a key twice, deep inside": b'[{"x": {"a": 1, "a": 2}}]',
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "a number beyond all": b"[1e999]",
    "an integer of 10,000 digits": b"[" + b"9" * 10_000 + b"]",
    "an integer of 21 digits": b"[" + b"9" * 21 + b"]",
    "a fraction of 10,000 digits": b"[0." + b"9" * 10_000 + b"]",
    "half of a character": b'["\\ud800"]',
    "the other half": b'["\\udc00\\ud800"]',
    "half of a character in a key": b'{"\\ud800": 1}',
    "NUL in a text": b'["a\\u0000b"]',
    "a raw control character": b'["a\x01b"]',
    "an escape sequence": b'["\\u001b[2J"]',
    "a backspace": b'["abc\\b"]',
    "DEL": b'["\x7f"]',
    "a line break in a key": b'{"a\\nb": 1}',
    "a tab in a key": b'{"a\\u0009b": 1}',
    "a terminal's control character in a key": '{"a\u009bb": 1}'.encode(),
    "no UTF-8": b'["\xff"]',
    "a character cut in two": b'["\xc3"]',
    "an overlong character": b'["\xc0\xaf"]',
    "a surrogate as UTF-8": b'["\xed\xa0\x80"]',
    "UTF-16": '["a"]'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[]",
    "nothing": b"",
    "two values": b"[] []",
    "a comma too many": b"[1,]",
    "a comment": b"[] // x",
    "too large": b" " * (MOST + 1),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_json_that_parsers_disagree_about_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(data, max_bytes=MOST)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


FINE = {
    "names in every script": ["Ž", "汉", "🙂", "\u200b", "a\u00adb"],
    "tabs and line breaks in texts": ["a\tb\nc\r"],
    "an escaped backslash before a u": ["\\u0000", "\\ud800"],
    "numbers": [0, -1, 2**63, 1.5, 1e-30],
    "deep but not too deep": json.loads("[" * 100 + "]" * 100),
}


@pytest.mark.parametrize("value", FINE.values(), ids=FINE.keys())
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_that_everybody_reads_alike_is_read(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode(), max_bytes=MOST) == value


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    )
)
def test_whatever_is_read_is_what_was_written(value: object) -> None:
    try:
        assert parse_json(json.dumps(value).encode(), max_bytes=MOST) == value
    except ValueError:
        text = json.dumps(value, ensure_ascii=False)
        assert not text.isprintable() or "\\" in text or any(len(n) > 20 for n in text.split())


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_raise_anything_but_a_value_error(data: bytes) -> None:
    try:
        parse_json(data, max_bytes=100)
    except ValueError:
        return


def manifest(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


MANIFESTS = {
    "a version with an escape sequence": manifest(version="\x1b[2J"),
    "a version of digits of another script": manifest(version="\uff12\uff10\uff12\uff16.02.18"),
    "a list for a version": manifest(version=["2026.02.18"]),
    "a count of 10,000 digits": manifest().replace(b'"face_count": 2', b'"face_count": ' + b"9" * 10_000),
    "a count that is deeply nested": manifest().replace(
        b'"face_count": 2', b'"face_count": ' + b"[" * 900 + b"]" * 900
    ),
    "a count that is a fraction": manifest(face_count=2.0),
    "a count beyond all": manifest(face_count=10**12),
    "a path in the checksums": manifest(checksums={"../x": "a" * 64}),
    "an absolute path in the checksums": manifest(checksums={"/etc/x": "a" * 64}),
    "a hidden name in the checksums": manifest(checksums={".facedb-receipt.json": "a" * 64}),
    "a name with NUL": manifest(checksums={"faces.json\0": "a" * 64}),
    "a name in another script": manifest(checksums={"fаces.json": "a" * 64}),  # noqa: RUF001 - a Cyrillic a
    "an empty name": manifest(checksums={"": "a" * 64}),
    "a very long name": manifest(checksums={"x" * 5000: "a" * 64}),
    "very many names": manifest(checksums={f"f{i}": "a" * 64 for i in range(5000)}),
    "a checksum that is a list": manifest(checksums={"faces.json": ["a"]}),
    "a checksum too short": manifest(checksums={"faces.json": "a" * 63}),
    "a checksum with a line break": manifest(checksums={"faces.json": "a" * 64 + "\n"}),
    "another algorithm": manifest(checksums={"faces.json": "sha512:" + "a" * 64}),
    "a truth value for a name": manifest(models={"detector": True}),
    "a number for a truth value": manifest(models={"flip_averaging": 1}),
    "a detector that cannot be printed": manifest(models={"detector": "\u202egpj"}),
    "sources that are a text": manifest(sources="stashdb"),
    "sources that are very many": manifest(sources=["x"] * 5000),
    "a source with a line break": manifest(sources=["a\nb"]),
    "a very long date": manifest(created_at="x" * 5000),
    "an array": b"[]",
    "a text": b'"manifest"',
    "too large": b" " * (2 << 20),
}


@pytest.mark.parametrize("data", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_manifest_that_is_not_plain_is_refused_in_words_that_can_be_printed(data: bytes) -> None:
    with pytest.raises(WrongRelease) as caught:
        parse_manifest(data)

    error = caught.value
    assert (error.reason, error.file) == (Reason.INVALID_MANIFEST, "manifest.json")
    assert str(error).isprintable()
    assert len(str(error)) < 700


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6), st.integers(0, 400))
def test_no_bytes_make_a_manifest_raise_anything_but_a_refusal(
    edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(manifest())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        assert parse_manifest(bytes(data[: len(data) - cut])).face_count >= 0
    except WrongRelease as e:
        assert e.reason is Reason.INVALID_MANIFEST  # noqa: PT017 - both are fine


def maps(folder: Path, faces: bytes, performers: bytes = b'{"a:1": {"name": "A"}}') -> Maps:
    (folder / "faces.json").write_bytes(faces)
    (folder / "performers.json").write_bytes(performers)
    return read_maps(folder, PROFILE, seconds=60)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        ["a:1"],
        [None],
        [None, "a:1", None, None, "a:1", "b:2", None],
        ["a:1"] * 3 + [None] * 2,
    ],
)
def test_gaps_are_kept_and_owners_are_counted(tmp_path: Path, entries: list[str | None]) -> None:
    read = maps(tmp_path, json.dumps(entries).encode())

    facts = read.facts["faces.json"]
    assert (facts.entries, facts.unowned) == (len(entries), entries.count("b:2"))
    assert list(read.labels("face_facenet.voy")) == [i for i, e in enumerate(entries) if e]
    assert list(read.labels("tattoo_embeddings.voy")) == []


MAPS = {
    **{name: data for name, data in BAD.items() if name != "too large"},
    "a list of lists": b"[[]]",
    "an id without a domain": b'[":1"]',
    "a domain without an id": b'["a:"]',
    "a list inside": b'["a:1", ["a:2"]]',
    "an object": b'{"0": "a:1"}',
}


@pytest.mark.parametrize("data", MAPS.values(), ids=MAPS.keys())
def test_a_map_that_is_not_plain_is_refused_from_another_process(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WrongRelease) as caught:
        maps(tmp_path, data)
    assert (caught.value.reason, caught.value.file) == (Reason.COUNT_MISMATCH, "faces.json")
    assert str(caught.value).isprintable()


def test_a_map_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MEMORY_BYTES", 100 << 20)
    monkeypatch.setattr(counts, "MEMORY_FACTOR", 0)

    with pytest.raises(WrongRelease) as caught:
        maps(tmp_path, b"[" + b"{}," * 2_000_000 + b"null]")
    assert caught.value.reason is Reason.COUNT_MISMATCH
    assert "memory" in caught.value.message
