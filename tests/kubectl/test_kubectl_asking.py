"""The verbs of `kubectl facedb` against a real API server, where the test plays the operator."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import kube_states as states
from facedb_operator.spec.verbs import read_verbs, version_of
from kube_states import NEW, NEWER, OLD
from patience import PATIENCE_S

if TYPE_CHECKING:
    from conftest import Plugin

pytestmark = pytest.mark.cluster

ASKABLE = {
    "promote": states.canary(),
    "abort": states.canary(),
    "retry": states.refused(),
    "pause": states.serving(),
    "rollback": states.serving(),
    "approve": states.offered(),
}


def held(plugin: Plugin, verb: str) -> str:
    """The token that stands in the annotation."""
    annotations = plugin.read()["metadata"].get("annotations", {})
    return str(getattr(read_verbs(annotations), verb))


@pytest.mark.parametrize("verb", ASKABLE)
def test_a_verb_leaves_its_token_and_changes_nothing_else(plugin: Plugin, verb: str) -> None:
    before = plugin.put(ASKABLE[verb])
    said = plugin.json(verb, "faces")
    token = held(plugin, verb)
    assert (said["ok"], said["reason"], said["token"]) == (True, "Asked", token)
    assert re.fullmatch(r"([0-9.]+-)?[0-9a-f]{12}", token)
    after = plugin.read()
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["annotations"] == {f"facedb.dev/{verb}": token}
    managers = {m["manager"]: m for m in after["metadata"]["managedFields"]}
    fields = managers["kubectl-facedb"]["fieldsV1"]["f:metadata"]["f:annotations"]
    assert f"f:facedb.dev/{verb}" in fields


def test_approve_and_rollback_name_the_version(plugin: Plugin) -> None:
    plugin.put(states.offered())
    assert plugin.json("approve", "faces")["version"] == version_of(held(plugin, "approve")) == NEWER
    plugin.put(states.serving())
    assert plugin.json("rollback", "faces")["version"] == version_of(held(plugin, "rollback")) == "2026.01.30"


@pytest.mark.parametrize(
    ("state", "words", "why"),
    [
        ("serving", ["promote", "faces"], "no rollout is under way"),
        ("fetching", ["promote", "faces"], "neither a canary's pause nor a bake nor a freeze"),
        ("serving", ["abort", "faces"], "No rollout of faces is under way"),
        ("serving", ["retry", "faces"], "there is nothing to try again"),
        ("serving", ["resume", "faces"], "faces is not paused"),
        ("paused", ["pause", "faces"], "faces is paused already"),
        ("serving", ["approve", "faces"], "faces has no channel"),
        ("offered", ["approve", "faces", NEW], f"the channel offers {NEWER}"),
        (
            "serving",
            ["rollback", "faces", NEW],
            f"{NEW} is not kept. Kept beside the one in traffic: 2026.01.30.",
        ),
        ("serving", ["rollback", "faces", OLD], f"{OLD} is in traffic already"),
        ("serving", ["rollback", "nobody"], "There is no FaceDatabase nobody in the namespace media"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    plugin: Plugin, state: str, words: list[str], why: str
) -> None:
    plugin.put(states.states()[state])
    before = plugin.read()["metadata"].get("annotations")
    done = plugin(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert why in done.stderr.replace("Facedatabases", "facedatabases")
    said = plugin.json(*words, code=1)
    assert (said["ok"], said["verb"], said["name"]) == (False, words[0], words[1])
    assert plugin.read()["metadata"].get("annotations") == before


def play_operator(plugin: Plugin, process: subprocess.Popen[str], verb: str, status: dict[str, Any]) -> str:
    """Deal with the verb once its token is there; what the waiting plugin then said."""
    path = "/apis/facedb.dev/v1alpha1/namespaces/media/facedatabases?watch=1&timeoutSeconds=120"
    command = ["kubectl", "get", "--raw", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plugin.env) as watch:
        assert watch.stdout is not None
        try:
            for line in watch.stdout:
                annotations = json.loads(line)["object"]["metadata"].get("annotations", {})
                token = annotations.get(f"facedb.dev/{verb}")
                if token:
                    plugin.write_status("faces", {"handled": {verb: token}, **status})
                    break
        finally:
            watch.terminate()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return str(out)


def test_waiting_ends_when_the_operator_has_dealt_with_it_and_says_what_became_of_it(plugin: Plugin) -> None:
    plugin.put(states.canary())
    plugin.write_status("faces", {"handled": {"promote": "ffffffffffff"}})
    process = plugin.start("promote", "faces", "--wait", "--timeout", "120s")
    ready = states.condition("Ready", "False", "RollingOut", "3 of 5 pods serve 2026.02.18")
    out = play_operator(plugin, process, "promote", {"conditions": [ready]})
    assert "RollingOut: 3 of 5 pods serve 2026.02.18.\n" in out


def test_a_pause_is_there_when_the_condition_says_so(plugin: Plugin) -> None:
    plugin.put(states.serving())
    process = plugin.start("pause", "faces", "--wait", "--timeout", "120s")
    out = play_operator(plugin, process, "pause", {"conditions": states.paused()["status"]["conditions"]})
    assert "Serving (paused)" in out
    assert plugin.json("resume", "faces")["token"] is None
    assert held(plugin, "pause") == ""


def test_an_operator_that_does_nothing_is_not_waited_for_without_end(plugin: Plugin) -> None:
    plugin.put(states.canary())
    said = plugin.json("promote", "faces", "--wait", "--timeout", "1s", code=4)
    assert said["reason"] == "TimedOut"
    assert "Waited 1s for an operator to deal with promote of faces" in said["message"]
    assert held(plugin, "promote")


def test_no_verb_waits_for_the_answer_to_an_older_token(plugin: Plugin) -> None:
    plugin.put(states.refused())
    first = plugin.json("retry", "faces")["token"]
    plugin.write_status("faces", {"handled": {"retry": first}})
    assert plugin.json("retry", "faces", "--wait", "--timeout", "1s", code=4)["reason"] == "TimedOut"
    assert held(plugin, "retry") != first


@pytest.mark.parametrize(
    "words", [["promote", "faces", "--timeout", "soon"], ["approve"], ["status", "x", "-A"]]
)
def test_a_wrong_command_line_is_a_mistake_of_its_own(plugin: Plugin, words: list[str]) -> None:
    assert plugin(*words).returncode == 2
