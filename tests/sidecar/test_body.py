"""Landmarks to proportions, and real poses of real people out of a real photo."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrolment import astronaut_photo, group_photo
from facedb_sidecar.engine.faces import Box
from facedb_sidecar.engine.signals import pose
from facedb_sidecar.engine.signals.body import NEEDED, Pose, pose_of, proportions_of
from facedb_sidecar.engine.signals.pose import PARTS, POSE_FILE, PoseFinder, PoseUnavailable, open_pose
from signal_models import pose_bundle, street_photo

# The face of the man who is seen from head to foot, and that of the man beside him.
HIS_FACE, ANOTHER = Box(108, 412, 44, 54), Box(268, 426, 37, 47)

PLACES = {0: (50, 10), 11: (70, 30), 12: (30, 30), 15: (100, 60), 16: (0, 60)}
PLACES |= {23: (60, 60), 24: (40, 60), 27: (60, 110), 28: (40, 110)}


def figure(visible: float = 0.9) -> Pose:
    """Somebody 100 pixels high: shoulders 40 wide, hips 20, torso 30, legs 50, arms 100."""
    points = np.zeros((33, 2))
    for place, at in PLACES.items():
        points[place] = at
    return Pose(points, np.full(33, visible))


def test_the_ratios_are_those_of_the_lengths() -> None:
    found = proportions_of(figure())
    assert found is not None
    assert (found.shoulder_hip, found.leg_torso, found.arm_span_height) == pytest.approx((2.0, 50 / 30, 1.0))
    assert found.confidence == pytest.approx(0.9)


@pytest.mark.parametrize("place", NEEDED)
@pytest.mark.parametrize("spoil", [0.29, float("nan")])
def test_a_landmark_that_is_not_seen_leaves_no_proportions(place: int, spoil: float) -> None:
    hidden = figure()
    hidden.visibility[place] = spoil
    assert proportions_of(hidden) is None


def test_hips_on_one_spot_leave_no_proportions() -> None:
    thin = figure()
    thin.points[23] = thin.points[24]
    assert proportions_of(thin) is None
    thin.points[23] = np.inf
    assert proportions_of(thin) is None


@given(st.floats(0.2, 50), st.floats(0, 6.28), st.floats(-500, 500), st.floats(-500, 500))
def test_proportions_do_not_depend_on_size_place_or_tilt(
    size: float, turn: float, right: float, down: float
) -> None:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    one = figure()
    moved = proportions_of(Pose(one.points @ rotation.T * size + [right, down], one.visibility))
    assert moved is not None
    assert moved.shoulder_hip == pytest.approx(2.0)
    assert moved.leg_torso == pytest.approx(5 / 3)


def test_a_face_gets_the_pose_whose_nose_is_in_its_box() -> None:
    left, right = figure(), figure()
    right.points[:] += [200, 0]
    both = (left, right)
    assert pose_of(Box(230, -5, 40, 30), both) is right
    assert pose_of(Box(30, -5, 40, 30), both) is left
    assert pose_of(Box(100, 100, 40, 30), both) is None
    assert pose_of(Box(0, 0, 0, 0), both) is None
    assert pose_of(Box(30, -5, 40, 30), ()) is None


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoseFinder]:
    folder = tmp_path_factory.mktemp("pose")
    (folder / POSE_FILE).write_bytes(pose_bundle())
    opened = open_pose(folder)
    yield opened
    opened.close()


def test_a_man_in_the_street_has_proportions_and_his_neighbour_has_none(finder: PoseFinder) -> None:
    poses = finder(street_photo())
    his = pose_of(HIS_FACE, poses)
    assert his is not None
    found = proportions_of(his)
    assert found is not None
    # He walks with his arms folded.
    assert 1.2 < found.shoulder_hip < 2.2
    assert 1.0 < found.leg_torso < 2.0
    assert found.arm_span_height < 0.5
    assert found.confidence > 0.8
    assert pose_of(ANOTHER, poses) is None


def test_a_larger_photo_gives_the_same_proportions_in_its_own_pixels(finder: PoseFinder) -> None:
    large = np.repeat(np.repeat(street_photo(), 3, axis=0), 3, axis=1)
    (his,) = [p for p in (pose_of(HIS_FACE, finder(street_photo())),) if p]
    (same,) = [p for p in (pose_of(Box(*(3 * v for v in (108, 412, 44, 54))), finder(large)),) if p]
    assert np.abs(same.points[list(NEEDED)] / 3 - his.points[list(NEEDED)]).max() < 12


def test_a_portrait_shows_a_person_and_no_proportions(finder: PoseFinder) -> None:
    (her,) = finder(astronaut_photo())
    assert proportions_of(her) is None


def test_a_group_has_several_poses_and_a_blank_none(finder: PoseFinder) -> None:
    assert len(finder(group_photo())) > 1
    assert finder(np.full((100, 300, 3), 127, np.uint8)) == ()
    assert finder(np.zeros((1, 1, 3), np.uint8)) == ()


def test_a_view_into_another_array_is_read_as_what_it_shows(finder: PoseFinder) -> None:
    photo = street_photo()
    (straight,), (view,) = finder(np.ascontiguousarray(photo[::-1][::-1])), finder(photo[::-1][::-1])
    assert np.array_equal(straight.points, view.points)


def test_two_finders_work_side_by_side_in_many_threads(finder: PoseFinder, tmp_path: Path) -> None:
    (tmp_path / POSE_FILE).write_bytes(pose_bundle())
    other = open_pose(tmp_path)
    photo, found = street_photo(), list[float]()

    def look(one: PoseFinder) -> None:
        for _ in range(3):
            found.extend(float(p.points[0, 0]) for p in one(photo))

    threads = [threading.Thread(target=look, args=(one,)) for one in (finder, other, finder, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert len(found) == 12
    assert np.ptp(found) < 1e-3


def test_a_closed_finder_says_so_and_closes_twice(tmp_path: Path) -> None:
    (tmp_path / POSE_FILE).write_bytes(pose_bundle())
    opened = open_pose(tmp_path)
    opened.close()
    opened.close()
    with pytest.raises(PoseUnavailable, match="closed"):
        opened(street_photo())


def cut(bundle: bytes) -> bytes:
    return bundle[: len(bundle) // 2]


def flipped(bundle: bytes) -> bytes:
    middle = len(bundle) // 2
    return bundle[:middle] + bytes([bundle[middle] ^ 1]) + bundle[middle + 1 :]


def rubbish_inside(bundle: bytes) -> bytes:
    return _zip({PARTS[0]: b"rubbish!" * 100, PARTS[1]: b"rubbish!" * 100})


def swapped_parts(bundle: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(bundle)) as good:
        return _zip({PARTS[0]: good.read(PARTS[1]), PARTS[1]: good.read(PARTS[0])})


def one_part(bundle: bytes) -> bytes:
    return _zip({PARTS[0]: b"\0\0\0\0TFL3" + bytes(100)})


def hollow(bundle: bytes) -> bytes:
    return _zip(dict.fromkeys(PARTS, b"\0\0\0\0TFL3" + bytes(100)))


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("damage", [cut, flipped, rubbish_inside, swapped_parts, one_part, hollow])
def test_a_damaged_bundle_is_refused_with_a_reason(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / POSE_FILE).write_bytes(damage(pose_bundle()))
    with pytest.raises(PoseUnavailable, match=r"pose_landmarker_lite\.task"):
        open_pose(tmp_path)


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoseUnavailable, match="not in the models folder"):
        open_pose(tmp_path)


@pytest.mark.parametrize(
    ("version", "silent"),
    [
        ("0.10.30", True),
        ("0.10.31", True),
        ("0.10.21", False),
        ("0.10.32", False),
        ("1.2.2", False),
        ("x", False),
    ],
)
def test_only_a_mediapipe_that_is_known_to_be_silent_is_loaded(version: str, silent: bool) -> None:
    assert pose.is_silent(version) is silent


PROBE = """
import pathlib, sys
{before}
from facedb_sidecar.engine.signals.pose import open_pose
import numpy as np
finder = open_pose(pathlib.Path({folder!r}))
finder(np.zeros((64, 64, 3), np.uint8))
{after}
"""


def _probe(
    folder: Path, before: str = "", after: str = "", tracer: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    code = PROBE.format(folder=str(folder), after=after, before=f"sys.path[:0] = {sys.path[:1]!r}\n{before}")
    return subprocess.run(
        [*tracer, sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / POSE_FILE).write_bytes(pose_bundle())
    return tmp_path


def test_a_process_that_forgets_to_close_ends_without_a_word(models: Path) -> None:
    done = _probe(models)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_collecting_garbage_at_any_place_does_not_stand_still(models: Path) -> None:
    # MediaPipe's own close waits for this lock, and Python may collect while it is held.
    collected = (
        "import gc, concurrent.futures.thread as pool\n"
        "finder.itself = finder\n"
        "del finder\n"
        "with pool._global_shutdown_lock: gc.collect()\n"
        "print('went on')"
    )
    assert _probe(models, after=collected).stdout == "went on\n"


def test_without_its_system_libraries_the_body_is_only_missing(models: Path) -> None:
    gone = (
        "import ctypes\n"
        "def absent(*a, **k): raise OSError('libGLESv2.so.2: cannot open shared object file')\n"
        "import numpy, cv2, onnxruntime, insightface.utils.face_align\n"
        "import facedb_sidecar.engine.signals\n"
        "ctypes.CDLL = absent"
    )
    done = _probe(models, gone)
    assert "PoseUnavailable: MediaPipe cannot load pose_landmarker_lite.task: libGLESv2" in done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_mediapipe_opens_no_connection_and_writes_no_file(models: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=connect,sendto,sendmsg,sendmmsg,openat,open,creat,mkdir,rename,unlink"
    done = _probe(models, tracer=("strace", "-f", "-qq", "-e", calls, "-o", str(trace)))
    assert done.returncode == 0, done.stderr
    said = re.compile(r"connect\(|send\w+\(|O_CREAT|creat\(|mkdir\(|rename\(|unlink\(")
    lines = trace.read_text().splitlines()
    # As soon as it loads its library.
    first = next(at for at, line in enumerate(lines) if "mediapipe" in line)
    assert [line for line in lines[first:] if said.search(line) and "/dev/null" not in line] == []
