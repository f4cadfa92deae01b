"""``python -m facedb_sidecar.drain --seconds N``: the pod's preStop hook.

Tells the server to close connections after their next answer, then waits: in that time the pod leaves the
endpoints everywhere, and nobody keeps a connection to it. Only then does SIGTERM follow.
"""

import argparse
import time

from facedb_sidecar.settings import draining_file


def main() -> None:
    """Create the file and wait."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("--seconds", type=float, required=True, help="how long to wait before SIGTERM")
    seconds = cli.parse_args().seconds
    draining_file().touch()
    time.sleep(seconds)


if __name__ == "__main__":
    main()
