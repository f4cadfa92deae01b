"""The JSON maps of a release → how many entries, where the gaps are. Runs in the child (reader.py).

The maps of a large release take hundreds of MB as Python values; only the few numbers below leave the child.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import JsonMap, MapForm
from facedb_release.strictjson import parse_json, shown


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Read all maps of a folder.

    Args:
        question: `folder`; `maps`: file → the fields of its JsonMap; `max_bytes`: file → cap.

    Returns:
        File → `entries` (how many), `runs` (of a list: lengths of what is there and of gaps, in turns, what
        is there first) and `unowned` (how many texts are no key of its owners' map).

    Raises:
        WrongRelease: CountMismatch, when one of them is no map of the form that readers want.
    """
    folder = Path(question["folder"])
    forms = {name: JsonMap(**{**raw, "form": MapForm(raw["form"])}) for name, raw in question["maps"].items()}
    keys: dict[str, frozenset[str]] = {}
    said: dict[str, Any] = {}
    # Objects first, because lists speak of their keys.
    for name, form in sorted(forms.items(), key=lambda item: item[1].form is not MapForm.OBJECT):
        value = _read(folder / name, question["max_bytes"][name], form)
        if isinstance(value, dict):
            keys[name] = frozenset(value)
        owners = keys.get(form.owners or "")
        said[name] = _facts(value, owners)
    return said


def _facts(value: Any, owners: frozenset[str] | None) -> dict[str, Any]:
    """Count; what is there is one run in an object."""
    if isinstance(value, dict):
        return {"entries": len(value), "runs": [len(value)], "unowned": 0}
    runs = [sum(1 for _ in group) for _, group in groupby(value, key=lambda entry: entry is None)]
    first_is_gap = bool(value) and value[0] is None
    unowned = sum(1 for e in value if isinstance(e, str) and e not in owners) if owners is not None else 0
    return {"entries": len(value), "runs": [0, *runs] if first_is_gap else runs, "unowned": unowned}


def _read(path: Path, max_bytes: int, form: JsonMap) -> Any:
    """Read and check one map."""
    try:
        if path.stat().st_size > max_bytes:
            raise ValueError(f"it is larger than {max_bytes} bytes")
        value = parse_json(path.read_bytes(), max_bytes=max_bytes)
        (_check_list if form.form is MapForm.LIST else _check_object)(value, form)
    except ValueError as e:
        raise WrongRelease(
            Reason.COUNT_MISMATCH,
            f"{path.name} is not the map that a sidecar can read: {e}. The release was put together wrongly.",
            file=path.name,
            found=str(e)[:200],
        ) from e
    return value


def _check_list(value: Any, form: JsonMap) -> None:
    if not isinstance(value, list):
        raise ValueError("not a JSON array")
    for at, entry in enumerate(value):
        if entry is None:
            continue
        if form.texts:
            _check_fields(entry, form.texts, f"entry {at}")
        elif not isinstance(entry, str) or not _divides(entry, form.separator):
            wanted = f"a text with {form.separator!r} inside" if form.separator else "a text"
            raise ValueError(f"entry {at} is neither null nor {wanted}: {shown(entry)}")


def _check_object(value: Any, form: JsonMap) -> None:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    for key, entry in value.items():
        if not _divides(key, form.separator):
            raise ValueError(f"the key {key[:80]!r} has no {form.separator!r} inside")
        _check_fields(entry, form.texts, f"the entry of {key[:80]!r}")


def _check_fields(entry: Any, texts: tuple[str, ...], where: str) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no object: {shown(entry)}")
    for field in texts:
        if not isinstance(entry.get(field), str):
            raise ValueError(f"{where} has no text named {field}")


def _divides(text: str, separator: str | None) -> bool:
    """Say whether something stands on each side of the separator."""
    return separator is None or 0 < text.find(separator) < len(text) - len(separator)
