"""The bytes of patch.json ↔ a PatchList, and what a patch archive may hold. Pure.

Written by publish, read by fetch. Nothing in it is trusted: every file that comes out is compared with its
sha256, and the release as a whole is verified as any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NoReturn

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import MIB, Profile
from facedb_release.receipt import FileRecord
from facedb_release.strictjson import parse_json
from facedb_release.version import Version, parse_version

NAME = "patch.json"
FORMAT = "facedb-patch/v1"
SUFFIX = ".patch"
_SHA256 = re.compile("[0-9a-f]{64}")


class Kind(StrEnum):
    """How the patch archive brings a file."""

    SAME = "same"
    WHOLE = "whole"
    PATCH = "patch"


@dataclass(frozen=True)
class PatchedFile:
    """One file of the new release, and for a patch the sha256 of the file it starts from."""

    record: FileRecord
    kind: Kind
    from_sha256: str | None = None

    @property
    def member(self) -> str | None:
        """The archive's member that brings it, or None for a file that stays."""
        suffixes = {Kind.SAME: None, Kind.WHOLE: "", Kind.PATCH: SUFFIX}
        suffix = suffixes[self.kind]
        return None if suffix is None else self.record.name + suffix


@dataclass(frozen=True)
class PatchList:
    """What patch.json says: from which version to which, and every file of the new one."""

    old: Version
    new: Version
    files: tuple[PatchedFile, ...]


def patch_profile(profile: Profile) -> Profile:
    """Return what a patch archive of this kind of release may hold: what archive.directory.judge asks for."""
    patchable = [n for n in profile.known if n not in always_whole(profile)]
    caps = {n: profile.max_bytes[n] for n in profile.known} | {NAME: MIB}
    caps |= {n + SUFFIX: profile.max_bytes[n] for n in patchable}
    required = (NAME, profile.manifest.name)
    return replace(
        profile,
        required=required,
        optional=tuple(n for n in caps if n not in required),
        max_bytes=caps,
    )


def always_whole(profile: Profile) -> tuple[str, ...]:
    """Return the files that are never patched: everything else is judged by them."""
    return (profile.manifest.name, profile.manifest.signature)


def parse_patch_list(data: bytes, profile: Profile) -> PatchList:
    """Read patch.json strictly.

    Raises:
        WrongRelease: WrongArchive, saying what is wrong; UnsafeArchive for names and sizes out of bounds.
    """
    try:
        raw = parse_json(data, max_bytes=MIB)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        listed = raw.get("files")
        if not isinstance(listed, dict):
            raise ValueError("it lists no files")
        old, new = (parse_version(str(raw.get(key))) for key in ("from", "to"))
        made = PatchList(old, new, tuple(_file(name, facts) for name, facts in listed.items()))
    except ValueError as e:
        raise WrongRelease(
            Reason.WRONG_ARCHIVE,
            f"{NAME} cannot be used: {e}. Take the full release instead.",
            file=NAME,
            found=str(e)[:200],
        ) from e
    _check_files(made, profile)
    return made


def patch_list_bytes(patch: PatchList) -> bytes:
    """Write patch.json; the same list gives the same bytes."""
    files = {
        f.record.name: {
            "size": f.record.size,
            "sha256": f.record.sha256,
            "kind": f.kind.value,
            "from_sha256": f.from_sha256,
        }
        for f in patch.files
    }
    text = {"format": FORMAT, "from": patch.old.text, "to": patch.new.text, "files": files}
    return json.dumps(text, indent=2).encode()


def check_members(patch: PatchList, members: Mapping[str, int]) -> None:
    """Check that the archive holds what patch.json lists, and nothing else.

    Args:
        patch: as parsed.
        members: of the archive, name → size in bytes, unpacked.

    Raises:
        WrongRelease: MissingFile, UnexpectedFile or WrongArchive.
    """
    listed = {f.member: f for f in patch.files if f.member}
    for member, file in listed.items():
        if member not in members:
            _refuse(Reason.MISSING_FILE, f"{NAME} lists {member}, which the archive lacks", member)
        if file.kind is Kind.WHOLE and members[member] != file.record.size:
            _refuse(Reason.WRONG_ARCHIVE, f"{member} has another size than {NAME} says", member)
    for member in members:
        if member not in listed and member != NAME:
            _refuse(Reason.UNEXPECTED_FILE, f"The archive holds {member}, which {NAME} does not list", member)


def _file(name: str, facts: Any) -> PatchedFile:
    if not isinstance(facts, dict):
        raise ValueError(f"{name[:80]} is no object")
    size, sha256, start = facts.get("size"), facts.get("sha256"), facts.get("from_sha256")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{name[:80]} has no size")
    for value in (sha256, start):
        if value is not None and not (isinstance(value, str) and _SHA256.fullmatch(value)):
            raise ValueError(f"{name[:80]} has a sum that is no sha256: {str(value)[:80]!r}")
    if sha256 is None:
        raise ValueError(f"{name[:80]} has no sha256")
    kind = Kind(str(facts.get("kind")))
    if (kind is Kind.PATCH) != (start is not None):
        raise ValueError(f"{name[:80]} is of kind {kind}, which does not go with its from_sha256")
    return PatchedFile(FileRecord(name, size, sha256), kind, start)


def _check_files(patch: PatchList, profile: Profile) -> None:
    """Check the names and sizes; each is then as harmless as in a full archive."""
    for file in patch.files:
        name, size = file.record.name, file.record.size
        if name not in profile.known:
            _refuse(
                Reason.UNEXPECTED_FILE, f"{NAME} lists {name[:80]!r}, which is no file of a release", name
            )
        cap = profile.max_bytes[name]
        if size > cap:
            _refuse(Reason.UNSAFE_ARCHIVE, f"{NAME} lists {name}, which is too large", name, cap, size)
        if name in always_whole(profile) and file.kind is not Kind.WHOLE:
            _refuse(Reason.WRONG_ARCHIVE, f"{NAME} does not bring {name} whole", name)
    total = sum(f.record.size for f in patch.files)
    if total > profile.max_total_bytes:
        _refuse(Reason.UNSAFE_ARCHIVE, f"{NAME} lists too much", NAME, profile.max_total_bytes, total)
    for name in profile.required:
        if name not in {f.record.name for f in patch.files}:
            _refuse(Reason.MISSING_FILE, f"{NAME} lacks {name}, which every release must hold", name)


def _refuse(reason: Reason, what: str, file: str, expected: object = None, found: object = None) -> NoReturn:
    raise WrongRelease(
        reason,
        f"{what}. Take the full release instead.",
        file=file[:80],
        expected=expected,
        found=found,
    )
