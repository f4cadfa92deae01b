"""A data folder that somebody uses, and an import: they keep each other out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from facedb_release.errors import Reason, ReleaseError
from facedb_release.profiles import REQUIRED
from facedb_release.publish.in_use import hold, require_unused
from facedb_release.publish.install import ImportRequest, import_release
from facedb_release.verify.limits import Limits


@pytest.fixture
def newer(good: Path) -> Path:
    """A release to import: which one makes no difference here."""
    return good


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder; what its files hold makes no difference here."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (*REQUIRED, "stash_sense.db"):
        (folder / name).write_text(f"old {name}")
    return folder


def put(release: Path, data: Path, **more: Any) -> None:
    import_release(ImportRequest(release, data, limits=Limits(sample=0)), **more)


OPEN = "f = open(sys.argv[1])"
MAPPED = "f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()"


@pytest.fixture
def reader() -> Iterator[Callable[[str, Path], int]]:
    """Start processes that have a file open, and end them."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, path: Path) -> int:
        code = f"import mmap, sys; {code}; print('ready', flush=True); sys.stdin.read()"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", code, str(path)], **pipes))
        stdout = started[-1].stdout
        assert stdout is not None
        assert stdout.readline() == "ready\n"
        return started[-1].pid

    yield start
    for process in started:
        process.communicate()


@pytest.mark.parametrize("code", [OPEN, MAPPED], ids=["open", "mapped"])
def test_a_folder_whose_files_another_process_has_open_is_left_alone(
    data: Path, newer: Path, reader: Callable[[str, Path], int], code: str
) -> None:
    pid = reader(code, data / "performers.db")
    with pytest.raises(ReleaseError) as refused:
        put(newer, data)

    assert (refused.value.reason, refused.value.file) == (Reason.IN_USE, "performers.db")
    assert str(pid) in refused.value.message
    assert "-c import mmap" in str(refused.value.found)


def test_a_sidecar_and_an_import_keep_each_other_out(data: Path, newer: Path) -> None:
    with hold(data), hold(data):
        with pytest.raises(ReleaseError, match="sidecar"):
            put(newer, data)
        with pytest.raises(ReleaseError, match="sidecar"):
            require_unused(data, REQUIRED)

    def try_to_serve(what: str) -> None:
        with pytest.raises(ReleaseError) as refused, hold(data):
            pass
        assert refused.value.reason is Reason.IN_USE

    put(newer, data, step=try_to_serve)
    require_unused(data, REQUIRED)
    with hold(data):
        pass
