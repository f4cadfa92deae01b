"""Why a test failed, said when it fails and not only at the end of all tests."""

from __future__ import annotations

import pytest

# Characters of the failure's end, where the reason stands.
WORDS = 3000


class AtOnce:
    """A plugin of pytest's: register it with the terminal that it shall speak through."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test's setup, call or teardown has ended; with xdist, in whatever process."""
        if report.failed:
            self._terminal.write_line(f"\n{report.nodeid}: its {report.when} failed:")
            self._terminal.write_line(report.longreprtext[-WORDS:])
