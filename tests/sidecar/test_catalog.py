"""faces.json and performers.json are held small, and say of each face what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.catalog import Catalog, load_catalog
from facedb_sidecar.engine.errors import LoadError

ids = st.text(min_size=1, max_size=12)
texts = st.none() | st.text(max_size=12)
people = st.dictionaries(
    ids, st.fixed_dictionaries({"name": st.text(max_size=12), "country": texts}), max_size=8
)


@given(people, st.data())
def test_each_face_has_the_performer_that_the_maps_name(
    performers: dict[str, dict[str, object]], data: st.DataObject
) -> None:
    faces = data.draw(st.lists(st.none() | ids | st.sampled_from(sorted(performers) or [None]), max_size=20))

    catalog = Catalog.of(faces, performers)

    assert (catalog.face_count, catalog.performer_count) == (len(faces), len(performers))
    for label, universal_id in enumerate([*faces, None]):
        found = catalog.of_face(label)
        assert (found and found.universal_id) == universal_id
        if found is not None and universal_id is not None:
            said = performers.get(universal_id, {"name": "Unknown"})
            assert (found.name, found.country, found.image_url) == (said["name"], said.get("country"), None)


def test_only_the_first_colon_divides_an_id() -> None:
    catalog = Catalog.of(["theporndb.net:c:d", "bare"], {})
    performer, bare = catalog.of_face(0), catalog.of_face(1)
    assert performer is not None
    assert (performer.endpoint, performer.stashbox_id, performer.name) == ("theporndb.net", "c:d", "Unknown")
    assert bare is not None
    assert (bare.endpoint, bare.stashbox_id) == (None, "bare")


@pytest.mark.parametrize("label", [-1, 2, 10**9])
def test_a_label_that_is_none_has_no_performer(label: int) -> None:
    assert Catalog.of(["a:b", None], {}).of_face(label) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("faces.json", None),
        ("faces.json", "{"),
        ("faces.json", "{}"),
        ("faces.json", "[1]"),
        ("performers.json", None),
        ("performers.json", "[]"),
        ("performers.json", '{"a": 1}'),
        ("performers.json", '{"a": {"name": 7}}'),
        ("performers.json", '{"a": {"name": "\\ud800"}}'),
    ],
)
def test_maps_of_another_shape_are_refused(tmp_path: Path, file: str, text: str | None) -> None:
    for name, good in (("faces.json", ["a"]), ("performers.json", {"a": {"name": "A"}})):
        (tmp_path / name).write_text(json.dumps(good))
    assert load_catalog(tmp_path).performer_count == 1
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text)

    with pytest.raises(LoadError, match=file.replace(".", r"\.")) as caught:
        load_catalog(tmp_path)
    assert caught.value.reason == "InvalidCatalog"
