"""Nobody is asked too often, whatever crashes, jumps or breaks: restarts, clocks, files, read-only disks."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.sources.asset import Available
from facedb_release.sources.checkcache import Answer, CheckCache, Page
from facedb_release.sources.offers import GitHub, Mirrors, available, described
from facedb_release.transport import Patience, Refused, open_client
from facedb_release.version import parse_version
from release_server import ReleaseServer

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=2, wait=lambda _: None)
NAME = "a source"
FOUND = (
    Available(parse_version("2026.10.1"), None, "b.zip", None, None, "u"),
    Available(
        parse_version("2026.9.1"), datetime(2026, 9, 1, tzinfo=UTC), "a.zip", 5, "sha256:" + "0" * 64, "u"
    ),
)


@dataclass
class Asked:
    """A source that counts, and a clock that the test sets."""

    now: float = 1_000_000.0
    times: int = 0
    trouble: Exception | None = None
    known: tuple[Page, ...] = ()
    wait_seconds: float | None = None

    def __call__(self, known: tuple[Page, ...]) -> Answer:
        self.times += 1
        self.known = known
        if self.trouble:
            raise self.trouble
        return Answer(FOUND, (Page("u", '"e"', None, FOUND),), self.wait_seconds)

    def again(self, folder: Path) -> tuple[Available, ...]:
        """Ask as a process does that has just started."""
        return CheckCache(folder, clock=lambda: self.now).through(NAME, self)


def test_a_source_is_asked_once_in_ten_minutes_by_however_many_processes(tmp_path: Path) -> None:
    source = Asked()
    for _ in range(5):
        assert source.again(tmp_path) == FOUND
    source.now += 599
    assert source.again(tmp_path) == FOUND
    assert source.times == 1

    source.now += 1
    assert source.again(tmp_path) == FOUND
    assert source.times == 2
    assert source.known == (Page("u", '"e"', None, FOUND),)


def test_a_process_that_dies_while_it_asks_does_not_ask_again_at_once(tmp_path: Path) -> None:
    source = Asked(trouble=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        source.again(tmp_path)

    for _ in range(3):
        with pytest.raises(SourceTrouble, match="not asked again before") as caught:
            source.again(tmp_path)
    assert source.times == 1
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE

    source.now, source.trouble = source.now + 600, None
    assert source.again(tmp_path) == FOUND


def test_a_process_that_dies_leaves_the_last_good_answer(tmp_path: Path) -> None:
    source = Asked()
    source.again(tmp_path)
    source.now, source.trouble = source.now + 600, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        source.again(tmp_path)

    assert source.again(tmp_path) == FOUND
    assert source.times == 2


@pytest.mark.parametrize(
    ("reason", "retry_after", "seconds"),
    [
        (Reason.SOURCE_UNAVAILABLE, None, 60),
        (Reason.SOURCE_UNAVAILABLE, 120.0, 120),
        (Reason.SOURCE_FORBIDDEN, None, 600),
        (Reason.SOURCE_FORBIDDEN, 3000.0, 3000),
        (Reason.SOURCE_FORBIDDEN, 1e12, 86_400),
        (Reason.VERSION_NOT_FOUND, None, 600),
    ],
)
def test_a_failed_question_is_repeated_when_the_server_may_have_changed_its_mind(
    tmp_path: Path, reason: Reason, retry_after: float | None, seconds: float
) -> None:
    trouble = SourceTrouble(reason, "no")
    trouble.__cause__ = Refused(trouble, retry_after)
    source = Asked(trouble=trouble)
    for later in (0, seconds - 1):
        source.now = 1_000_000.0 + later
        with pytest.raises(SourceTrouble, match="no") as caught:
            source.again(tmp_path)
        assert caught.value.reason is reason
    assert source.times == 1

    source.now, source.trouble = 1_000_000.0 + seconds, None
    assert source.again(tmp_path) == FOUND


def test_a_limit_that_is_used_up_is_waited_for(tmp_path: Path) -> None:
    source = Asked(wait_seconds=1800)
    source.again(tmp_path)
    source.now += 1799
    source.again(tmp_path)
    assert source.times == 1


@pytest.mark.parametrize("jump", [-1.0, -3600.0, -900_000.0])
def test_a_clock_that_is_set_back_does_not_stop_the_questions(tmp_path: Path, jump: float) -> None:
    source = Asked()
    source.again(tmp_path)
    source.now += jump

    assert source.again(tmp_path) == FOUND
    assert source.times == 2
    # And from there on it counts again.
    source.again(tmp_path)
    assert source.times == 2


@given(st.lists(st.floats(-2e3, 2e3), max_size=30))
def test_a_question_is_put_when_ten_minutes_are_over_or_the_last_one_lies_in_the_future(
    steps: list[float],
) -> None:
    source, last = Asked(), None
    cache = CheckCache(Path("/proc/nowhere"), clock=lambda: source.now)
    for step in steps:
        source.now += step
        due = last is None or source.now < last or source.now - last >= 600
        before = source.times

        assert cache.through(NAME, source) == FOUND
        assert (source.times > before) == due
        last = source.now if due else last


def _note(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


@settings(max_examples=25)
@given(data=st.binary(max_size=60))
def test_no_bytes_in_its_file_stop_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder, source = tmp_path_factory.mktemp("cache"), Asked()
    source.again(folder)
    _note(folder).write_bytes(data)

    assert source.again(folder) == FOUND
    assert source.times == 2


@pytest.mark.parametrize(
    "change",
    [
        {"source": "another source"},
        {"asked_at": "soon"},
        {"not_before": 9e18},
        {"found": [{}]},
        {"found": 3},
        {"pages": [1]},
        {"trouble": ["NoSuchReason", "x"]},
        {"trouble": [1]},
    ],
    ids=str,
)
def test_a_file_that_says_the_impossible_says_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    source = Asked()
    source.again(tmp_path)
    path = _note(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    assert source.again(tmp_path) == FOUND
    assert source.times == 2


def test_where_nothing_can_be_written_it_works_from_memory_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "file").write_text("")
    source = Asked()
    cache = CheckCache(tmp_path / "file" / "folder", clock=lambda: source.now)

    for _ in range(3):
        assert cache.through(NAME, source) == FOUND
    assert source.times == 1
    assert caplog.text.count("not remembered on disk") == 1


def test_it_lies_in_the_users_cache_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    CheckCache().through(NAME, Asked())
    assert list((tmp_path / "facedb" / "checks").glob("*.json"))


def test_the_same_source_with_another_token_is_the_same_source(
    server: ReleaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stash-sense-data-v2026.01.01.zip").write_bytes(b"x")
    server.publish(tmp_path / "stash-sense-data-v2026.01.01.zip", tag="v2026.01.01")
    cache, client = CheckCache(tmp_path / "cache"), open_client(PATIENCE)
    source = GitHub("owner/data", server.url)

    first = available(source, client, PATIENCE, cache)
    monkeypatch.setenv("FACEDB_TOKEN", "secret")
    assert available(source, client, PATIENCE, cache) == first
    assert len(server.seen) == 1
    assert "secret" not in _note(tmp_path / "cache").read_text()


def test_no_secret_of_an_address_is_in_the_name_of_its_source() -> None:
    assert "secret" not in described(Mirrors(("https://user:secret@host/a-{version}.zip?key=secret",)))
    assert "host/a-" in described(Mirrors(("https://user:secret@host/a-{version}.zip?key=secret",)))
