"""Parsed in slices, a JSON text gives what it gives at once, wherever it is cut."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facedb_sidecar.engine.catalog import _FACES, _PERFORMERS

# Texts that look like what divides elements.
TRICKY = st.text(st.sampled_from('",{}[]:\\nul a'), max_size=8)
SIZES = st.integers(1, 40)


@given(st.lists(st.none() | TRICKY, max_size=12), SIZES, st.sampled_from([(",", ":"), (" , ", " : ")]))
@example([",", "x", '","'], 1, (",", ":"))
def test_an_array_is_the_sum_of_its_slices(
    faces: list[str | None], size: int, separators: tuple[str, str]
) -> None:
    text = f" {json.dumps(faces, separators=separators)}\n".encode()
    assert [face for part in _FACES.parts(text, slice_bytes=size) for face in part] == faces


VALUES = st.recursive(TRICKY | st.none() | st.integers(), lambda v: st.dictionaries(TRICKY, v, max_size=3))


@given(st.dictionaries(TRICKY, st.dictionaries(TRICKY, VALUES, max_size=3), max_size=6), SIZES)
@example({"a": {"x": {"y": 1}, "z": 1}, "},": {}}, 1)
def test_an_object_is_the_sum_of_its_slices(people: dict[str, dict[str, object]], size: int) -> None:
    text = json.dumps(people).encode()
    found = {
        k: json.loads(bytes(v)) for part in _PERFORMERS.parts(text, slice_bytes=size) for k, v in part.items()
    }
    assert found == people


@given(st.binary(max_size=60), SIZES)
def test_what_is_no_json_is_refused_in_slices_too(text: bytes, size: int) -> None:
    try:
        whole = _FACES.decoder.decode(text)
    except msgspec.DecodeError:
        with pytest.raises(msgspec.DecodeError):
            list(_FACES.parts(text, slice_bytes=size))
    else:
        assert [face for part in _FACES.parts(text, slice_bytes=size) for face in part] == whole


def test_a_long_text_is_parsed_in_slices() -> None:
    text = json.dumps(["stashdb.org:x"] * 1000).encode()
    assert len(list(_FACES.parts(text, slice_bytes=1000))) > 10
    assert re.fullmatch(rb"\[.*\]", text)
