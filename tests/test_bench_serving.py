"""The benchmark of matching and loading: both ways answer alike, every row is written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bench.serving import matching, recall
from bench.serving.child import MEASURES
from bench.serving.plain_matching import Plain
from bench.serving.serving_bars import bars
from bench.serving.serving_report import write
from builders import make_release


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a few hundred faces, unpacked."""
    made = tmp_path_factory.mktemp("release")
    with zipfile.ZipFile(make_release(made, "2026.02.18", performers=120, faces_per_performer=3)) as z:
        z.extractall(made)
    return made


def test_the_plain_way_and_the_engine_give_the_same_answers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "BATCHES", 2)
    monkeypatch.setattr(matching, "SINGLES", 4)
    monkeypatch.setattr(matching, "ROUNDS", 1)
    monkeypatch.setattr(recall, "QUERIES", 20)

    compared, found = matching.compare(folder), recall.recall(folder)

    assert compared["answers"]["differing"] == 0
    assert compared["answers"]["farthest"] < 1e-6
    assert compared["answers"]["matches"] > 0
    assert all(row["top1"] == 1 for row in found if row["width"] >= 100)
    loads = {name: [MEASURES[name](folder)] for name in ("indices", "plain", "ours")}
    results = {"scale": "toy", "faces": 360, "performers": 120, "load": loads, "match": compared}
    rows = bars(results | {"recall": {"in haste": found}})
    write(tmp_path, "serving-toy", results | {"recall": {"in haste": found}}, rows, {})
    text = (tmp_path / "serving-toy.md").read_text()
    assert [row.name for row in rows if f"| {row.name} |" not in text] == []
    assert (tmp_path / "serving-toy.json").exists()


def test_rows_that_were_not_measured_are_shown_as_skipped() -> None:
    assert {row.verdict for row in bars({"scale": "toy"})} == {"skipped"}


def test_the_plain_way_leaves_out_what_is_too_far(folder: Path) -> None:
    plain = Plain.load(folder)
    facenet, arcface = plain.facenet.get_vector(5), plain.arcface.get_vector(5)

    assert plain.match(facenet, arcface, max_distance=0.8, top_k=1)[0].label == 5
    assert plain.match(facenet, arcface, max_distance=-1, top_k=5) == []
