"""``python -m programs``: build what the tests need beside the node's own programs, where it can be seen.

Within a test pytest keeps the words of a build to itself, and Argo CD and Stash take minutes each.
"""

from __future__ import annotations

import sys

import stash_program
from cluster.node import binaries
from cluster.node.say import NodeError

PROGRAMS = (
    binaries.CSI_SANITY,
    binaries.KWOK,
    binaries.REGISTRY,
    binaries.S3_GATEWAY,
    binaries.KUBECONFORM,
    binaries.KSTATUS,
    binaries.FLUX_KUSTOMIZE,
    binaries.ARGOCD,
)


def main() -> str | None:
    """Build what is missing; the words of a build that failed."""
    try:
        for program in PROGRAMS:
            binaries.ensure_one(program)
        stash_program.program()
    except NodeError as error:
        return f"\n{error}"
    return None


if __name__ == "__main__":
    sys.exit(main())
