"""Versions, outcomes, manifests, progress: the small values that everything else is made of."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.outcome import MAX_BYTES, Outcome
from facedb_release.progress import JsonLines, Phase
from facedb_release.version import parse_version

DATES = st.tuples(st.integers(2000, 2999), st.integers(1, 12), st.integers(1, 31))
TEXT = st.text(max_size=3000)
MAYBE = st.none() | TEXT


def a_manifest(**changes: object) -> dict[str, object]:
    return {
        "version": "2026.02.18",
        "performer_count": 2,
        "face_count": 3,
        "sources": ["stashdb"],
        "models": {"detector": "d", "alignment": "a", "facenet_dim": 512, "flip_averaging": True},
        "checksums": {"faces.json": "sha256:" + "A" * 64, "performers.db": "b" * 64},
    } | changes


@given(DATES, DATES)
def test_versions_order_as_their_dates_do_however_they_are_padded(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    plain, padded = "{}.{}.{}".format(*one), "v{}.{:02}.{:02}".format(*other)

    assert (parse_version(plain) < parse_version(padded)) == (one < other)
    assert (parse_version(plain) == parse_version(padded)) == (one == other)


def test_september_comes_before_october_and_a_day_before_its_second_build() -> None:
    assert parse_version("2026.9") < parse_version("2026.10")
    assert parse_version("2026.02.18") < parse_version("2026.02.18.1") < parse_version("2026.02.19")


@pytest.mark.parametrize("text", ["", "latest", "2026", "2026.13.01", "2026.02.00", "1.2.3", "2026.02.18\n"])
def test_what_is_no_calendar_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a calendar version|no such date"):
        parse_version(text)


@given(
    st.builds(
        Outcome,
        ok=st.booleans(),
        reason=TEXT,
        message=TEXT,
        permanent=st.booleans(),
        version=MAYBE,
        digest=MAYBE,
        bytes_downloaded=st.integers(0, 2**63),
        bytes_total=st.none() | st.integers(0, 2**63),
        seconds=st.floats(0, 1e9),
        warnings=st.lists(st.text(max_size=300), max_size=40).map(tuple),
        file=MAYBE,
        expected=MAYBE,
        found=MAYBE,
        signed_by=MAYBE,
        bytes_unpacked=st.none() | st.integers(0, 2**63),
        name=MAYBE,
        url=MAYBE,
        published_at=MAYBE,
    )
)
def test_an_outcome_always_fits_the_termination_message_and_reads_back(outcome: Outcome) -> None:
    text = outcome.to_json()

    assert len(text.encode()) <= MAX_BYTES
    back = Outcome.from_json(text)
    assert (back.ok, back.permanent) == (outcome.ok, outcome.permanent)
    sizes = back.bytes_total, back.bytes_unpacked
    assert sizes == (outcome.bytes_total, outcome.bytes_unpacked)
    assert back.to_json() == text


def test_an_outcome_that_fits_comes_back_whole() -> None:
    outcome = Outcome(
        True,
        "Found",
        "Fine: ✓",
        False,
        version="2026.02.18",
        warnings=("one", "two"),
        seconds=1.5,
        bytes_unpacked=5,
        name="February",
        url="https://example.org/a.zip",
        published_at="2026-02-18T12:00:00+00:00",
    )

    assert Outcome.from_json(outcome.to_json()) == outcome


def test_too_many_warnings_end_in_a_count_of_those_left_out() -> None:
    outcome = Outcome(True, "Fetched", "m", False, warnings=tuple(f"warning {i} " * 10 for i in range(100)))

    last = Outcome.from_json(outcome.to_json()).warnings[-1]
    kept = len(Outcome.from_json(outcome.to_json()).warnings) - 1
    assert last == f"… {100 - kept} more"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"ok":1}', '{"ok":true}', "[" * 100_000, '{"ok":true,"warnings":"x"}'],
    ids=["empty", "cut", "array", "null", "number", "fields missing", "deep", "wrong warnings"],
)
def test_rubbish_in_a_termination_message_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|missing|no "):
        Outcome.from_json(text)


def test_a_newer_writers_outcome_can_be_read() -> None:
    raw = json.loads(Outcome(True, "Fetched", "m", False).to_json()) | {"later": [1, 2]}

    assert Outcome.from_json(json.dumps(raw)).reason == "Fetched"


def test_a_manifest_is_read_with_bare_and_prefixed_checksums() -> None:
    manifest = parse_manifest(json.dumps(a_manifest()).encode())

    assert manifest.version == parse_version("2026.02.18")
    assert manifest.checksums == {"faces.json": "a" * 64, "performers.db": "b" * 64}
    assert (manifest.models["facenet_dim"], manifest.models.get("adaface_dim")) == (512, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"version": "2026.02.18", "version": "2026.02.19"}',
        json.dumps(a_manifest(face_count=float("nan"))).encode(),
        json.dumps(a_manifest(face_count="3")).encode(),
        json.dumps(a_manifest(face_count=True)).encode(),
        json.dumps(a_manifest(face_count=-1)).encode(),
        json.dumps(a_manifest(version="unknown")).encode(),
        json.dumps(a_manifest(checksums={"faces.json": "md5:00"})).encode(),
        json.dumps(a_manifest(models={"facenet_dim": "512"})).encode(),
        json.dumps(a_manifest(models=None)).encode(),
        b'{"a":' * 100_000,
        b'{"face_count": 1e999}',
        b'{"face_count": ' + b"9" * 10_000 + b"}",
        b" " * (2 << 20),
    ],
    ids=lambda data: repr(data[:60]),
)
def test_a_manifest_that_two_programs_could_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(WrongRelease) as caught:
        parse_manifest(data)

    assert caught.value.reason is Reason.INVALID_MANIFEST


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_no_bytes_make_the_manifest_reader_fail_otherwise(data: bytes) -> None:
    with pytest.raises(WrongRelease):
        parse_manifest(data)


def test_progress_writes_the_first_and_last_line_each_phase_and_one_a_second() -> None:
    out, now = io.StringIO(), [0.0]
    lines = JsonLines(out, clock=lambda: now[0])

    for second in range(30):
        now[0] = second / 10
        lines(Phase.DOWNLOADING, second, 29, "faces.json")
    lines(Phase.VERIFYING, 0, None, None)
    lines.close()

    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(t["phase"], t["bytes_done"]) for t in told] == [
        ("Downloading", 0),
        ("Downloading", 10),
        ("Downloading", 20),
        ("Downloading", 29),
        ("Verifying", 0),
    ]
    assert told[0] == {
        "event": "progress",
        "phase": "Downloading",
        "bytes_done": 0,
        "bytes_total": 29,
        "file": "faces.json",
    }
