"""`facedb diff`: what differs between two releases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from facedb_release.cli.answers import Answer, size_text, table
from facedb_release.errors import WrongRelease
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import PROFILE
from facedb_release.progress import Progress
from facedb_release.publish.diff import Difference, Fate, Moves, diff
from facedb_release.publish.images import image_moves
from facedb_release.publish.reading import Folder, Packed, as_file, open_readable
from facedb_release.publish.summary import summarise
from facedb_release.run import Finished, run

MOST_NAMES = 8
T = TypeVar("T")


def diff_command(
    old: Annotated[Path, typer.Argument(metavar="A", help="A release's zip or folder.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Another one's.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as one JSON object.")] = False,
) -> None:
    """Say what differs between two releases; sums that a manifest lists are believed, see verify."""
    answer = Answer(as_json=as_json)

    def work(progress: Progress, _: Tally) -> Finished:
        found, warnings = compare(old, new)
        answer.details, answer.lines = _details(found), _lines(found)
        return _finished(found, warnings)

    sys.exit(run(work, None, quiet=True, told=answer))


def compare(old: Path, new: Path) -> tuple[Difference, tuple[str, ...]]:
    """Compare two releases; return the difference and what could not be compared.

    Raises:
        ReleaseError: when one of them cannot be read.
    """
    before, after = open_readable(old, PROFILE), open_readable(new, PROFILE)
    summaries = summarise(before, PROFILE), summarise(after, PROFILE)
    if summaries[0].files.get("performers.db") == summaries[1].files.get("performers.db"):
        return diff(*summaries, images={}), ()
    try:
        return diff(*summaries, images=_images(before, after)), ()
    except WrongRelease as e:
        return diff(*summaries), (f"faces are compared by their numbers alone: {e.message}",)


def _images(before: Folder | Packed, after: Folder | Packed) -> Mapping[str, Moves]:
    with as_file(before, "performers.db") as a, as_file(after, "performers.db") as b:
        return image_moves(a, b)


def _finished(found: Difference, warnings: tuple[str, ...]) -> Finished:
    a, b = found.version
    came, went = found.faces_total
    message = (
        f"{a} and {b} hold the same files."
        if found.same
        else f"{a} → {b}: performers +{len(found.added)} -{len(found.removed)}, faces +{came} -{went}."
    )
    return Finished("Same" if found.same else "Different", message, version=b, warnings=warnings)


def _details(found: Difference) -> dict[str, Any]:
    raw: dict[str, Any] = asdict(found)
    raw["versions"] = raw.pop("version")._asdict()
    for key in ("performer_count", "face_count"):
        raw[f"{key}s"] = raw.pop(key)._asdict()
    plain: dict[str, Any] = _plain(raw)
    return plain | {"faces_total": found.faces_total._asdict()}


def _plain(value: Any) -> Any:
    """Turn named tuples into objects."""
    if hasattr(value, "_asdict"):
        return {k: _plain(v) for k, v in value._asdict().items()}
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _lines(found: Difference) -> list[str]:
    if found.same:
        return []
    counts = [
        ("performers", str(found.performer_count.old), "→", str(found.performer_count.new)),
        ("faces", str(found.face_count.old), "→", str(found.face_count.new)),
        ("gaps", str(found.gaps.old), "→", str(found.gaps.new)),
    ]
    return [*table(counts, right=(1, 3)), "", *_files(found), *_values(found), *_people(found)]


def _files(found: Difference) -> list[str]:
    def size(size_bytes: int | None) -> str:
        return "" if size_bytes is None else size_text(size_bytes)

    return table(
        [
            (f.name, f.fate.value, size(f.old_size), "" if f.fate is Fate.SAME else "→ " + size(f.new_size))
            for f in found.files
        ],
        right=(2,),
    )


def _values(found: Difference) -> list[str]:
    lines = [
        f"  {name}: {key} {a} → {b}" for name, keys in found.indices.items() for key, (a, b) in keys.items()
    ]
    lines += [f"  models.{key}: {a} → {b}" for key, (a, b) in found.models.items()]
    if found.sources.old != found.sources.new:
        lines.append(f"  sources: {', '.join(found.sources.old)} → {', '.join(found.sources.new)}")
    return ["", *lines] if lines else []


def _people(found: Difference) -> list[str]:
    moved = sorted(found.faces.items(), key=lambda kv: (-sum(kv[1]), kv[0]))
    names = found.names
    parts = (
        _some("performers added", found.added.values(), str),
        _some("performers removed", found.removed.values(), str),
        _some("performers renamed", found.renamed.values(), lambda p: f"{p.old} → {p.new}"),
        _some("performers changed", found.changed.items(), lambda kv: f"{names[kv[0]]} ({', '.join(kv[1])})"),
        _some(
            f"people with other faces (by {found.faces_by})",
            moved,
            lambda kv: f"{names.get(kv[0], kv[0])} +{kv[1].added} -{kv[1].removed}",
        ),
    )
    lines = [line for part in parts for line in part]
    return ["", *lines] if lines else []


def _some(title: str, items: Iterable[T], shown: Callable[[T], str]) -> list[str]:
    """Return a line with the first few, and how many more there are."""
    every = list(items)
    if not every:
        return []
    more = f", and {len(every) - MOST_NAMES} more" if len(every) > MOST_NAMES else ""
    return [f"  {title}, {len(every)}: {', '.join(shown(i) for i in every[:MOST_NAMES])}{more}"]
