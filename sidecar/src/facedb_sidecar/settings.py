"""The process's settings: one frozen value, read once from the environment.

What a user changes while the sidecar runs, on the plugin's settings page, is in ``state.preferences``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facedb_sidecar.values import Values

DEVICES = ("gpu", "cpu")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one process takes on.

    Attributes:
        waiting: ``/identify*`` requests in the house, the running one included; past it the answer is 503
            with Retry-After.
        waiting_bytes: of all their bodies together; past it too.
        body_bytes: of a request.
        body_seconds: until a request's body has come; past it the answer is 408.
        image_bytes: of an image that is fetched.
        image_pixels: of an image that is decoded.
    """

    waiting: int = 16
    waiting_bytes: int = 192 * MIB
    body_bytes: int = 48 * MIB
    body_seconds: float = 30.0
    image_bytes: int = 32 * MIB
    image_pixels: int = 50_000_000


@dataclass(frozen=True)
class Access:
    """Who may ask, and what this process may ask for others.

    Attributes:
        api_key: clients must send it (``Authorization: Bearer`` or ``ApiKey``); None asks for none.
        origins: of pages that browsers let read the answers; ``*`` is all of them.
        fetch_allow: host names, ``*.suffixes``, networks, or ``*``, that ``image_url`` may name beyond public
            ones and the Stash.
        fetch_deny: those it may not name, whatever else allows them.
    """

    api_key: str | None = None
    origins: tuple[str, ...] = ("*",)
    fetch_allow: tuple[str, ...] = ()
    fetch_deny: tuple[str, ...] = ()


@dataclass(frozen=True)
class StashSettings:
    """The Stash beside this sidecar; without a URL, what needs it says so."""

    url: str | None = None
    api_key: str | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True)
class UpdateSettings:
    """How this sidecar gets another release.

    Attributes:
        backend: ``local`` (fetch it here), ``cluster`` (a FaceDatabase says), ``off``.
        database: ``NAMESPACE/NAME`` of the FaceDatabase, for cluster.
        source: words of ``facedb fetch`` that name the source, such as ``--github OWNER/REPO``.
        model_source: words of ``facedb fetch-models`` that name the models' source.
        token: for GitHub or a registry.
        keep: releases on the disk, the serving one included.
        memory: ``auto``, ``two`` (the new release is loaded beside the old one) or ``one`` (the old one is
            unloaded first, and requests meanwhile get 503).
        install: fetch the newest release at start when there is none.
        models_manifest: JSON list of models, in front of the built-in one; see model_table.
    """

    backend: str = "off"
    database: str | None = None
    source: tuple[str, ...] = ("--github", "carrotwaxr/stash-sense-data")
    model_source: tuple[str, ...] = ("--github", "carrotwaxr/stash-sense")
    token: str | None = None
    keep: int = 2
    memory: str = "auto"
    install: bool = False
    models_manifest: Path | None = None


@dataclass(frozen=True)
class Settings:
    """How this process serves.

    Attributes:
        release_dir: a folder that ``facedb fetch`` filled; the local backend has its own under ``data_dir``.
        models_dir: a folder with the ONNX files.
        device: ``gpu`` or ``cpu``.
        draining_file: while it exists, every reply asks its client to close the connection.
        device_fallback: ``refuse``: not ready when the GPU was asked for and not got; ``warn``: serve on CPU.
        search: how the indices are asked: ``parity``, ``wide`` or ``exact``; see engine.index.
        data_dir: where the local backend keeps releases; also a folder of the reference sidecar.
        state_dir: where ``stash_sense.db`` lives; None keeps state in memory.
        limits: what one process takes on.
        access: who may ask.
        stash: the Stash beside it.
        updates: how it gets another release.
        log_level: of the standard logging.
    """

    release_dir: Path
    models_dir: Path
    device: str
    draining_file: Path
    device_fallback: str = "refuse"
    search: str = "wide"
    data_dir: Path | None = None
    state_dir: Path | None = None
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    stash: StashSettings = field(default_factory=StashSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read ``FACEDB_*``, and the reference's ``STASH_URL``, ``STASH_API_KEY``, ``DATA_DIR``.

        Raises:
            ValueError: a variable that cannot be understood, by name, with what was expected.
        """
        values = Values(env)
        data_dir = values.path("DATA_DIR")
        models = values.path("FACEDB_MODELS_DIR") or (data_dir / "models" if data_dir else Path("/models"))
        return cls(
            release_dir=values.path("FACEDB_RELEASE_DIR") or Path("/release"),
            models_dir=models,
            device=values.one_of("FACEDB_DEVICE", DEVICES),
            draining_file=draining_file(env),
            device_fallback=values.one_of("FACEDB_DEVICE_FALLBACK", ("refuse", "warn")),
            search=values.one_of("FACEDB_SEARCH", ("wide", "parity", "exact")),
            data_dir=data_dir,
            state_dir=values.path("FACEDB_STATE_DIR") or data_dir,
            limits=_limits(values),
            access=_access(values),
            stash=StashSettings(
                url=values.url("STASH_URL"),
                api_key=values.text("STASH_API_KEY"),
                timeout_s=values.number("FACEDB_STASH_TIMEOUT", 30.0, least=0.1),
            ),
            updates=_updates(values, data_dir),
            log_level=values.one_of("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")),
        )


def _limits(values: Values) -> Limits:
    usual = Limits()
    return Limits(
        waiting=values.count("FACEDB_WAITING_LIMIT", usual.waiting),
        waiting_bytes=values.count("FACEDB_WAITING_BYTES_LIMIT", usual.waiting_bytes),
        body_bytes=values.count("FACEDB_BODY_LIMIT", usual.body_bytes),
        body_seconds=values.number("FACEDB_BODY_SECONDS", usual.body_seconds, least=0.1),
        image_bytes=values.count("FACEDB_IMAGE_BYTES_LIMIT", usual.image_bytes),
        image_pixels=values.count("FACEDB_IMAGE_PIXELS_LIMIT", usual.image_pixels),
    )


def _access(values: Values) -> Access:
    return Access(
        api_key=values.text("FACEDB_API_KEY"),
        origins=values.words("FACEDB_CORS_ORIGINS") or ("*",),
        fetch_allow=values.words("FACEDB_FETCH_ALLOW"),
        fetch_deny=values.words("FACEDB_FETCH_DENY"),
    )


def _updates(values: Values, data_dir: Path | None) -> UpdateSettings:
    usual = UpdateSettings()
    database = values.text("FACEDB_DATABASE")
    # Who names the folder of one release means that one: the image names a DATA_DIR for those who do not.
    own_folders = data_dir is not None and values.path("FACEDB_RELEASE_DIR") is None
    likely = "cluster" if database else "local" if own_folders else "off"
    backend = values.one_of("FACEDB_UPDATES", ("local", "cluster", "off"), likely)
    if backend == "cluster" and (database is None or database.count("/") != 1):
        raise ValueError(
            "FACEDB_UPDATES is cluster; FACEDB_DATABASE must be NAMESPACE/NAME of a FaceDatabase"
        )
    if backend == "local" and data_dir is None:
        raise ValueError("FACEDB_UPDATES is local; DATA_DIR must name the folder that releases are kept in")
    return UpdateSettings(
        backend=backend,
        database=database,
        source=values.words("FACEDB_SOURCE") or usual.source,
        model_source=values.words("FACEDB_MODEL_SOURCE") or usual.model_source,
        token=values.text("FACEDB_TOKEN"),
        keep=values.count("FACEDB_KEEP", usual.keep),
        memory=values.one_of("FACEDB_SWAP_MEMORY", ("auto", "two", "one")),
        models_manifest=values.path("FACEDB_MODELS_MANIFEST"),
        install=values.one_of("FACEDB_INSTALL", ("false", "true")) == "true",
    )


def draining_file(env: Mapping[str, str] = os.environ) -> Path:
    """The file by which the preStop hook tells the server to send its clients away."""
    return Path(env.get("FACEDB_DRAINING_FILE", "/tmp/facedb-draining"))  # noqa: S108 (an emptyDir)
