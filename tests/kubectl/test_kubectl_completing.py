"""What kubectl's completion offers behind `kubectl facedb`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kube_states as states
from facedb_kubectl.__main__ import VERBS
from facedb_kubectl.completing import FILES, NOTHING_ELSE, suggest

if TYPE_CHECKING:
    from conftest import Plugin


def asked(what: str, known: Mapping[str, str], words: Sequence[str]) -> Iterable[str]:
    """A cluster that answers with the question."""
    return [f"{what} of {known.get('namespace', 'own')} {' '.join(words)}".strip()]


def words(line: str) -> list[str]:
    """The candidates for the last word of the line, without what they mean."""
    return [each.partition("\t")[0] for each in suggest(line.split(" "), asked)[0]]


def test_every_verb_is_offered_with_what_it_does() -> None:
    assert words("") == list(VERBS)
    assert words("ro") == ["rollback"]
    assert all("\t" in each for each in suggest([""], asked)[0])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("status ", ["databases of own"]),
        ("status -n media ", ["databases of media"]),
        ("logs --namespace=media -f ", ["databases of media"]),
        ("rollback faces ", ["kept of own faces"]),
        ("approve -n media faces ", ["offered of media faces"]),
        ("promote faces ", []),
        ("status -n ", ["namespaces of own"]),
        ("status --context ", ["contexts of own"]),
        ("status -o j", ["json"]),
        ("status --output=y", ["--output=yaml"]),
        ("status --out", ["--output"]),
        ("promote --timeout ", []),
        ("rollback --ye", ["--yes"]),
    ],
)
def test_what_could_come_next_is_offered(line: str, offered: list[str]) -> None:
    assert words(line) == offered


def test_a_kubeconfig_is_a_file() -> None:
    assert suggest(["status", "--kubeconfig", ""], asked) == ([], FILES)


@given(
    st.lists(
        st.sampled_from([*VERBS, "-n", "media", "--output=", "-", "--", "=", "faces", "", "-o", "--wait"])
    )
)
def test_no_line_is_too_odd_to_be_completed(line: list[str]) -> None:
    found, directive = suggest(line, asked)
    assert directive in (FILES, NOTHING_ELSE)
    assert all("\n" not in each for each in found)


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("stat", ["status"]),
        ("status fa", ["faces"]),
        ("rollback faces ", ["2026.01.30"]),
        ("status -n me", ["media"]),
    ],
)
def test_kubectl_itself_offers_it(plugin: Plugin, line: str, offered: list[str]) -> None:
    plugin.put(states.serving())
    command = ["kubectl", "__complete", "facedb", *line.split(" ")]
    out = subprocess.run(command, capture_output=True, text=True, env=plugin.env, check=True).stdout
    *found, directive = out.splitlines()
    assert [each.partition("\t")[0] for each in found] == offered
    assert directive == f":{NOTHING_ELSE}"
