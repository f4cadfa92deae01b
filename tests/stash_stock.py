"""A Stash with something in it: a video and photos, one of the enrolled person, whom its stash-box knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enrolment import ASTRONAUT, ASTRONAUT_ID, jpeg
from stash_server import StashBoxServer, StashServer
from videos import make_video, strangers

KEY = "stash-key"
VIDEO = {"duration": 6.0, "width": 480, "height": 360}


@contextmanager
def stocked(photo: bytes, folder: Path) -> Iterator[StashServer]:
    """Scene 1 (a real video), image 1 (the photo), image 2 (strangers), gallery 1 (both images).

    Args:
        photo: JPEG of the enrolled person.
        folder: for the video.
    """
    with StashBoxServer() as box, StashServer(api_key=KEY) as server:
        box.add(ASTRONAUT_ID, ASTRONAUT, gender="FEMALE")
        library = server.library
        library.boxes.append({"endpoint": box.endpoint, "api_key": "box-key", "name": "Box"})
        library.add_scene("1", make_video(folder), file=VIDEO)
        library.add_image("1", photo)
        library.add_image("2", jpeg(strangers()))
        library.add_gallery("1", ["1", "2"])
        yield server
