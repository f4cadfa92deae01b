"""`make test`: the unit tests at low priority beside the others, which mostly wait; both must pass.

python tests/side_by_side.py unit cluster-test        # targets of the Makefile: behind, in front
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

LOG = Path("build/side-by-side.log")
LOWEST = 19
CGROUPS = Path("/sys/fs/cgroup")
# Of the usual 1024 in cgroup v1, or 100 in v2. With less, a test that waits for an answer may wait in vain.
SHARES, WEIGHT = 512, 50
# A process joins before it starts others. Nice alone counts only within a session; pods, browsers and the
# programs of the node have others.
JOIN = '{ echo $$ > "$0/cgroup.procs"; } 2>/dev/null; exec "$@"'


def run(behind: str, front: str) -> int:
    """Run both; the words of the one behind go to a file, and are shown when both have ended.

    Returns:
        0 if both have passed; else the status of one that has not.
    """
    LOG.parent.mkdir(exist_ok=True)
    print(f"== `make {behind}` runs beside this at low priority; its words go to {LOG}", flush=True)
    make = ("make", "--no-print-directory")
    group = small_group(CGROUPS)
    with LOG.open("wb") as words:
        # Not the shell's `&`: what that starts hears no Ctrl-C, and some tests send one.
        humble = ["sh", "-c", JOIN, str(group), "nice", "-n", str(LOWEST)]
        other = subprocess.Popen([*humble, *make, behind], stdout=words, stderr=words)
        try:
            ended = subprocess.call([*make, front])
            print(f"== `make {front}` has ended; waiting for `make {behind}`", flush=True)
            also = other.wait()
        except KeyboardInterrupt:
            # The terminal has told both.
            other.wait()
            return 130
    with contextlib.suppress(OSError):
        group.rmdir()
    sys.stdout.write(LOG.read_text("utf-8", errors="replace"))
    for target, status in ((behind, also), (front, ended)):
        print(f"== `make {target}`: {'passed' if status == 0 else f'FAILED ({status})'}", flush=True)
    return ended or also


def small_group(root: Path) -> Path:
    """A control group with a small share of the processors; where none can be made, its name alone."""
    v2 = (root / "cgroup.controllers").exists()
    group = (root if v2 else root / "cpu") / "facedb-behind"
    file, share = ("cpu.weight", WEIGHT) if v2 else ("cpu.shares", SHARES)
    with contextlib.suppress(OSError):
        group.mkdir(exist_ok=True)
        (group / file).write_text(str(share))
    return group


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
