"""docs/failure-modes.md names tests that exist, and every fault that a test injects; none asked for lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb_operator.names import Condition
from facedb_operator.names import Reason as OperatorReason
from facedb_release.errors import Reason as ReleaseReason
from fault_table import HERE, PAGE, Proof, marked, out_of_step, rows

TEXT = PAGE.read_text()
TABLE = rows(TEXT)
# Of the list of faults that the project began with.
NUMBERS = range(1, 29)
# Each injected on a real cluster, or at the program that meets it.
WANTED = (
    "operator is killed after every step",
    "fetch Job is killed",
    "fetch Job is evicted",
    "fetch Job runs out of memory",
    "node is drained in the middle of a fetch",
    "disk becomes full in the middle of a fetch",
    "source answers 403",
    "source answers 404",
    "source answers 429 and asks for a pause",
    "source answers 5xx",
    "source stalls",
    "source redirects to signed addresses",
    "source cuts the connection in the middle of a file",
    "source's certificate is of an unknown authority",
    "release is not the one that spec.digest pins",
    "release has a flipped byte in a file",
    "release lacks a file",
    "release has a truncated index",
    "release's counts lie",
    "sidecar crash loop",
    "sidecar serves the wrong version",
    "sidecar answers 200 and is degraded",
    "sidecar is never ready",
    "container restarts after its gate opened",
    "sidecar crashes in the bake",
    "image of the sidecar cannot be pulled",
    "claim stays Pending: the driver cannot make the volume",
    "snapshot never becomes ready",
    "snapshot of a kept release is gone",
    "API server restarts, watches are cut",
    "somebody else writes the same objects, 409",
    "API server answers 429",
    "two changes of the spec in flight",
    "spec is reverted in the middle of a rollout",
    "FaceDatabase is deleted in the middle of a rollout",
    "somebody edits a child",
    "somebody deletes a child",
    "a policy rewrites labels",
    "operator is down while a pod is rescheduled",
)


def test_the_page_and_the_tests_are_in_step() -> None:
    assert out_of_step(TEXT, HERE) == []


def test_every_row_is_one_fault_with_what_is_seen_and_a_proof() -> None:
    assert len({row.fault for row in TABLE}) == len(TABLE)
    assert [row.fault for row in TABLE if not (row.seen and row.proofs)] == []
    # Every row of the page was read, and every link of its last cell.
    assert len(TABLE) == sum(line.startswith("| ") for line in TEXT.splitlines()) - TEXT.count("| fault |")
    assert sum(len(row.proofs) for row in TABLE) == TEXT.count("](../tests/")


@pytest.mark.parametrize("fault", WANTED)
def test_every_fault_that_was_asked_for_has_a_row(fault: str) -> None:
    assert fault in {row.fault for row in TABLE}


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_of_the_first_list_has_a_row(number: int) -> None:
    assert any(number in row.numbers for row in TABLE)
    assert all(n in NUMBERS for row in TABLE for n in row.numbers)


def test_every_reason_that_the_page_names_exists() -> None:
    words = {str(word) for word in (*Condition, *OperatorReason, *ReleaseReason)}
    # Of the sidecar's engine; kubernetes' own; and of the spec.
    others = {"DeviceUnavailable", "OOMKilled", "BelowMinimum", "Auto", "Freeze", "PerPod", "Warn"}
    named = {word for row in TABLE for word in _words(row.seen)}
    assert "SourceForbidden" in named
    assert named - words - others == set()


def _words(text: str) -> list[str]:
    quoted = text.split("`")[1::2]
    return [word for word in quoted if word.isalpha() and word[0].isupper()]


def a_test(folder: Path, text: str) -> Path:
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "test_a.py").write_text(text)
    return folder


PAGE_OF_ONE = """
| fault | # | what the user sees | proven by |
|---|---|---|---|
| it breaks | 3, 5 | `Stalled` | [`test_it`](../tests/sub/test_a.py) |
"""


def test_a_row_is_read_with_its_numbers_and_proofs() -> None:
    (row,) = rows(PAGE_OF_ONE)
    assert (row.fault, row.numbers, row.proofs) == ("it breaks", (3, 5), (Proof("sub/test_a.py", "test_it"),))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('@pytest.mark.fault("it breaks")\ndef test_it(): ...', id="a decorator"),
        pytest.param(
            '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.fault("it breaks"))])\n'
            "def test_it(x): ...",
            id="a parameter",
        ),
        pytest.param(
            'CASES = [pytest.param(1, marks=[pytest.mark.fault("it breaks")])]\n'
            '@pytest.mark.parametrize("x", CASES)\nasync def test_it(x): ...',
            id="a list of the module",
        ),
        pytest.param(
            "def bad(n, fault):\n    return pytest.param(n, marks=pytest.mark.fault(fault))\n"
            '@pytest.mark.parametrize("x", [bad(1, "it breaks")])\ndef test_it(x): ...',
            id="a function of the module",
        ),
    ],
)
def test_a_mark_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    folder = a_test(tmp_path, text)
    assert marked(folder) == {"it breaks": {Proof("sub/test_a.py", "test_it")}}
    assert out_of_step(PAGE_OF_ONE, folder) == []
    assert out_of_step(PAGE_OF_ONE.replace("it breaks", "it bends"), folder) == [
        "it breaks: no row names sub/test_a.py::test_it"
    ]


def test_a_row_whose_test_is_gone_is_found(tmp_path: Path) -> None:
    folder = a_test(tmp_path, "def test_another(): ...")
    assert out_of_step(PAGE_OF_ONE, folder) == ["it breaks: there is no sub/test_a.py::test_it"]


def test_a_mark_without_plain_words_is_no_mark(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="plain string"):
        marked(a_test(tmp_path, "@pytest.mark.fault(NAME)\ndef test_it(): ..."))
