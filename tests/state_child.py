"""A second process over the same state file: a pod of a roll, for the tests to run, stop and kill.

``save FILE FIRST COUNT`` saves that many scenes, one transaction each, and says ``saved N`` after each.
``work FILE`` runs the queue with a job that never ends by itself. ``submit FILE`` tries to queue one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from facedb_sidecar.queue import Job, JobControl, JobKind, Queue
from facedb_sidecar.queue.worker import Pace
from facedb_sidecar.state import FingerprintFace, SceneFingerprint, StateStore

KIND = JobKind("long", "Long", "gpu", 50, schedulable=False)
FACES = tuple(FingerprintFace(f"performer-{n}", f"Name {n}", 0.9, n) for n in range(20))


def say(text: str) -> None:
    """A line that the test reads."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def save(path: Path, first: int, count: int) -> None:
    """Save scenes; what was said to be saved must be there later."""
    state = StateStore.open(path)
    say("open")
    for number in range(first, first + count):
        state.fingerprints.save_scene(SceneFingerprint(str(number), "v1", 60, FACES))
        say(f"saved {number}")
    state.close()


async def work(path: Path) -> None:
    """Run the queue until killed."""
    state = StateStore.open(path)
    queue = Queue(state, pace=Pace(tick=0.05, lease=0.5, grace=5))

    async def handler(job: Job, control: JobControl) -> None:
        await control.save_cursor("from the child", 3, 10)
        say("running")
        await control.wait(600)

    queue.register(KIND, handler)
    await queue.start()
    await asyncio.sleep(600)


def submit(path: Path) -> None:
    """Queue one job, once told to."""
    state = StateStore.open(path)
    queue = Queue(state)
    queue.register(KIND, work_of_nobody)
    say("open")
    sys.stdin.readline()
    say(f"queued {queue.submit(KIND.type)}")
    state.close()


async def work_of_nobody(job: Job, control: JobControl) -> None:
    """Never called."""


if __name__ == "__main__":
    mode, file, *rest = sys.argv[1:]
    if mode == "save":
        save(Path(file), int(rest[0]), int(rest[1]))
    elif mode == "work":
        asyncio.run(work(Path(file)))
    else:
        submit(Path(file))
