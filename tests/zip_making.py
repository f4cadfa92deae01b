"""Parts → a zip with any field of any header as one likes; and a zip's bytes → its files, by our rules.

For tests and fuzz targets. `build` writes what no honest writer would.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from facedb_release.archive.contents import LocalArchive, read_contents, read_member
from facedb_release.archive.directory import DEFLATED, DESCRIPTOR, END, END64, ENTRY, LOCAL, LOCATOR64
from facedb_release.profiles import FileSet

DATE = 0x5C52  # 2026-02-18
LOCAL_FIELDS = ("magic", "version", "flags", "method", "time", "date", "crc", "packed", "size", "name_size")
CENTRAL_FIELDS = ("magic", "made_by", *LOCAL_FIELDS[1:], "extra_size", "comment_size", "disk", "internal")
END_FIELDS = ("disk", "first_disk", "here", "entries", "size", "offset")


@dataclass(frozen=True)
class Part:
    """One member; `local` and `central` replace fields of its headers.

    Attributes:
        name: of the member.
        content: unpacked.
        method: 0 or 8; for others the content is stored as it is.
        flags: of both headers.
        local: field → value, of the local header.
        central: field → value, of the directory's entry; also `external` and `offset`.
        local_extra: extra field of the local header.
        central_extra: extra field of the entry.
        local_name: instead of the name.
        after: bytes after the data, such as a descriptor.
        comment: of the entry.
    """

    name: str
    content: bytes = b"{}"
    method: int = 8
    flags: int = 0
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    local_extra: bytes = b""
    central_extra: bytes = b""
    local_name: bytes | None = None
    after: bytes = b""
    comment: bytes = b""

    @property
    def packed(self) -> bytes:
        """The data as they stand in the zip."""
        return deflated(self.content) if self.method == DEFLATED else self.content

    def facts(self) -> dict[str, Any]:
        """The fields that both headers share."""
        return {
            "version": 20,
            "flags": self.flags,
            "method": self.method,
            "time": 0,
            "date": DATE,
            "crc": zlib.crc32(self.content),
            "packed": len(self.packed),
            "size": len(self.content),
        }


def deflated(content: bytes) -> bytes:
    """Deflate without a header, as zips want it."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(content) + squeeze.flush()


def zip64(*values: int) -> bytes:
    """Make a zip64 extra field."""
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def descriptor(part: Part, form: str = "<4s3I") -> bytes:
    """Make the data descriptor of a part, in one of its four forms."""
    facts = (zlib.crc32(part.content), len(part.packed), len(part.content))
    return struct.pack(form, b"PK\7\x08", *facts) if "s" in form else struct.pack(form, *facts)


def record(part: Part) -> bytes:
    """Make a part's local record."""
    name = part.name.encode() if part.local_name is None else part.local_name
    facts = part.facts() | {"magic": b"PK\3\4", "name_size": len(name), "extra_size": len(part.local_extra)}
    facts |= part.local
    head = LOCAL.pack(*(facts[f] for f in (*LOCAL_FIELDS, "extra_size")))
    return head + name + part.local_extra + part.packed + part.after


def entry(part: Part, offset: int) -> bytes:
    """Make a part's entry in the directory."""
    name = part.name.encode()
    facts = part.facts() | {
        "magic": b"PK\1\2",
        "made_by": 3 << 8 | 20,
        "name_size": len(name),
        "extra_size": len(part.central_extra),
        "comment_size": len(part.comment),
        "disk": 0,
        "internal": 0,
        "external": 0o100644 << 16,
        "offset": offset,
    }
    facts |= part.central
    head = ENTRY.pack(*(facts[f] for f in (*CENTRAL_FIELDS, "external", "offset")))
    return head + name + part.central_extra + part.comment


def build(
    parts: Sequence[Part],
    *,
    before: bytes = b"",
    gap: bytes = b"",
    end: Mapping[str, Any] | None = None,
    end64: Mapping[str, Any] | None = None,
    locator: Mapping[str, int] | None = None,
    comment: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """Make a zip.

    Args:
        parts: its members, in this order.
        before: bytes in front of everything.
        gap: bytes between the last record and the directory.
        end: fields that replace those of the end record.
        end64: with it, a zip64 end record stands there, with these fields replaced.
        locator: `disk`, `where` or `disks` of the zip64 locator.
        comment: of the zip.
        behind: bytes after everything.
    """
    body, directory = bytearray(before), bytearray()
    for part in parts:
        directory += entry(part, len(body))
        body += record(part)
    body += gap
    facts = {
        "disk": 0,
        "first_disk": 0,
        "here": len(parts),
        "entries": len(parts),
        "size": len(directory),
        "offset": len(body),
    }
    tail = _tail64(facts, end64, locator or {}) if end64 is not None else b""
    last = facts | dict(end or {})
    tail += END.pack(b"PK\5\6", *(last[f] for f in END_FIELDS), len(comment))
    return bytes(body + directory) + tail + comment + behind


def _tail64(facts: dict[str, int], changes: Mapping[str, Any], locator: Mapping[str, int]) -> bytes:
    """Make the zip64 end record and its locator."""
    where = {"disk": 0, "where": facts["offset"] + facts["size"], "disks": 1} | dict(locator)
    large = {"length": END64.size - 12, "made_by": 45, "version": 45} | facts | dict(changes)
    head = END64.pack(b"PK\6\6", *(large[f] for f in ("length", "made_by", "version", *END_FIELDS)))
    return head + LOCATOR64.pack(b"PK\6\7", where["disk"], where["where"], where["disks"])


class InMemory(LocalArchive):
    """A zip in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end)."""
        return self._data[start:end]


def read_all(data: bytes, files: FileSet) -> dict[str, bytes]:
    """Return the files in a zip, by the rules of facedb_release.archive."""
    archive = InMemory(data)
    return {m.name: read_member(archive, m) for m in read_contents(archive, files).members}


__all__ = [
    "DESCRIPTOR",
    "Part",
    "build",
    "deflated",
    "descriptor",
    "read_all",
    "record",
    "zip64",
]
