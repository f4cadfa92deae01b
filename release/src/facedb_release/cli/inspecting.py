"""`facedb inspect`: what a release says about itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from facedb_release.cli import options
from facedb_release.cli.answers import Answer, size_text, table
from facedb_release.fetching.elsewhere import is_url, opened
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import PROFILE
from facedb_release.progress import Progress
from facedb_release.publish.inspecting import Inspected, inspect
from facedb_release.publish.reading import Packed, open_readable
from facedb_release.run import Finished, run
from facedb_release.transport import Patience


def inspect_command(
    place: Annotated[str, typer.Argument(metavar="DIR|ZIP|URL", help="A release's folder, zip or URL.")],
    ca_bundle: options.CaOption = None,
    proxy: options.ProxyOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Say what is in a release, without verifying it or unpacking anything large."""
    answer = Answer(as_json=as_json)

    def work(progress: Progress, tally: Tally) -> Finished:
        if is_url(place):
            with opened(place, Patience(), tally, ca_bundle=ca_bundle, proxy=proxy) as archive:
                found = inspect(Packed(archive, PROFILE), PROFILE)
        else:
            found = inspect(open_readable(Path(place), PROFILE), PROFILE)
        answer.details, answer.lines = asdict(found), lines(found)
        return finished(found, place)

    sys.exit(run(work, None, quiet=True, told=answer))


def finished(found: Inspected, place: str) -> Finished:
    """Return the outcome; for other places than a path, too."""
    about = found.manifest
    version = about.get("version")
    size = size_text(sum(f.size for f in found.files.values()))
    counts = f", {about['performer_count']} performers, {about['face_count']} faces" if version else ""
    return Finished(
        reason="Inspected",
        message=f"{place}: {version or 'no readable manifest'}{counts}; "
        f"{len(found.files)} files, {size}; not verified.",
        version=version,
        performer_count=about.get("performer_count"),
        face_count=about.get("face_count"),
    )


def lines(found: Inspected) -> list[str]:
    """Return what people read below the outcome's message."""
    about = found.manifest
    shown = {k: v for k, v in about.items() if k in ("created_at", "sources", "error")}
    return [
        *_pairs(shown),
        *_pairs(about.get("models", {}), "models."),
        f"  signature: {'there (not checked)' if found.signed else 'none'}",
        *_pairs({f"receipt {k}": v for k, v in (found.receipt or {}).items() if v}),
        *(["", *_files(found)] if found.files else []),
        *(["", *_indices(found)] if found.indices else []),
        *(["", *_database(found.database)] if found.database else []),
        *(["", f"  not of a release: {', '.join(found.others)}"] if found.others else []),
    ]


def _files(found: Inspected) -> list[str]:
    return table(
        [
            (name, size_text(f.size), f"{f.method} in {size_text(f.packed or 0)}" if f.method else "")
            for name, f in found.files.items()
        ],
        right=(1,),
    )


def _indices(found: Inspected) -> list[str]:
    return [f"  {name}: {_index(facts)}" for name, facts in found.indices.items()]


def _index(facts: Mapping[str, Any]) -> str:
    if "error" in facts:
        return str(facts["error"])
    numbers = f"{facts['vectors']} vectors of {facts['dimensions']} numbers ({facts['storage']})"
    return f"{numbers}, {facts['space']}, M {facts['links']}"


def _database(facts: Mapping[str, Any]) -> list[str]:
    if "page_size" not in facts:
        return _pairs(facts, "database ")
    rows = ", ".join(f"{n} {count}" for n, count in facts.get("tables", {}).items())
    return [
        f"  database: {facts['pages']} pages of {facts['page_size']} bytes, journal {facts['journal']}"
        + (f", schema {facts['schema_version']}" if facts.get("schema_version") is not None else ""),
        *([f"    {rows}"] if rows else []),
        *([f"    {', '.join(facts['logs'])} beside it; not counted"] if facts.get("logs") else []),
        *([f"    {facts['error']}"] if "error" in facts else []),
    ]


def _pairs(facts: Mapping[str, Any], prefix: str = "") -> list[str]:
    return [
        f"  {prefix}{k}: {', '.join(map(str, v)) if isinstance(v, list | tuple) else v}"
        for k, v in facts.items()
    ]
