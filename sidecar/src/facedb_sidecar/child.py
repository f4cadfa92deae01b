"""`facedb` as a process of its own, which ends when the sidecar ends, however that ends.

`python -m facedb_sidecar.child PARENT WORDS…`. Apart from the sidecar, so that unpacking and hashing
never hold up an answer, and a fault in it takes nothing down.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from facedb_release.__main__ import main as facedb

# prctl(2): a signal for this process when its parent is gone.
PR_SET_PDEATHSIG = 1
NICER = 5


def main() -> None:
    """Tie this process to its parent, let the sidecar go first, and run the command."""
    parent = int(sys.argv.pop(1))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It was gone before the tie was made.
        sys.exit(1)
    os.nice(NICER)
    facedb()


if __name__ == "__main__":
    main()
