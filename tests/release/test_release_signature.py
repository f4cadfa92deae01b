"""Who signed a release: with a key, nothing gets through that the key's owner has not seen."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import minisign
import pytest

from facedb_release.errors import Reason, WrongRelease
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import verify_all, verify_release
from facedb_release.verify.signature import Policy, check_signature, key_id, sign_manifest

from .conftest import VERSION

CLOSED = Limits(sample=0)
SIGNATURE = "manifest.json.minisig"


@pytest.fixture(scope="session")
def pair() -> minisign.KeyPair:
    return minisign.KeyPair.generate()


@pytest.fixture(scope="session")
def other() -> minisign.KeyPair:
    return minisign.KeyPair.generate()


def public(pair: minisign.KeyPair) -> str:
    return bytes(pair.public_key).decode()


def policy(*pairs: minisign.KeyPair, required: bool = True) -> Policy:
    return Policy(tuple(public(p) for p in pairs), required)


@pytest.fixture
def key_file(pair: minisign.KeyPair, tmp_path: Path) -> Path:
    path = tmp_path / "minisign.key"
    path.write_bytes(bytes(pair.secret_key) + b"\n")
    return path


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """The good release, with a manifest that lists every file."""
    with zipfile.ZipFile(good) as z:
        z.extractall(tmp_path / "release")
    edit_manifest(tmp_path / "release", lambda m: list_all(m, tmp_path / "release"))
    return tmp_path / "release"


def edit_manifest(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def list_all(manifest: dict[str, object], folder: Path) -> None:
    names = [p.name for p in folder.iterdir() if p.name not in ("manifest.json", SIGNATURE)]
    sums = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    manifest["checksums"] = sums


def refusal(folder: Path, policy: Policy) -> WrongRelease:
    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED, policy=policy)
    return caught.value


def sign(folder: Path, pair: minisign.KeyPair, comment: str | None = None) -> None:
    made = pair.secret_key.sign((folder / "manifest.json").read_bytes(), trusted_comment=comment)
    (folder / SIGNATURE).write_bytes(bytes(made))


def test_a_release_signed_by_a_given_key_names_the_key(
    folder: Path, key_file: Path, pair: minisign.KeyPair
) -> None:
    made_by = sign_manifest(folder, key_file)

    verified = verify_release(folder, limits=CLOSED, policy=policy(pair))
    assert verified.signed_by == made_by == key_id(public(pair))
    assert SIGNATURE in [f.name for f in verified.files]
    assert f"version:{VERSION}" in (folder / SIGNATURE).read_text()


def test_the_key_alone_without_its_comment_will_do(
    folder: Path, key_file: Path, pair: minisign.KeyPair
) -> None:
    sign_manifest(folder, key_file)
    alone = Policy((pair.public_key.to_base64().decode(),))

    assert verify_release(folder, limits=CLOSED, policy=alone).signed_by


def test_one_of_several_keys_will_do_so_that_keys_can_be_replaced(
    folder: Path, key_file: Path, pair: minisign.KeyPair, other: minisign.KeyPair
) -> None:
    sign_manifest(folder, key_file)

    assert verify_release(folder, limits=CLOSED, policy=policy(other, pair)).signed_by == key_id(public(pair))


def test_without_a_key_a_release_is_unsigned_which_is_no_warning(folder: Path, key_file: Path) -> None:
    before = verify_release(folder, limits=CLOSED)
    sign_manifest(folder, key_file)
    after = verify_release(folder, limits=CLOSED)

    assert (before.signed_by, after.signed_by) == (None, None)
    assert before.warnings == after.warnings


def test_with_a_key_an_unsigned_release_is_refused_before_anything_is_hashed(
    folder: Path, pair: minisign.KeyPair
) -> None:
    (folder / "faces.json").write_text("[]")

    error = refusal(folder, policy(pair))
    assert (error.reason, error.file) == (Reason.MISSING_SIGNATURE, SIGNATURE)
    assert error.expected == key_id(public(pair))


def test_a_signature_that_is_not_required_may_be_absent_but_not_bad(
    folder: Path, pair: minisign.KeyPair, other: minisign.KeyPair
) -> None:
    lenient = policy(pair, required=False)
    assert verify_release(folder, limits=CLOSED, policy=lenient).signed_by is None

    sign(folder, other)
    assert refusal(folder, lenient).reason is Reason.INVALID_SIGNATURE


def test_another_key_is_refused_with_both_ids(
    folder: Path, pair: minisign.KeyPair, other: minisign.KeyPair
) -> None:
    sign(folder, other)

    error = refusal(folder, policy(pair))
    assert (error.reason, error.expected, error.found) == (
        Reason.INVALID_SIGNATURE,
        key_id(public(pair)),
        key_id(public(other)),
    )


def test_a_manifest_changed_after_signing_is_refused(
    folder: Path, key_file: Path, pair: minisign.KeyPair
) -> None:
    sign_manifest(folder, key_file)
    edit_manifest(folder, lambda m: m.update(created_at="later"))

    assert refusal(folder, policy(pair)).reason is Reason.INVALID_SIGNATURE


def test_a_file_that_the_signed_manifest_does_not_list_is_named(
    folder: Path, pair: minisign.KeyPair, key_file: Path
) -> None:
    edit_manifest(folder, lambda m: m["checksums"].pop("faces.json"))  # type: ignore[attr-defined]
    sign(folder, pair)

    error = refusal(folder, policy(pair))
    assert (error.reason, error.file) == (Reason.INVALID_SIGNATURE, "faces.json")
    with pytest.raises(WrongRelease, match=r"faces\.json is not signed"):
        sign_manifest(folder, key_file)


def test_a_file_swapped_under_a_good_signature_is_refused_by_its_hash(
    folder: Path, key_file: Path, pair: minisign.KeyPair
) -> None:
    sign_manifest(folder, key_file)
    (folder / "performers.json").write_text("{}")

    assert refusal(folder, policy(pair)).reason is Reason.WRONG_CHECKSUM


@pytest.mark.parametrize(
    "comment", ["version:2026.02.12", f"version:{VERSION} version:2026.02.12", "x version:"]
)
def test_a_trusted_comment_of_another_version_is_refused(
    folder: Path, pair: minisign.KeyPair, comment: str
) -> None:
    sign(folder, pair, comment)

    error = refusal(folder, policy(pair))
    assert (error.reason, error.expected) == (Reason.INVALID_SIGNATURE, VERSION)


@pytest.mark.parametrize(
    "comment", ["timestamp:1771383600\tfile:manifest.json\thashed", f"version:{VERSION}", ""]
)
def test_a_trusted_comment_that_names_no_other_version_is_fine(
    folder: Path, pair: minisign.KeyPair, comment: str
) -> None:
    sign(folder, pair, comment)

    assert verify_release(folder, limits=CLOSED, policy=policy(pair)).signed_by


def test_the_older_kind_of_signature_is_taken_too(folder: Path, pair: minisign.KeyPair) -> None:
    made = pair.secret_key.sign((folder / "manifest.json").read_bytes(), prehash=False)
    (folder / SIGNATURE).write_bytes(bytes(made))

    assert verify_release(folder, limits=CLOSED, policy=policy(pair)).signed_by


def test_no_single_byte_of_a_signature_can_change(folder: Path, pair: minisign.KeyPair) -> None:
    sign(folder, pair)
    manifest, signature = ((folder / n).read_bytes() for n in ("manifest.json", SIGNATURE))
    first = signature.index(b"\n") + 1
    good = check_signature(policy(pair), manifest=manifest, signature=signature)
    assert good
    for at in range(first, len(signature)):
        changed = bytearray(signature)
        changed[at] ^= 1
        with pytest.raises(WrongRelease) as caught:
            check_signature(policy(pair), manifest=manifest, signature=bytes(changed))
        assert caught.value.reason is Reason.INVALID_SIGNATURE


@pytest.mark.parametrize(
    "content", [b"", b"\n\n\n\n", b"\xff\xfe", b"untrusted comment: x\nAAAA\ntrusted comment: x\nAAAA"]
)
def test_what_is_no_signature_is_refused(folder: Path, pair: minisign.KeyPair, content: bytes) -> None:
    (folder / SIGNATURE).write_bytes(content)

    assert refusal(folder, policy(pair)).reason is Reason.INVALID_SIGNATURE


def test_a_huge_signature_is_refused_unread(folder: Path, pair: minisign.KeyPair) -> None:
    (folder / SIGNATURE).write_bytes(b"x" * 5000)

    assert refusal(folder, policy(pair)).reason is Reason.UNEXPECTED_FILE


@pytest.mark.parametrize("key", ["", "no key", "RWQ=", "untrusted comment: x"])
def test_what_is_no_key_is_said_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="no minisign public key"):
        Policy((key,))


def test_a_signature_cannot_be_required_without_a_key() -> None:
    with pytest.raises(ValueError, match="no public key"):
        Policy()


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, pair: minisign.KeyPair
) -> None:
    monkeypatch.setitem(sys.modules, "minisign", None)

    with pytest.raises(ValueError, match=r"facedb-release\[signatures\]"):
        policy(pair)


def test_a_key_with_a_password_signs_with_it_only(folder: Path, tmp_path: Path) -> None:
    pair = minisign.KeyPair.generate()
    pair.secret_key.encrypt("hunter2", opslimit=1 << 15, memlimit=1 << 24)
    key_file = tmp_path / "locked.key"
    key_file.write_bytes(bytes(pair.secret_key))

    for password, words in ((None, "password"), ("wrong", "wrong password")):
        with pytest.raises(ValueError, match=words):
            sign_manifest(folder, key_file, password=password)
    sign_manifest(folder, key_file, password="hunter2")
    assert verify_release(folder, limits=CLOSED, policy=policy(pair)).signed_by


def test_a_file_that_is_no_secret_key_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no key")

    with pytest.raises(ValueError, match="x is no minisign secret key"):
        sign_manifest(folder, tmp_path / "x")


def test_every_fault_is_listed_with_the_signatures_among_them(folder: Path, pair: minisign.KeyPair) -> None:
    sign(folder, pair, "version:2026.02.12")
    (folder / "performers.json").write_text("{}")

    report = verify_all(folder, limits=CLOSED, policy=policy(pair))

    assert report.verified is None
    assert [f.reason for f in report.faults] == [
        Reason.INVALID_SIGNATURE,
        Reason.WRONG_CHECKSUM,
        Reason.COUNT_MISMATCH,
    ]
