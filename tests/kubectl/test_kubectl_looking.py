"""`kubectl facedb status` and `history` against a real API server: once, live, and where it may not look."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import kube_states as states
from api_server import ApiServer
from kube_states import NEW, OLD

if TYPE_CHECKING:
    from conftest import Plugin

pytestmark = pytest.mark.cluster


def test_kubectl_finds_the_plugin_and_shows_one_database(plugin: Plugin) -> None:
    plugin.put(states.fetching())
    done = plugin.kubectl("status", "faces")
    assert (done.returncode, done.stderr) == (0, "")
    rows = done.stdout.splitlines()
    assert rows[0] == "media/faces  Fetching"
    assert any("61%, 492 MB of 794 MB" in row for row in rows)
    assert [row for row in rows if row != row.rstrip()] == []


def test_all_databases_are_a_table_and_json_has_the_same(plugin: Plugin) -> None:
    plugin.put(states.refused())
    done = plugin("status", "-A")
    assert [row.split()[:5] for row in done.stdout.splitlines()] == [
        ["NAMESPACE", "NAME", "DESIRED", "ACTIVE", "PHASE"],
        ["media", "faces", NEW, OLD, "RolledBack"],
    ]
    [item] = plugin.json("status")["items"]
    assert (item["name"], item["phase"], item["refused"][0]["reason"]) == ("faces", "RolledBack", "CrashLoop")
    assert yaml.safe_load(plugin("status", "faces", "-o", "yaml").stdout)["kept"] == ["2026.01.30"]


def test_a_namespace_without_databases_is_said_to_be_empty(plugin: Plugin) -> None:
    done = plugin("status", "-n", "default")
    assert (done.returncode, done.stdout) == (0, "There is no FaceDatabase in namespace default.\n")
    assert plugin.json("status", "-n", "default") == {"items": []}


def test_history_is_newest_first(plugin: Plugin) -> None:
    plugin.put(states.refused())
    rows = plugin("history", "faces").stdout.splitlines()
    assert [row.split()[0] for row in rows if row.strip()][:3] == ["VERSION", OLD, "2026.01.30"]
    assert [p["version"] for p in plugin.json("history", "faces")["history"]] == ["2026.01.30", OLD]


def test_pods_and_events_come_with_one_database(plugin: Plugin) -> None:
    uid = plugin.put(states.serving())["metadata"]["uid"]
    involved = {"kind": "FaceDatabase", "name": "faces", "namespace": "media", "uid": uid}
    event = {
        **states.event("FetchDied", "Killed.", 60, kind="Warning"),
        "metadata": {"generateName": "faces."},
    }
    code, made = plugin.api.request(
        "POST", "/api/v1/namespaces/media/events", {**event, "involvedObject": involved}
    )
    assert code == 201, made
    assert plugin.json("status", "faces")["events"][0]["reason"] == "FetchDied"


def limited(api: ApiServer, tmp_path: Path, name: str, rules: list[dict[str, Any]]) -> list[str]:
    """Words of the command line that make it another account's, which may do only this."""
    code, made = api.request("POST", "/api/v1/namespaces/media/serviceaccounts", {"metadata": {"name": name}})
    assert code == 201, made
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name},
        "rules": rules,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "media"}],
    }
    for each in (role, binding):
        api.kubectl("apply", "-n", "media", "-f", "-", stdin=each)
    token = api.kubectl("create", "token", name, "-n", "media").stdout.strip()
    config = json.loads(json.dumps(yaml.safe_load(api.kubeconfig.read_text())))
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    (tmp_path / "limited").write_text(json.dumps(config))
    return ["--kubeconfig", str(tmp_path / "limited")]


def test_who_may_only_look_is_told_which_verb_of_rbac_is_missing(plugin: Plugin, tmp_path: Path) -> None:
    plugin.put(states.canary())
    rules = [{"apiGroups": ["facedb.dev"], "resources": ["facedatabases"], "verbs": ["get", "list"]}]
    mine = limited(plugin.api, tmp_path, "looker", rules)
    done = plugin.kubectl("status", "faces", *mine)
    assert done.returncode == 0, done.stderr
    asked = plugin.kubectl("promote", "faces", *mine)
    assert asked.returncode == 3
    assert "your Role lacks the verb `patch` on `facedatabases.facedb.dev`" in asked.stderr
    watched = plugin.kubectl("status", "faces", "--watch", *mine)
    assert watched.returncode == 3
    assert "lacks the verb `watch`" in watched.stderr
    everywhere = plugin.kubectl("status", "-A", "-o", "json", *mine)
    assert everywhere.returncode == 3
    said = json.loads(everywhere.stdout)
    assert (said["ok"], said["reason"]) == (False, "Forbidden")
    assert "your ClusterRole lacks the verb `list`" in said["message"]


def test_a_cluster_that_does_not_answer_is_a_matter_of_seconds(plugin: Plugin, tmp_path: Path) -> None:
    config = plugin.api.kubeconfig.read_text().replace(plugin.api.url, "https://127.0.0.1:1")
    (tmp_path / "config").write_text(config)
    done = plugin.kubectl("status", "--kubeconfig", str(tmp_path / "config"))
    assert done.returncode == 3
    assert "No answer from https://127.0.0.1:1" in done.stderr
    assert "Connection refused" in done.stderr
    assert plugin.kubectl("status", "--kubeconfig", str(tmp_path / "none")).returncode == 3
    assert plugin.kubectl("status", "--context", "nowhere").returncode == 3


def test_without_a_terminal_a_watch_is_a_line_for_each_change(plugin: Plugin) -> None:
    plugin.put(states.fetching())
    with plugin.start("status", "faces", "--watch") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        target = {**states.fetching()["status"]["target"], "bytesDone": 600_000_000}
        plugin.write_status("faces", {"target": target})
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    assert "61%, 492 MB of 794 MB" in first
    assert "75%, 600 MB of 794 MB" in second


def test_a_watch_of_json_is_an_object_a_line(plugin: Plugin) -> None:
    plugin.put(states.fetching())
    with plugin.start("status", "-w", "-o", "json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    assert first["target"]["transfer"]["bytes_done"] == 492_000_000


def until(master: int, holds: Callable[[str], bool]) -> str:
    """What a terminal has shown, once it holds."""
    shown = ""
    while not holds(shown):
        shown += os.read(master, 65536).decode()
    return shown


def test_the_live_view_ticks_ends_on_ctrl_c_and_gives_the_cursor_back(plugin: Plugin) -> None:
    plugin.put(states.fetching())
    master, slave = pty.openpty()
    process = plugin.start("status", "faces", "--watch", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    try:
        shown = until(master, lambda text: "492 MB" in text)
        target = {**states.fetching()["status"]["target"], "bytesDone": 600_000_000}
        plugin.write_status("faces", {"target": target})
        shown += until(master, lambda text: "600 MB" in text)
        process.send_signal(signal.SIGINT)
        shown += until(master, lambda text: "\x1b[?25h" in text)
        assert process.wait(120) == 0
    finally:
        process.kill()
        os.close(master)
    assert "\x1b[?25l" in shown
    assert "Traceback" not in shown
    assert re.search(r"━+", shown)


def test_a_database_that_goes_away_ends_its_watch(plugin: Plugin) -> None:
    plugin.put(states.serving())
    with plugin.start("status", "faces", "--watch", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        plugin.api.request("DELETE", "/apis/facedb.dev/v1alpha1/namespaces/media/facedatabases/faces")
        assert "There is no FaceDatabase faces in namespace media." in process.stderr.read()
        assert process.wait(120) == 1
