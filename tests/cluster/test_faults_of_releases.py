"""Classes of bad releases: each refused in its own words, and the old one serves on. See test_refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minisign
import pytest

from builders import rezip, with_changed_file, with_extra_member, with_raw_flip
from cluster.bumps import Bump
from cluster.shelf import Damage, signed_with
from cluster.stage import UNPUBLISHED
from cluster.waiting import wait_until

pytestmark = pytest.mark.cluster

OTHER_DIGEST = f"sha256:{'0' * 64}"
OLDER = "2020.01.01"
TATTOOS = "tattoo_embeddings.voy"


def refused(bump: Bump, reason: str, *words: str) -> None:
    """The new release is refused for good, in these words, and the old one serves.

    ``reason``: one, or several with a bar between.
    """
    database = bump.database
    stalled = database.wait("Stalled", "True", "RolledBack")
    verified = database.condition("Verified")
    found = verified["reason"]
    assert verified["status"] == "False"
    assert found in reason.split("|")
    for word in (*words, bump.new, f"still serving {bump.old}", found):
        assert word in stalled["message"]
    assert [one["reason"] for one in database.status()["bad"] if one["version"] == bump.new] == [found]
    bump.unharmed()


def cut_in_half(archive: Path) -> Path:
    """An index of half its length, which the manifest lists as it is."""
    return with_changed_file(archive, "face_facenet.voy", lambda content: content[: len(content) // 2])


def torn(archive: Path) -> Path:
    """The first half of the archive."""
    target = archive.with_name(f"torn-{archive.name}")
    target.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    return target


def unreadable(archive: Path) -> Path:
    """Its manifest ends too early."""
    return rezip(archive, {"manifest.json": b'{"version": "2027'}, suffix="unreadable")


def escaping(archive: Path) -> Path:
    """With a file that wants to lie beside the volume."""
    return with_extra_member(archive, "../outside")


def bad(fault: str, damage: Damage | None, reason: str, *words: str, **details: Any) -> Any:
    """One row of the table of bad releases."""
    return pytest.param(damage, details, reason, words, marks=pytest.mark.fault(fault), id=fault)


@pytest.mark.parametrize(
    ("damage", "details", "reason", "words"),
    [
        bad("release has a truncated index", cut_in_half, "CorruptIndex", "face_facenet.voy"),
        # Where the bit falls decides whether its file cannot be unpacked or is another one.
        bad("release has a flipped byte in its archive", with_raw_flip, "WrongArchive|WrongChecksum"),
        bad("release's archive is cut off", torn, "WrongArchive"),
        bad("release's archive holds a path outside", escaping, "UnsafeArchive", "outside"),
        bad("release's counts lie", None, "CountMismatch", "99999", manifest={"face_count": 99_999}),
        bad("release's manifest cannot be read", unreadable, "InvalidManifest", "manifest.json"),
        bad(
            "release's manifest has an older version",
            None,
            "WrongVersion",
            OLDER,
            manifest={"version": OLDER},
        ),
    ],
)
def test_a_bad_release_is_refused_in_its_own_words(
    bump: Bump, damage: Damage | None, details: dict[str, Any], reason: str, words: tuple[str, ...]
) -> None:
    bump.new = bump.shelf.put(damage, **details)
    bump.begin()
    refused(bump, reason, *words)


@pytest.mark.fault("release is not the one that spec.digest pins")
@pytest.mark.fault("release's manifest lists an optional file that is absent")
def test_another_archive_than_the_pinned_one_is_refused_until_the_digest_is_right(bump: Bump) -> None:
    bump.new = bump.shelf.put(absent=(TATTOOS,))
    bump.begin(digest=OTHER_DIGEST)
    refused(bump, "WrongDigest", OTHER_DIGEST)
    right = hashlib.sha256(bump.shelf.archive(bump.new).read_bytes()).hexdigest()
    bump.begin(digest=f"sha256:{right}")
    bump.converges()
    # Readers do without it, so it is no reason to refuse.
    assert f"lists the optional file {TATTOOS}" in bump.database.condition("Verified")["message"]


@pytest.mark.fault("refused release is asked for again")
def test_a_bad_digest_is_fetched_once_and_again_only_with_a_new_retry_token(bump: Bump) -> None:
    database = bump.database
    bump.new = bump.shelf.put(cut_in_half)

    def asked_for() -> int:
        """How often the server was asked for this very release."""
        return sum(f"v{bump.new}" in one.path for one in bump.server.seen)

    bump.begin()
    refused(bump, "CorruptIndex")
    first = asked_for()
    assert first > 0

    # A change of the spec and back is no reason: the digest is known.
    database.apply(UNPUBLISHED, source=bump.shelf.source(bump.server))
    database.wait("Ready", "False", "VersionNotFound")
    bump.begin()
    refused(bump, "CorruptIndex")
    assert asked_for() == first

    token = bump.retry()
    wait_until(lambda: asked_for() > first, "another fetch", timeout_s=60, tell=database.describe)
    wait_until(lambda: bad_ones(bump) == 2, "another refusal", timeout_s=60, tell=database.describe)
    assert database.status()["handled"]["retry"] == token
    bump.unharmed()


def bad_ones(bump: Bump) -> int:
    """How often status remembers that the new release was refused."""
    return [one["version"] for one in bump.database.status()["bad"]].count(bump.new)


def without(key: Path) -> Damage | None:
    """Nobody signs."""
    return None


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        pytest.param(
            without, "MissingSignature", marks=pytest.mark.fault("release is not signed"), id="not signed"
        ),
        pytest.param(
            signed_with,
            "InvalidSignature",
            marks=pytest.mark.fault("release is signed by another key"),
            id="another key",
        ),
    ],
)
def test_a_signature_that_is_wanted_is_enforced_or_warned_of(
    bump: Bump, tmp_path: Path, signed: Callable[[Path], Damage | None], reason: str
) -> None:
    known, stranger = minisign.KeyPair.generate(), minisign.KeyPair.generate()
    (tmp_path / "key").write_bytes(bytes(stranger.secret_key))
    bump.new = bump.shelf.put(signed(tmp_path / "key"), list_maps=True)
    wanted = {"signature": {"publicKeys": [known.public_key.to_base64().decode()]}}
    bump.begin(verification={**wanted, "mode": "Enforce"})
    refused(bump, reason, "manifest.json.minisig")

    bump.begin(verification={**wanted, "mode": "Warn"})
    bump.converges()
    verified = bump.database.condition("Verified")
    shown = "Unsigned" if reason == "MissingSignature" else "Unverified"
    assert (verified["status"], verified["reason"]) == ("False", shown)
    assert reason in verified["message"]
