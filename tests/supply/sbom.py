"""`python -m supply.sbom FOLDER`: a CycloneDX bill of materials of the Python packages of each image.

What Debian adds to an image is told by syft, in the release workflow: it reads the finished image.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .locked import IMAGES, ROOT, requirements, tool


def sbom(image: str) -> str:
    """The image's bill of materials as CycloneDX JSON; the same lock gives the same bytes.

    Raises:
        RuntimeError: the tool failed; with its words.
    """
    # The tool would hold its own work against the schema for ten seconds.
    words = ("requirements", "-", "--output-reproducible", "--of", "JSON", "--no-validate")
    pyproject = str(ROOT / image / "pyproject.toml")
    done = tool("cyclonedx-py", *words, "--pyproject", pyproject, given=requirements(image))
    if done.returncode:
        raise RuntimeError(f"cyclonedx-py: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Write one file for each image."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        target = folder / f"facedb-{image}.cdx.json"
        target.write_text(sbom(image))
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
