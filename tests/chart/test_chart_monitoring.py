"""Alerts and dashboards: a true Prometheus reads every expression, and each names what is really told."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.renders import CHART, HERE, ROOT
from chart.series import ADDED, known
from cluster import prometheus

# Debian's package, which apt-get fetches.
pytestmark = pytest.mark.cluster

RULES = CHART / "files" / "alerts.yaml"
STORIES = sorted(HERE.glob("alerts*.yaml"))
DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
SELECTOR = re.compile(r"\b((?:facedb|process)_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")


@cache
def alerts() -> dict[str, Any]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def panels(board: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [p for p in json.loads(board.read_text())["panels"] if p["type"] != "row"]
    return found


def expressions(board: Path) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def promtool(*args: str) -> subprocess.CompletedProcess[str]:
    tool = prometheus.program("promtool")
    return subprocess.run([str(tool), *args], capture_output=True, text=True, check=False)


def strangers(expression: str) -> list[str]:
    """Series and labels of an expression that nobody tells."""
    found: list[str] = []
    told: set[str] = set(ADDED)
    for name, matchers in SELECTOR.findall(expression):
        if name not in known():
            found.append(name)
            continue
        told |= known()[name]
        labels = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers))
        found += [f"{name}{{{label}}}" for label in sorted(labels - known()[name] - ADDED)]
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
    return found + sorted(grouped - told)


def test_every_series_that_an_alert_names_is_told() -> None:
    assert [s for rule in alerts().values() for s in strangers(rule["expr"])] == []
    assert strangers('sum by (colour) (facedb_phase{fase="Stalled"}) + facedb_nothing') == [
        "facedb_phase{fase}",
        "facedb_nothing",
        "colour",
    ]


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda p: p.stem)
def test_every_series_that_a_dashboard_names_is_told(board: Path) -> None:
    assert len(expressions(board)) >= 10
    assert [s for expression in expressions(board) for s in strangers(expression)] == []


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda p: p.stem)
def test_a_true_prometheus_reads_every_expression_of_a_dashboard(board: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(expressions(board))]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": board.stem, "rules": rules}]}))
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda p: p.stem)
def test_a_dashboard_is_one_that_grafana_can_import(board: Path) -> None:
    body = json.loads(board.read_text())
    assert body["uid"] == board.stem
    assert "id" not in body
    identities = [p["id"] for p in body["panels"]]
    assert len(identities) == len(set(identities))
    variables = {v["name"] for v in body["templating"]["list"]}
    text = board.read_text()
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__all"}
    assert used <= variables
    for panel in panels(board):
        assert panel["description"], panel["title"]
        assert {t["datasource"]["uid"] for t in panel["targets"]} == {"${datasource}"}


def test_no_two_panels_lie_on_each_other() -> None:
    for board in DASHBOARDS:
        cells: set[tuple[int, int]] = set()
        for panel in json.loads(board.read_text())["panels"]:
            at = panel["gridPos"]
            own = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not own & cells, panel["title"]
            assert at["x"] + at["w"] <= 24
            cells |= own


@pytest.mark.parametrize("stories", STORIES, ids=lambda p: p.stem)
def test_alerts_go_off_where_they_should_and_nowhere_else(stories: Path, tmp_path: Path) -> None:
    path = tmp_path / "stories.yaml"
    path.write_text(stories.read_text().replace("RULES", str(RULES)))
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stderr + done.stdout


def test_every_alert_has_a_story_in_which_it_goes_off() -> None:
    stories = [story for path in STORIES for story in yaml.safe_load(path.read_text())["tests"]]
    fired = {t["alertname"] for story in stories for t in story["alert_rule_test"] if t["exp_alerts"]}
    assert fired == set(alerts())


def test_every_alert_has_a_severity_and_says_what_it_is() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name
        assert rule["for"], name


def test_every_alert_is_explained_with_what_to_do_and_no_other_is() -> None:
    explained = dict(re.findall(r"^### (\w+)\n\n(\w+)", PAGE, re.MULTILINE))
    assert {n: s.lower() for n, s in explained.items()} == {
        n: rule["labels"]["severity"] for n, rule in alerts().items()
    }


def test_every_dashboard_is_named_on_the_page() -> None:
    for board in DASHBOARDS:
        assert f"| {json.loads(board.read_text())['title']} |" in PAGE
