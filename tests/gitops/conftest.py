"""What the tests of delivery by Git share: every state of a database, each as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitops.recorded import Recorded, State, recorded


@pytest.fixture(scope="session")
def states() -> dict[State, list[Recorded]]:
    """Every state that the stories come to, with the FaceDatabases in it."""
    found: dict[State, list[Recorded]] = {}
    for each in recorded():
        found.setdefault(each.state, []).append(each)
    return found


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same as files, by id."""
    folder = tmp_path_factory.mktemp("states")
    found = {}
    for each in recorded():
        found[each.id] = folder / f"{len(found)}.json"
        found[each.id].write_text(json.dumps(each.body))
    return found
