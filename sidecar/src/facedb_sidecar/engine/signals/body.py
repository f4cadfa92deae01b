"""33 landmarks of a pose → the proportions of a body. Pure.

The ratios' definitions are ours: the contract names them and compares them, and does not define them. They
are lengths on the picture, so a body that is turned away has other ratios than one seen from the front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.faces import Box
from facedb_sidecar.engine.signals.evidence import Proportions

# Places in MediaPipe's list of 33 landmarks.
NOSE = 0
SHOULDERS, WRISTS, HIPS, ANKLES = (11, 12), (15, 16), (23, 24), (27, 28)
NEEDED = (NOSE, *SHOULDERS, *WRISTS, *HIPS, *ANKLES)
LANDMARKS = 33
LEAST_VISIBILITY = 0.3
# A length below this many pixels says nothing, and nothing is divided by it.
LEAST_PIXELS = 2.0
# A detector's box ends at forehead and chin; the nose of its owner may lie this share of it outside.
BOX_MARGIN = 0.25

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """One body: (33, 2) float64 pixels (may lie outside the image), and (33,) visibilities in [0, 1]."""

    points: Points
    visibility: npt.NDArray[np.float64]


def proportions_of(pose: Pose) -> Proportions | None:
    """The ratios of a body; None unless all nine landmarks are visible and far enough apart.

    ``shoulder_hip``: between the shoulders / between the hips. ``leg_torso``: middle of the hips to middle
    of the ankles / middle of the shoulders to middle of the hips. ``arm_span_height``: wrist to wrist / nose
    to middle of the ankles. ``confidence``: the mean visibility of the nine.
    """
    visible = pose.visibility[list(NEEDED)]
    # Written so that a NaN is not visible.
    if not ((visible >= LEAST_VISIBILITY).all() and np.isfinite(pose.points[list(NEEDED)]).all()):
        return None
    shoulders, hips, ankles = (_middle(pose, pair) for pair in (SHOULDERS, HIPS, ANKLES))
    upper = (_across(pose, SHOULDERS), _length(hips, ankles), _across(pose, WRISTS))
    lower = (_across(pose, HIPS), _length(shoulders, hips), _length(pose.points[NOSE], ankles))
    if min(*upper, *lower) < LEAST_PIXELS:
        return None
    shoulder_hip, leg_torso, arm_span_height = (a / b for a, b in zip(upper, lower, strict=True))
    confidence = float(np.clip(visible.mean(), 0.0, 1.0))
    return Proportions(shoulder_hip, leg_torso, arm_span_height, confidence)


def pose_of(box: Box, poses: Sequence[Pose]) -> Pose | None:
    """The pose whose nose lies in a face's box, nearest to its middle; None when no pose is this face's.

    The reference takes the only pose it finds for every face of the image; with several people in it, that
    is somebody else's body for all but one.
    """
    half = np.array([box.width, box.height], np.float64) / 2
    middle = np.array([box.x, box.y], np.float64) + half
    reach = half * (1 + 2 * BOX_MARGIN)
    away = [(np.abs(pose.points[NOSE] - middle) / np.maximum(reach, 1e-9)).max() for pose in poses]
    near = [(distance, place) for place, distance in enumerate(away) if distance <= 1.0]
    return poses[min(near)[1]] if near else None


def _middle(pose: Pose, pair: tuple[int, int]) -> Points:
    found: Points = pose.points[list(pair)].mean(axis=0)
    return found


def _across(pose: Pose, pair: tuple[int, int]) -> float:
    return _length(pose.points[pair[0]], pose.points[pair[1]])


def _length(one: Points, other: Points) -> float:
    return float(np.linalg.norm(one - other))
