"""`make test`: the unit tests at low priority beside the cluster suite, which mostly waits; both must pass.

python tests/side_by_side.py unit node-test        # targets of the Makefile: behind, in front
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOG = Path("build/side-by-side.log")
LOWEST = 19


def run(behind: str, front: str) -> int:
    """Run both; the words of the one behind go to a file, and are shown when both have ended.

    Returns:
        0 if both have passed; else the status of one that has not.
    """
    LOG.parent.mkdir(exist_ok=True)
    print(f"== `make {behind}` runs beside this at low priority; its words go to {LOG}", flush=True)
    make = ("make", "--no-print-directory")
    with LOG.open("wb") as words:
        # Not the shell's `&`: what that starts hears no Ctrl-C, and some tests send one.
        other = subprocess.Popen(["nice", "-n", str(LOWEST), *make, behind], stdout=words, stderr=words)
        try:
            ended = subprocess.call([*make, front])
            print(f"== `make {front}` has ended; waiting for `make {behind}`", flush=True)
            also = other.wait()
        except KeyboardInterrupt:
            # The terminal has told both.
            other.wait()
            return 130
    sys.stdout.write(LOG.read_text("utf-8", errors="replace"))
    for target, status in ((behind, also), (front, ended)):
        print(f"== `make {target}`: {'passed' if status == 0 else f'FAILED ({status})'}", flush=True)
    return ended or also


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
