"""For every test: nothing is judged by how long it took, and a failure is told at once."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from at_once import AtOnce
from cluster.node.processes import FEWER_COLLECTIONS

os.environ.update(FEWER_COLLECTIONS | os.environ)
# Hypothesis has a deadline of 200 ms of its own.
settings.register_profile("no wall time", deadline=None)
settings.load_profile("no wall time")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """The terminal is there only now; a worker of xdist's has none."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal:
        config.pluginmanager.register(AtOnce(terminal))
