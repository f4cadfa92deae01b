"""The diagrams of docs/: the architecture, a rollout, a refused release, a fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docs.svg import PALE, Drawing, Note, Say, sequence

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "diagrams"

FETCH = sequence(
    "A fetch: the archive's directory first, then windows over several connections, checks, the receipt last",
    ["facedb fetch", "source", "folder"],
    [
        Say("facedb fetch", "source", "where is this version?"),
        Say("facedb fetch", "source", "one byte: size, ETag, ranges?"),
        Say("facedb fetch", "source", "last bytes: the zip's directory"),
        Note("facedb fetch", "judge names, sizes, overlaps, ratios"),
        Say("facedb fetch", "source", "manifest.json"),
        Note("facedb fetch", "judge version and pipeline"),
        Say("facedb fetch", "folder", "take unchanged files of --previous"),
        Note("folder", "enough free space for the rest?"),
        Say("facedb fetch", "source", "windows, several connections"),
        Say("facedb fetch", "folder", "two lanes: inflate, hash, write, note how far"),
        Note("facedb fetch", "check each file as soon as it is whole"),
        Note("facedb fetch", "all checks, in their order"),
        Say("facedb fetch", "folder", "files to their places, receipt last"),
    ],
    gap=260,
)

ROLLOUT = sequence(
    "A rollout: fetch and verify, a new pod behind a closed gate, then the gate, then the old pod drains",
    ["you", "operator", "fetch Job", "new pod", "Service", "old pod"],
    [
        Say("you", "operator", "spec.version: new"),
        Say("operator", "fetch Job", "a volume, a Job"),
        Note("fetch Job", "download, unpack, verify; receipt last"),
        Say("fetch Job", "operator", "verdict"),
        Say("operator", "new pod", "a Deployment; gate closed"),
        Note("new pod", "load, warm up, find own faces"),
        Say("operator", "new pod", "GET /ready: version, digest?"),
        Note("operator", "checks before traffic"),
        Say("operator", "new pod", "gate facedb.dev/serving: True"),
        Say("new pod", "Service", "in the endpoints"),
        Say("operator", "old pod", "gate: False, but only now"),
        Say("old pod", "Service", "out of the endpoints"),
        Note("old pod", "drain: answers on, asks clients to connect anew"),
        Say("operator", "old pod", "scaled down"),
        Note("operator", "bake; then the new release is the last good one"),
    ],
    gap=176,
)

REFUSED = sequence(
    "A release that is refused: the old pod serves on, nothing is retried by itself",
    ["you", "operator", "fetch Job", "old pod"],
    [
        Say("you", "operator", "spec.version: damaged"),
        Say("operator", "fetch Job", "a volume, a Job"),
        Note("fetch Job", "sha256 of an index differs"),
        Say("fetch Job", "operator", "WrongChecksum, the file, both hashes"),
        Note("operator", "remembered in status.bad; the volume goes"),
        Note("old pod", "its gate was never touched: it serves on"),
        Say("operator", "you", "Ready=False, Stalled=True: RolledBack"),
        Say("you", "operator", "another version, or a retry token"),
    ],
    gap=210,
)


@dataclass(frozen=True)
class Box:
    """A part of the architecture, at a place."""

    x: int
    y: int
    w: int
    words: str
    fill: str = PALE


_BOXES: Mapping[str, Box] = {
    "you": Box(20, 20, 210, "kubectl, Argo CD, Flux\nkubectl facedb"),
    "api": Box(320, 20, 220, "API server\nFaceDatabase: spec, status", "#e0e7ff"),
    "operator": Box(640, 20, 220, "operator\nobserve → plan → act → status", "#ccfbf1"),
    "source": Box(20, 170, 210, "source of releases\nGitHub, HTTP, S3, OCI, volume"),
    "job": Box(320, 170, 220, "fetch Job: facedb fetch\ndownload, verify, receipt", "#ccfbf1"),
    "volumes": Box(640, 170, 220, "volumes\nrelease, models, users' state"),
    "client": Box(20, 320, 210, "Stash and its plugin\nhttp://NAME:5000"),
    "service": Box(320, 320, 220, "Service\nendpoints = open gates"),
    "pods": Box(640, 320, 220, "sidecar pods\na Deployment for each release", "#ccfbf1"),
}
_HEIGHT = 58


def architecture() -> str:
    """Return the parts, and who talks to whom."""
    sheet = Drawing("Who talks to whom: users, API server, operator, fetch Job, volumes, pods, Service", 880)
    for box in _BOXES.values():
        sheet.box(box.x, box.y, box.w, _HEIGHT, box.fill)
        for row, words in enumerate(box.words.split("\n")):
            sheet.text(box.x + box.w / 2, box.y + 24 + 20 * row, words, weight=400 if row else 600)
    for one, other, words in _across():
        a, b = _BOXES[one], _BOXES[other]
        start, end = (a.x + a.w, b.x) if a.x < b.x else (a.x, b.x + b.w)
        sheet.line(start, a.y + 29, end, a.y + 29, head=True)
        sheet.text((start + end) / 2, a.y + 21, words)
    sheet.line(430, 78, 430, 170, head=True)
    sheet.text(440, 128, "what the operator applied: Jobs, volumes, Deployments, gates", anchor="start")
    sheet.line(750, 320, 750, 228, head=True)
    sheet.text(760, 280, "mount", anchor="start")
    return sheet.svg(400)


def _across() -> Sequence[tuple[str, str, str]]:
    return (
        ("you", "api", "spec, verbs"),
        ("operator", "api", "watch, apply"),
        ("job", "source", "HTTPS"),
        ("job", "volumes", "writes once"),
        ("client", "service", "HTTP"),
        ("service", "pods", "gate open"),
    )


def drawings() -> Mapping[Path, str]:
    """Return every diagram by its file."""
    made = {"architecture": architecture(), "fetch": FETCH, "rollout": ROLLOUT, "refused": REFUSED}
    return {FOLDER / f"{name}.svg": text for name, text in made.items()}
