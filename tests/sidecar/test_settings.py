"""Variables of the environment become settings, or an error that names the variable."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.settings import Settings
from facedb_sidecar.values import Values


def test_without_any_variable_a_pod_serves_release_on_a_gpu_and_updates_nothing() -> None:
    settings = Settings.from_env({})
    assert (settings.release_dir, settings.models_dir) == (Path("/release"), Path("/models"))
    assert (settings.device, settings.device_fallback) == ("gpu", "refuse")
    assert settings.updates.backend == "off"
    assert settings.state_dir is None
    assert settings.access.api_key is None


def test_the_references_variables_make_a_sidecar_that_updates_itself() -> None:
    env = {"DATA_DIR": "/data", "STASH_URL": "http://stash:9999/", "STASH_API_KEY": " key "}
    settings = Settings.from_env(env)
    assert settings.updates.backend == "local"
    assert settings.models_dir == Path("/data/models")
    assert settings.state_dir == Path("/data")
    assert settings.stash.url == "http://stash:9999"
    assert settings.stash.api_key == "key"


def test_the_folder_of_one_release_is_served_as_it_is_beside_the_images_data_dir() -> None:
    settings = Settings.from_env({"DATA_DIR": "/data", "FACEDB_RELEASE_DIR": "/release"})
    assert (settings.updates.backend, settings.release_dir) == ("off", Path("/release"))


def test_a_named_database_makes_the_cluster_decide() -> None:
    settings = Settings.from_env({"FACEDB_DATABASE": "media/stash", "DATA_DIR": "/data"})
    assert (settings.updates.backend, settings.updates.database) == ("cluster", "media/stash")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"FACEDB_DEVICE": "cuda"}, "FACEDB_DEVICE is 'cuda'; expected one of gpu, cpu"),
        ({"FACEDB_WAITING_LIMIT": "none"}, "FACEDB_WAITING_LIMIT is 'none'; expected a whole number"),
        ({"FACEDB_WAITING_LIMIT": "0"}, "expected a whole number of at least 1"),
        ({"FACEDB_KEEP": "-1"}, "FACEDB_KEEP is '-1'"),
        ({"STASH_URL": "stash:9999"}, "expected an http or https URL, such as http://stash:9999"),
        ({"FACEDB_STASH_TIMEOUT": "nan"}, "FACEDB_STASH_TIMEOUT is 'nan'; expected a number"),
        ({"FACEDB_SOURCE": "--github 'a"}, "FACEDB_SOURCE cannot be divided into words"),
        ({"FACEDB_UPDATES": "cluster"}, "FACEDB_DATABASE must be NAMESPACE/NAME"),
        ({"FACEDB_UPDATES": "local"}, "DATA_DIR must name the folder"),
        ({"FACEDB_DATABASE": "stash"}, "FACEDB_DATABASE must be NAMESPACE/NAME"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'; expected one of INFO"),
    ],
)
def test_a_variable_that_cannot_be_understood_is_named(env: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        Settings.from_env(env)
    assert said in str(error.value)


def test_words_are_divided_as_a_shell_does_and_by_commas() -> None:
    values = Values({"W": "10.0.0.0/8, *.lan 'two words'"})
    assert values.words("W") == ("10.0.0.0/8", "*.lan", "two words")
    assert values.words("MISSING") == ()


NAMES = st.sampled_from(
    [
        "FACEDB_DEVICE",
        "FACEDB_SEARCH",
        "FACEDB_KEEP",
        "FACEDB_BODY_LIMIT",
        "STASH_URL",
        "FACEDB_STASH_TIMEOUT",
    ]
)


@given(st.dictionaries(NAMES, st.text(string.printable, max_size=12)))
def test_any_environment_gives_settings_or_an_error_with_a_variables_name(env: dict[str, str]) -> None:
    said = outcome(env)
    assert said is None or any(name in said for name in env)


def outcome(env: dict[str, str]) -> str | None:
    """What is wrong, if anything; good settings are within their limits."""
    try:
        settings = Settings.from_env(env)
    except ValueError as error:
        return str(error)
    assert settings.limits.body_bytes >= 1
    assert 0 < settings.stash.timeout_s < float("inf")
    return None
