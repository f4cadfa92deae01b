"""For every test: nothing is judged by how long it took. Hypothesis' deadline of 200 ms would."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no wall time", deadline=None)
settings.load_profile("no wall time")
