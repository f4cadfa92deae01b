"""The reference is the code: generated pages are compared with it, others lack nothing of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import api_page, pages, plots
from docs.svg import Bar, Chart, charts
from facedb_operator import settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = pages.generated()
API = api_page.PAGE.read_text("utf-8")
DOCUMENT = api_page.document()
ROUTES = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.parametrize("path", GENERATED, ids=lambda p: p.name)
def test_a_generated_file_is_what_the_code_says(path: Path) -> None:
    assert path.read_text("utf-8") == GENERATED[path], "write it: PYTHONPATH=tests python -m docs.pages"


def test_the_generator_writes_every_drawing_that_there_is() -> None:
    found = {*(DOCS / "diagrams").iterdir(), *(DOCS / "plots").iterdir()}
    assert found == {path for path in GENERATED if path.suffix == ".svg"}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_has_a_section(route: str) -> None:
    assert f"\n### {route}\n" in API


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_body_has_a_section_with_every_field(name: str) -> None:
    section = API.partition(f"\n### Body {name}\n")[2].partition("\n### ")[0]
    fields = DOCUMENT["components"]["schemas"][name].get("properties", {})
    assert [field for field in fields if f"| `{field}` |" not in section] == []


def test_every_setting_of_the_operator_is_explained_and_exists() -> None:
    code = Path(settings.__file__).read_text("utf-8")
    read = set(re.findall(r'"(FACEDB_[A-Z_]*[A-Z])"', code))
    read |= {f"FACEDB_JOB_{name}" for name in settings.PROXIES}
    table = (DOCS / "settings.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(FACEDB_[A-Z_]+)`", row)} == read


def test_every_bar_that_was_missed_is_said_plainly() -> None:
    text = (DOCS / "performance.md").read_text("utf-8")
    assert plots.missed()
    assert [row for _, row in plots.missed() if f"[{row}]" not in text] == []


def test_every_machine_of_the_reports_is_the_one_that_the_page_names() -> None:
    text = (DOCS / "performance.md").read_text("utf-8")
    for name in ("fetch-full", "serving-full", "traffic", "operator"):
        machine = plots.report(name)["machine"]
        assert (machine["cores"], machine["memory"]) == ("2", "24 GiB")
        assert machine["date"] in text


def test_numbers_of_the_performance_page_are_those_of_the_reports() -> None:
    text = (DOCS / "performance.md").read_text("utf-8")
    fetched = plots.measured("fetch-full")
    assert f"{fetched['ours: peak resident MiB of a checking child']['measured']:.0f} MiB" in text
    assert f"is {1 / fetched['capped: seconds, ours / plain']['measured']:.1f} times as fast" in text
    assert f"in {plots.measured('traffic')['10 x: rejections, p50 ms']['measured']:.1f} ms (median)" in text


def test_the_words_of_a_report_give_ours_and_plain() -> None:
    assert plots.pair("9.51 s to 18.57 s: 2.0 x faster") == (9.51, 18.57)
    assert plots.pair("1.66 to 4.45 ms: 2.7 x faster; CPU 0.56") == (1.66, 4.45)


def test_a_longer_bar_is_a_larger_number_and_a_limit_stands_where_it_is() -> None:
    chart = Chart("t", (Bar("a", 1.0, "1 s"), Bar("b", 4.0, "4 s")), 2.0, "the bar: 2 s")
    drawn = charts("t", [chart], width=740)
    widths = [float(w) for w in re.findall(r'<rect x="250" y="[^"]+" width="([^"]+)"', drawn)]
    assert widths == [100.0, 400.0]
    assert 'd="M450 ' in drawn


def test_drawings_are_well_formed_and_say_what_they_show() -> None:
    from xml.etree import ElementTree

    for path, text in GENERATED.items():
        if path.suffix == ".svg":
            root = ElementTree.fromstring(text)
            assert root.find("{http://www.w3.org/2000/svg}title") is not None, path


def test_a_block_without_its_marks_is_a_mistake_of_the_page() -> None:
    with pytest.raises(ValueError, match="missed"):
        pages.with_block("# Page\n", "missed", "| a |")
