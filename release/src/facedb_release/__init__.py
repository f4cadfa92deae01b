"""What a face-recognition data release is: fetch, verify, publish it. Knows no cluster and no server."""

import sys

# httpx imports its own command line (click, rich, pygments) wherever those are installed: 0.2 s of CPU time
# and 12 MB for each process, which no program here uses. None makes that import fail, as if they were not.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
