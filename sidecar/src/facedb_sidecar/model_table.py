"""Which model files there are, and what each is for: the built-in table, and what a user's own list changes.

Sizes and hashes only. Weights come from their publishers, at the user's wish; several of them are licensed
for non-commercial research only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from facedb_release.fetching.modelfiles import Model, ModelFile, parse_models

FACES, TATTOOS, BODIES = "face_recognition", "tattoo_detection", "body_proportions"
OWN_LIST = "models.json"

_INSIGHTFACE = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_sc.zip"
_MEDIAPIPE = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_lite/float16/1/"
    "pose_landmarker_lite.task"
)

# The first four: the reference's models.json. For the others nobody publishes a hash; these are of what many
# public projects have pinned after fetching it from the same addresses.
BUILT_IN = (
    Model(
        "facenet512",
        ModelFile(
            "facenet512.onnx", 93_985_006, "4b6fcd19d0355d532d25007989d62cdfb5f86d761e52c6287aac9d821011a9e6"
        ),
        FACES,
        "FaceNet512 face embeddings",
    ),
    Model(
        "arcface",
        ModelFile(
            "arcface.onnx", 136_564_309, "2eff37a187485caef7ffb3bbb3a542132d195bbdc02e071f20e80614477b735c"
        ),
        FACES,
        "ArcFace face embeddings",
    ),
    Model(
        "tattoo_yolov5s",
        ModelFile(
            "tattoo_yolov5s.onnx",
            83_882_182,
            "91ad9d010d8f0d09847db2bc3769b854ec67366a5755b29fd152dc975361692b",
        ),
        TATTOOS,
        "Finds tattoos (optional)",
    ),
    Model(
        "tattoo_efficientnet_b0",
        ModelFile(
            "tattoo_efficientnet_b0.onnx",
            16_019_984,
            "55c58c908dd674a77e0d90d00aeae738ad649d19c77c30214cbfe121ea75c099",
        ),
        TATTOOS,
        "Tattoo embeddings (optional)",
    ),
    Model(
        "det_500m",
        ModelFile(
            "det_500m.onnx",
            2_524_817,
            "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
            url=_INSIGHTFACE,
            member="det_500m.onnx",
        ),
        FACES,
        "Finds faces (InsightFace buffalo_sc)",
    ),
    Model(
        "pose_landmarker_lite",
        ModelFile(
            "pose_landmarker_lite.task",
            5_777_746,
            "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
            url=_MEDIAPIPE,
        ),
        BODIES,
        "Finds bodies (MediaPipe, optional)",
    ),
)

log = logging.getLogger(__name__)


def read_table(folder: Path, manifest: Path | None) -> Mapping[str, Model]:
    """The models by name: built-in ones, then `models.json` of the models folder, then the user's manifest.

    A list that cannot be read changes nothing, and is named in the log.
    """
    table = {model.name: model for model in BUILT_IN}
    for path in (folder / OWN_LIST, manifest):
        if path is not None:
            table |= {model.name: model for model in _listed(path, wanted=path == manifest)}
    return table


def _listed(path: Path, *, wanted: bool) -> tuple[Model, ...]:
    try:
        return parse_models(path.read_bytes())
    except FileNotFoundError:
        if wanted:
            log.error("The list of models %s does not exist; the built-in one counts", path)
    except (OSError, ValueError) as error:
        log.error("The list of models %s is not used: %s", path, error)
    return ()
