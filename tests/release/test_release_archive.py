"""Whatever a zip's directory says, it is either the plain form we take or a refusal; never another error."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.archive.contents import Contents, LocalArchive, read_contents
from facedb_release.archive.directory import ENTRY, Member
from facedb_release.errors import Reason, ReleaseError, WrongRelease
from facedb_release.fetching.journal import Journal
from facedb_release.fetching.unpack import Unpacked, Unpacking, unpack
from facedb_release.profiles import PROFILE, Profile

FILES = {name: f"content of {name}\n".encode() * 40 for name in PROFILE.required}
Made = Callable[[zipfile.ZipFile], None]


def zipped(*, more: Made | None = None, files: dict[str, bytes] = FILES, method: int = 8) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as z:
        warnings.simplefilter("ignore")
        for name, content in files.items():
            z.writestr(name, content)
        if more:
            more(z)
    return out.getvalue()


class Bytes(LocalArchive):
    """An archive in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, start: int, end: int) -> bytes:
        return self.data[start:end]

    def stream(self):  # type: ignore[no-untyped-def]
        yield from (self.data[i : i + 700] for i in range(0, len(self.data), 700))


def judged(data: bytes, profile: Profile = PROFILE) -> Contents:
    return read_contents(Bytes(data), profile)


def unpacked(data: bytes, folder: Path) -> Unpacked:
    contents = judged(data)
    order = tuple(m.name for m in contents.members)
    return unpack(Bytes(data), contents, Unpacking(folder, order, Journal(None), hashed=True))


def refusal(data: bytes, profile: Profile = PROFILE) -> Reason:
    with pytest.raises(WrongRelease) as caught:
        judged(data, profile)
    return caught.value.reason


def entry(name: str, content: bytes = b"x", **facts: object) -> Made:
    """A member with unusual facts in its header."""

    def write(z: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        info.compress_type = zipfile.ZIP_DEFLATED
        for key, value in facts.items():
            setattr(info, key, value)
        z.writestr(info, content)

    return write


def directory_edit(data: bytes, name: str, offset: int, form: str, value: int) -> bytes:
    """Change one field of a member's central entry."""
    at = data.rindex(name.encode()) - ENTRY.size
    return data[: at + offset] + struct.pack(form, value) + data[at + offset + struct.calcsize(form) :]


@pytest.mark.parametrize("method", [0, 8], ids=["stored", "deflated"])
def test_a_plain_archive_unpacks_to_its_files_and_its_own_digest(method: int, tmp_path: Path) -> None:
    import hashlib

    data = zipped(method=method)
    made = unpacked(data, tmp_path)

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == FILES
    assert made.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert {f.name: f.sha256 for f in made.files} == {
        n: hashlib.sha256(c).hexdigest() for n, c in FILES.items()
    }


def test_an_archive_written_to_a_pipe_with_data_descriptors_unpacks_too(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, b: object) -> int:
            self.data += bytes(b)  # type: ignore[call-overload]
            return len(bytes(b))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", 8) as z:  # type: ignore[arg-type]
        for name, content in FILES.items():
            z.writestr(name, content)
    unpacked(pipe.data, tmp_path)

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == FILES


def test_zip64_fields_are_understood_where_they_agree(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", 8) as z:
        for name, content in FILES.items():
            with z.open(name, "w", force_zip64=True) as f:
                f.write(content)
    unpacked(out.getvalue(), tmp_path)

    assert (tmp_path / "faces.json").read_bytes() == FILES["faces.json"]


def symlink(z: zipfile.ZipFile) -> None:
    entry("face_adaface.voy", b"/etc/passwd", external_attr=0o120777 << 16, create_system=3)(z)


def comment(z: zipfile.ZipFile) -> None:
    z.comment = b"PK\5\6" + bytes(18)


UNSAFE: dict[str, bytes] = {
    "a path upwards": zipped(more=entry("../../x")),
    "an absolute path": zipped(more=entry("/etc/x")),
    "a backslash": zipped(more=entry("a\\x")),
    "a folder": zipped(more=entry("sub/")),
    "a drive": zipped(more=entry("C:x")),
    "a symlink": zipped(more=symlink),
    "the same name twice": zipped(more=entry("faces.json")),
    "a comment": zipped(more=comment),
    "bytes in front": b"MZ" + zipped(),
    "bytes behind": zipped() + b"x",
    "not ASCII": zipped(more=entry("fäces.json")),
    "a bomb": zipped(more=entry("face_adaface.voy", bytes(8 << 20))),
    "another method": zipped(more=entry("face_adaface.voy", b"x" * 99, compress_type=zipfile.ZIP_BZIP2)),
    "encrypted": directory_edit(zipped(), "faces.json", 8, "<H", 1),
    "overlapping members": directory_edit(zipped(), "faces.json", 42, "<I", 0),
    "a lie about the packed size": directory_edit(zipped(), "faces.json", 20, "<I", 1 << 20),
    "a file that is too large": directory_edit(zipped(), "manifest.json", 24, "<I", 2 << 20),
    "very many entries": zipped(files={f"{i}": b"" for i in range(60)}),
}


@pytest.mark.parametrize("data", UNSAFE.values(), ids=UNSAFE.keys())
def test_an_archive_about_which_readers_could_disagree_is_refused_before_unpacking(data: bytes) -> None:
    assert refusal(data) is Reason.UNSAFE_ARCHIVE


@pytest.mark.parametrize("name", ["stash_sense.db", "run.sh", "Faces.json", "performers.db-wal"])
def test_a_plain_file_that_belongs_to_no_release_is_refused_by_name(name: str) -> None:
    assert refusal(zipped(more=entry(name))) is Reason.UNEXPECTED_FILE


def test_an_archive_without_a_required_file_is_refused_by_name() -> None:
    assert refusal(zipped(files={n: c for n, c in FILES.items() if n != "faces.json"})) is Reason.MISSING_FILE


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"<html>" * 99, zipped()[:-30]], ids=["empty", "PK", "HTML", "cut"]
)
def test_what_is_no_whole_zip_is_a_wrong_archive(data: bytes) -> None:
    assert refusal(data) in (Reason.WRONG_ARCHIVE, Reason.UNSAFE_ARCHIVE)


LOCAL_EDITS = {
    "another local name": lambda d: d.replace(b"faces.json", b"fAces.json", 1),
    "another local method": lambda d: d[:8] + b"\0\0" + d[10:],
    "another local CRC": lambda d: d[:14] + b"\1\2\3\4" + d[18:],
    "another local size": lambda d: d[:22] + b"\1\0\0\0" + d[26:],
}


@pytest.mark.parametrize("edit", LOCAL_EDITS.values(), ids=LOCAL_EDITS.keys())
def test_a_local_header_that_differs_from_the_directory_is_refused(
    edit: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    with pytest.raises(WrongRelease) as caught:
        unpacked(edit(zipped()), tmp_path)

    assert caught.value.reason is Reason.UNSAFE_ARCHIVE


def test_a_flipped_bit_in_stored_data_is_found_by_the_crc(tmp_path: Path) -> None:
    data = bytearray(zipped(method=0))
    data[200] ^= 1

    with pytest.raises(WrongRelease) as caught:
        unpacked(bytes(data), tmp_path)
    assert (caught.value.reason, caught.value.file) == (Reason.WRONG_CHECKSUM, "performers.db")


def test_the_sizes_of_all_files_together_are_capped() -> None:
    assert refusal(zipped(), replace(PROFILE, max_total_bytes=1000)) is Reason.UNSAFE_ARCHIVE


@settings(max_examples=300)
@given(
    method=st.sampled_from([0, 8]),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    tail_only=st.booleans(),
)
def test_no_change_to_an_archive_raises_anything_but_a_refusal(
    method: int, edits: list[tuple[float, int]], tail_only: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(zipped(method=method))
    start = data.rindex(b"PK\1\2") if tail_only else 0
    for where, value in edits:
        data[start + int(where * (len(data) - start))] = value
    folder = tmp_path_factory.mktemp("mutated")

    try:
        unpacked(bytes(data), folder)
    except ReleaseError:
        return
    # A change that got through changed nothing that matters: times, versions, attributes.
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == FILES


@settings(max_examples=200)
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_at_all_raise_anything_but_a_refusal(data: bytes, ended: bool) -> None:
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(data), 0, 0) if ended else b""

    with pytest.raises(ReleaseError):
        judged(data + end)


def test_members_come_in_the_order_of_their_bytes() -> None:
    offsets = [m.offset for m in judged(zipped()).members]

    assert offsets == sorted(offsets)
    assert isinstance(judged(zipped()).members[0], Member)
