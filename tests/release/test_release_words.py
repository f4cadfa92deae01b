"""A setting's words name the same source as those of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb_release.cli.words import read_model_words, read_release_words
from facedb_release.sources.offers import Folder, GitHub, Mirrors


def test_words_name_a_source_and_the_way_to_it() -> None:
    words = ["--http", "https://a/{version}.zip", "--http", "https://b/{version}.zip", "--stall-after", "2"]

    named = read_release_words([*words, "--ca-bundle", "/ca.pem"])

    assert named.source == Mirrors(("https://a/{version}.zip", "https://b/{version}.zip"))
    assert (named.ca_bundle, named.proxy, named.patience.stall_seconds) == (Path("/ca.pem"), None, 2.0)


def test_a_repository_is_enough() -> None:
    assert read_release_words(["--github", "owner/data"]).source == GitHub("owner/data")
    assert read_model_words(["--folder", "/mnt/models"]).source == Folder(Path("/mnt/models"), "*")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--githb", "a/b"], "--githb"),
        (["--github", "ab"], "OWNER/REPO"),
        ([], "exactly one"),
        (["--github", "a/b", "--folder", "/x"], "exactly one"),
        (["--github", "a/b", "--digest", "abc"], "sha256:"),
        (["--github", "a/b", "--connections", "99"], "connections"),
        (["--github", "a/b", "--limit-rate", "fast"], "20M"),
        (["stray"], "stray"),
        (["--help"], "ask for help"),
    ],
    ids=str,
)
def test_words_that_name_no_source_are_refused_as_the_command_would(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_release_words(words)
