"""Everything that can go wrong with a release, as one small tree.

ReleaseError
├── WrongRelease    the bytes, or the request, are bad: trying again cannot help     exit code 10
├── NoSpace         the volume is too small                                          exit code 11
└── SourceTrouble   the source or the volume is not to be had now: try again later   exit code 12
    └── AssetReplaced   the asset changed while it was read: start again from zero

Reasons are stable words that end in conditions, events and metrics; a class exists where somebody catches it.
The names say what is wrong, so they go without the suffix Error (noqa N818).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the `facedb` process tells a Job's podFailurePolicy."""

    GOOD = 0
    BUG = 1
    USAGE = 2
    PERMANENT = 10
    NO_SPACE = 11
    TRANSIENT = 12


class Reason(StrEnum):
    """Why a release was refused or could not be had."""

    VERSION_NOT_FOUND = "VersionNotFound"
    ASSET_NOT_FOUND = "AssetNotFound"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    SOURCE_FORBIDDEN = "SourceForbidden"
    VOLUME_UNAVAILABLE = "VolumeUnavailable"
    NO_SPACE = "NoSpace"
    INTERRUPTED = "Interrupted"
    ANOTHER_RELEASE = "AnotherRelease"
    WRONG_VERSION = "WrongVersion"
    WRONG_CHECKSUM = "WrongChecksum"
    WRONG_DIGEST = "WrongDigest"
    MISSING_FILE = "MissingFile"
    UNEXPECTED_FILE = "UnexpectedFile"
    UNSAFE_ARCHIVE = "UnsafeArchive"
    WRONG_ARCHIVE = "WrongArchive"
    INVALID_MANIFEST = "InvalidManifest"
    MISSING_SIGNATURE = "MissingSignature"
    INVALID_SIGNATURE = "InvalidSignature"
    COUNT_MISMATCH = "CountMismatch"
    INCOMPATIBLE_PIPELINE = "IncompatiblePipeline"
    CORRUPT_DATABASE = "CorruptDatabase"
    CORRUPT_INDEX = "CorruptIndex"
    INVALID_RECEIPT = "InvalidReceipt"
    IN_USE = "InUse"
    NO_BACKUP = "NoBackup"
    CHECK_FAILED = "CheckFailed"


class ReleaseError(Exception):
    """A release was refused or could not be had.

    Attributes:
        reason: the stable word.
        message: one or two sentences: what, where, and what to do.
        file: the file it is about, if one.
        expected: what should have been there, as text.
        found: what was there, as text.
        permanent: whether trying again with the same input is pointless.
        exit_code: of the process.
    """

    permanent: ClassVar[bool]
    exit_code: ClassVar[ExitCode]

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        file: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.file = file
        self.expected = None if expected is None else str(expected)
        self.found = None if found is None else str(found)

    def __str__(self) -> str:
        """Say everything in one line, for a log or a terminal."""
        facts = [
            f"{k}: {v}" for k, v in (("expected", self.expected), ("found", self.found)) if v is not None
        ]
        return f"{self.reason}: {self.message}" + (f" ({', '.join(facts)})" if facts else "")


class WrongRelease(ReleaseError):
    """The bytes are not a good release, or not the one asked for."""

    permanent = True
    exit_code = ExitCode.PERMANENT


class NoSpace(ReleaseError):
    """The volume cannot hold the release."""

    permanent = False
    exit_code = ExitCode.NO_SPACE

    def __init__(
        self, message: str, *, file: str | None = None, expected: object = None, found: object = None
    ):
        super().__init__(Reason.NO_SPACE, message, file=file, expected=expected, found=found)


class SourceTrouble(ReleaseError):
    """The source, or the volume, does not answer as it should now."""

    permanent = False
    exit_code = ExitCode.TRANSIENT


class AssetReplaced(SourceTrouble):
    """The asset is not the one whose reading began: what was read must not be mixed with the rest."""

    def __init__(self, message: str, *, expected: object = None, found: object = None):
        super().__init__(Reason.SOURCE_UNAVAILABLE, message, expected=expected, found=found)
