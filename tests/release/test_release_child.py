"""The process that reads hostile files: limited for good, and whatever becomes of it is a refusal."""

from __future__ import annotations

import resource

import pytest

from facedb_release.errors import Reason, SourceTrouble, WrongRelease
from facedb_release.verify import child
from facedb_release.verify.child import Leash, ask, end, start

FATES = {
    "SIGSEGV": ("die", "SIGSEGV"),
    "SIGXCPU": ("burn", "SIGXCPU"),
    "memory": ("eat", "memory"),
    "no answer in time": ("hang", "did not end"),
    "an endless answer": ("shout", "no end"),
    "an answer that is none": ("mumble", "cannot be read"),
    "an error of its own": ("err", "ZeroDivisionError"),
}
READER = """
import ctypes, json, os, sys, time
from facedb_release.verify import reader
def act(question):
    match question["fate"]:
        case "die": ctypes.string_at(1)
        case "burn":
            while True: pass
        case "eat": return {"x": len(bytes(1 << 40))}
        case "hang": time.sleep(60)
        case "shout":
            while True: sys.stdout.write("x" * 65536)
        case "mumble": print("well"); sys.exit(0)
        case "err": 1 / 0
        case "killed": os.kill(os.getpid(), 9)
reader.JOBS = {"database": act}
reader.main()
"""


@pytest.mark.parametrize(("fate", "said"), FATES.values(), ids=FATES.keys())
def test_whatever_becomes_of_the_child_is_a_refusal_and_nothing_is_left_of_it(
    fate: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-I", "-c", READER))
    started: list[child.Child] = []

    def noted(job: str) -> child.Child:
        started.append(start(job))
        return started[-1]

    monkeypatch.setattr(child, "start", noted)
    leash = Leash(1.5 if fate == "hang" else 60.0, 1 << 30, cpu_seconds=1 if fate == "burn" else None)

    with pytest.raises(WrongRelease) as caught:
        ask("database", {"fate": fate}, file="x.db", reason=Reason.CORRUPT_DATABASE, leash=leash)

    assert (caught.value.reason, caught.value.file) == (Reason.CORRUPT_DATABASE, "x.db")
    assert said in str(caught.value)
    assert [c.returncode is not None for c in started] == [True]


def test_a_child_that_is_killed_from_outside_says_nothing_about_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-I", "-c", READER))

    leash = Leash(60.0, 1 << 30)

    with pytest.raises(SourceTrouble) as caught:
        ask("database", {"fate": "killed"}, file="x.db", reason=Reason.CORRUPT_DATABASE, leash=leash)

    assert (caught.value.reason, caught.value.permanent) == (Reason.INTERRUPTED, False)
    assert "memory" in caught.value.message


LIMITS = """
import os, resource, json
from facedb_release.verify import reader
def act(question):
    names = ("AS", "CPU", "CORE", "FSIZE", "NOFILE")
    limits = {n: resource.getrlimit(getattr(resource, "RLIMIT_" + n))[1] for n in names}
    return {"limits": limits, "session": os.getsid(0) == os.getpid(), "secret": "TOKEN" in os.environ}
reader.JOBS = {"database": act}
reader.main()
"""


def test_the_child_is_limited_for_good_and_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-I", "-c", LIMITS))
    monkeypatch.setenv("TOKEN", "secret")

    said = ask("database", {}, file="x", reason=Reason.CORRUPT_DATABASE, leash=Leash(9.0, 1 << 30))

    assert (said["session"], said["secret"]) == (True, False)
    assert said["limits"]["AS"] == 1 << 30
    assert (said["limits"]["CORE"], said["limits"]["FSIZE"]) == (0, 0)
    assert said["limits"]["NOFILE"] < 64
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] != 0


def test_a_child_that_was_started_before_answers_and_one_that_died_meanwhile_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-I", "-c", LIMITS))
    leash = Leash(9.0, 1 << 30)
    for died in (False, True):
        early = start("database")
        if died:
            early.kill()
            early.wait()

        said = ask("database", {}, file="x", reason=Reason.CORRUPT_DATABASE, leash=leash, child=early)

        assert said["limits"]["FSIZE"] == 0


def test_a_child_that_is_never_asked_is_ended() -> None:
    early = start("index")

    end(early)

    assert early.returncode is not None
