"""The tutorial's blocks are taken out of the page, run and compared as a reader would."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from docs.blocks import Block, blocks, missing, outputs, script

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
PAGE = """
```sh
echo one
```

```text
one
```

Words.

```console
$ not run
```

```sh
X=two
```

```sh
echo "$X   wide"
```

```text
… wide
```
"""


def test_blocks_come_in_order_with_what_they_print() -> None:
    assert blocks(PAGE) == [
        Block("echo one\n", "one\n", 2),
        Block("X=two\n", "", 16),
        Block('echo "$X   wide"\n', "… wide\n", 20),
    ]


def test_what_nobody_printed_is_a_mistake_of_the_page() -> None:
    with pytest.raises(ValueError, match="line 1"):
        blocks("```text\nhello\n```\n")


def test_blocks_share_one_shell_and_their_outputs_come_apart() -> None:
    every = blocks(PAGE)
    ran = subprocess.run(["bash", "-c", script(every, "== ")], capture_output=True, text=True, check=True)
    assert outputs(ran.stdout, "== ") == ["one\n", "", "two   wide\n"]


def test_a_block_that_fails_ends_the_story_there() -> None:
    every = blocks("```sh\necho a\nfalse\n```\n```sh\necho b\n```\n")
    ran = subprocess.run(["bash", "-c", script(every, "== ")], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert outputs(ran.stdout, "== ") == ["a\n"]


@pytest.mark.parametrize(
    ("expected", "lacking"),
    [
        ("NAME … READY\nstash … True", None),
        ("stash … Serving", "Serving"),
        ("True … stash", "stash"),
        ("NAME READY", None),
    ],
)
def test_fragments_are_looked_for_in_their_order(expected: str, lacking: str | None) -> None:
    assert missing(expected, "NAME    READY\nstash   True\n") == lacking


def test_the_tutorial_runs_something_in_every_step_and_shows_what_it_prints() -> None:
    page = TUTORIAL.read_text("utf-8")
    steps = [part for part in page.split("\n## ")[1:] if part[0].isdigit()]
    assert len(steps) == 10
    assert [step.splitlines()[0] for step in steps if not any(block.expected for block in blocks(step))] == []


def test_the_tutorial_is_a_script_that_bash_can_read() -> None:
    whole = script(blocks(TUTORIAL.read_text("utf-8")), "== ")
    subprocess.run(["bash", "-n"], input=whole, text=True, check=True)


def test_nothing_that_others_need_is_taken_away_by_the_blocks() -> None:
    commands = "".join(block.commands for block in blocks(TUTORIAL.read_text("utf-8")))
    assert "uninstall" not in commands
    assert "cluster-down" not in commands
