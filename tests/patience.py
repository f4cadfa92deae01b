"""How long tests wait for what must come: a host that takes the processors away makes it slow, not wrong."""

from __future__ import annotations

# Seconds for one thing to come. CI's machine has once been eight times as slow as usual, for half an hour.
PATIENCE_S = 600.0
# What a quiet machine would be given, times this.
STRETCH = 5.0
# A look may be a kubectl, which costs processor time that what is waited for needs: rest longer than it took.
REST_TO_LOOK = 3.0
LONGEST_REST_S = 3.0


def rest_s(look_s: float, least_s: float) -> float:
    """Seconds to rest after a look that took ``look_s``; ``least_s`` at least."""
    return max(least_s, min(REST_TO_LOOK * look_s, LONGEST_REST_S))
