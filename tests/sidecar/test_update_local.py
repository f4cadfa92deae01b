"""The local backend at its work: checks, updates, one at a time, while the old release serves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import InProgress, UpToDate
from facedb_sidecar.updater.machine import Status
from updating import (
    NEW,
    OLD,
    Gate,
    Published,
    Running,
    data_of,
    held,
    light_load,
    play,
    pointed,
    serves,
    with_updates,
)


def test_without_any_release_the_sidecar_says_so_and_an_update_installs_one(
    settings: Settings, source: Published
) -> None:
    source.publish(NEW)

    async def story(run: Running) -> None:
        assert (run.serving.trouble.reason, run.version) == ("NoRelease", None)
        found = await run.local.check()
        assert (found.current_version, found.latest_version, found.update_available) == (None, NEW, True)
        assert found.error is None
        said = await run.update()
        assert (said.status, said.progress_pct, said.current_version) == (Status.COMPLETE, 100, NEW)
        assert (run.version, pointed(settings)) == (NEW, NEW)

    play(settings, story)


def test_a_check_has_the_contracts_fields(installed: Settings, source: Published) -> None:
    size = source.archives[NEW].stat().st_size

    async def story(run: Running) -> None:
        found = await run.local.check()
        assert (found.current_version, found.latest_version, found.update_available) == (OLD, NEW, True)
        assert found.release_name == f"Release v{NEW}"
        assert found.download_url is not None
        assert found.download_url.endswith(f"v{NEW}.zip")
        assert found.download_size_mb == round(size / 1e6)
        assert found.published_at is not None
        assert found.published_at.endswith("Z")
        assert found.error is None

    play(installed, story)


def test_checks_ask_the_source_once_also_after_a_restart(installed: Settings, source: Published) -> None:
    async def story(run: Running) -> None:
        await run.local.check()
        asked = len(source.server.seen)
        await run.local.check()
        assert len(source.server.seen) == asked

    play(installed, story)
    asked = len(source.server.seen)
    play(installed, story)
    assert len(source.server.seen) == asked


def test_versions_are_compared_as_the_calendar_has_them(installed: Settings, source: Published) -> None:
    source.withdraw(NEW)
    source.publish("2026.2.3", source.archives[NEW])

    async def story(run: Running) -> None:
        assert not (await run.local.check()).update_available
        with pytest.raises(UpToDate, match="Already on latest version"):
            await run.local.start()

    play(installed, story)


def test_an_update_takes_over_while_the_old_release_serves(installed: Settings) -> None:
    gate = Gate()

    async def story(run: Running) -> None:
        await run.local.start()
        await asyncio.to_thread(gate.reached.wait, 30)
        during = await run.local.status()
        assert (run.version, during.status, during.progress_pct) == (OLD, Status.RELOADING, 90)
        assert (during.current_version, during.target_version) == (OLD, NEW)
        assert not run.serving.updating
        gate.opened.set()
        assert (await run.until_over()).status is Status.COMPLETE
        assert (run.version, pointed(installed)) == (NEW, NEW)

    play(installed, story, load=held(gate, NEW))
    play(installed, serves(NEW))


def test_a_second_request_is_refused_while_one_runs(installed: Settings) -> None:
    async def story(run: Running) -> None:
        answers = await asyncio.gather(
            run.local.start(), run.local.start(), run.local.start(), return_exceptions=True
        )
        assert [type(a) for a in answers] == [str, InProgress, InProgress]
        assert str(answers[1]) == "Update already in progress"
        assert (await run.until_over()).status is Status.COMPLETE
        with pytest.raises(UpToDate):
            await run.local.start()

    play(installed, story)


def test_where_memory_allows_one_engine_requests_are_sent_away_meanwhile(installed: Settings) -> None:
    seen: list[bool] = []

    async def story(run: Running) -> None:
        def load(folder: Path) -> object:
            seen.append(run.serving.updating and run.serving.engine is None)
            return light_load(folder)

        run.local._load = load  # type: ignore[assignment]
        assert (await run.update()).status is Status.COMPLETE
        assert (run.version, run.serving.updating) == (NEW, False)

    play(with_updates(installed, memory="one"), story)
    assert seen == [True]


def test_the_token_reaches_the_source_and_no_command_line(
    settings: Settings, source: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.publish(NEW)
    source.server.faults.token = "secret"
    monkeypatch.setenv("FACEDB_TOKEN", "secret")

    async def story(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE

    play(with_updates(settings, token="secret"), story)
    assert "secret" not in json.dumps([p.read_text() for p in data_of(settings).glob(".facedb-*.json")])
