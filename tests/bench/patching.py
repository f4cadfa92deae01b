"""Two archives → the patch archive between them, metered. Run in a process of its own, as export would.

`python -m bench.patching OLD NEW OUT WORK`; WORK is a folder to unpack into.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from facedb_release.patches.publish import make_patch_archive

from .meter import metered


def main() -> None:
    """Unpack both and make the patch."""
    old, new, out, work = map(Path, sys.argv[1:])
    for archive in (old, new):
        shutil.unpack_archive(archive, work / archive.stem)
    with metered():
        make_patch_archive(work / old.stem, work / new.stem, out)


if __name__ == "__main__":
    main()
