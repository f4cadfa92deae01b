"""Words of `facedb fetch`, as a setting holds them → the source that they name. For the sidecar.

The command itself reads them, so that a setting and a command line never mean two things.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from facedb_release.cli import options
from facedb_release.cli.fetching import fetch_command
from facedb_release.cli.models import fetch_models_command
from facedb_release.sources.offers import Source
from facedb_release.transport import Patience


@dataclass(frozen=True)
class Named:
    """What the words say: the source and the way to it; fields as in FetchRequest."""

    source: Source
    ca_bundle: Path | None
    proxy: str | None
    patience: Patience


def read_release_words(words: Sequence[str]) -> Named:
    """Read words that name a source of releases, such as `--github OWNER/REPO`.

    Raises:
        ValueError: with what `facedb fetch` would say.
    """

    def read(given: Mapping[str, Any]) -> Named:
        options.digest_of(given["digest"])
        options.policy_of(given["public_key"])
        options.rate_of(given["limit_rate"])
        return _named(given, given["asset_pattern"])

    return _read(fetch_command, [*words, "--into", "x", "--version", "latest"], read)


def read_model_words(words: Sequence[str]) -> Named:
    """Read words that name a source of models; as `facedb fetch-models` would.

    Raises:
        ValueError: with what it would say.
    """
    return _read(fetch_models_command, [*words, "--into", "x"], lambda given: _named(given, "*"))


def _read(
    command: Callable[..., None], words: list[str], read: Callable[[Mapping[str, Any]], Named]
) -> Named:
    app = typer.Typer()
    app.command()(command)
    try:
        return read(get_command(app).make_context("facedb", words).params)
    except TyperException as e:
        raise ValueError(e.format_message()) from e
    except typer.Exit as e:
        raise ValueError("the words ask for help, and name no source") from e


def _named(given: Mapping[str, Any], pattern: str) -> Named:
    return Named(
        source=options.source_of(
            given["github"],
            given["http"],
            given["s3"],
            given["oci"],
            given["folder"],
            api_url=given["api_url"],
            pattern=pattern,
            endpoint=given["s3_endpoint"],
            region=given["s3_region"],
        ),
        ca_bundle=given["ca_bundle"],
        proxy=given["proxy"],
        patience=Patience(stall_seconds=given["stall_after"], attempts=given["attempts"]),
    )
