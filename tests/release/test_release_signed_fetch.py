"""A fetch with a public key brings what its owner signed, by every way, and nothing else."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import minisign
import pytest

from builders import make_release, rezip, write_zip
from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.receipt import read_receipt
from facedb_release.verify.signature import Policy, sign_manifest
from release_server import ReleaseServer

from .conftest import VERSION, Wanted


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Policy]:
    """The zip of a release that lists all its files and is signed, and the policy of its signer."""
    folder = tmp_path_factory.mktemp("signed")
    plain = make_release(folder / "plain", VERSION, performers=30, list_maps=True)
    files = folder / "files"
    with zipfile.ZipFile(plain) as z:
        z.extractall(files)
    pair = minisign.KeyPair.generate()
    key = folder / "key"
    key.write_bytes(bytes(pair.secret_key))
    sign_manifest(files, key)
    archive = folder / plain.name
    write_zip(archive, files, compress=True)
    return archive, Policy((pair.public_key.to_base64().decode(),))


def refused(request: object) -> Reason:
    with pytest.raises(ReleaseError) as caught:
        fetch(request)  # type: ignore[arg-type]
    return caught.value.reason


def test_a_signed_release_says_who_signed_it(
    server: ReleaseServer, wanted: Wanted, signed: tuple[Path, Policy]
) -> None:
    archive, policy = signed
    server.publish(archive, tag=f"v{VERSION}")

    done = fetch(wanted(policy=policy))

    assert done.receipt.signed_by is not None
    assert read_receipt(wanted().into).signed_by == done.receipt.signed_by
    assert fetch(wanted(policy=policy)).already_there
    assert done.receipt.digest == "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "one stream"])
def test_what_nobody_signed_is_refused(
    server: ReleaseServer, wanted: Wanted, signed: tuple[Path, Policy], good: Path, ranges: bool
) -> None:
    archive, policy = signed
    server.faults.no_ranges = not ranges
    server.publish(good, tag=f"v{VERSION}")
    assert refused(wanted(policy=policy)) is Reason.MISSING_SIGNATURE
    with zipfile.ZipFile(archive) as z:
        manifest = z.read("manifest.json").replace(b'"sources"', b'"Sources"')
    server.publish(rezip(archive, {"manifest.json": manifest}, suffix="changed"), tag=f"v{VERSION}")
    assert refused(wanted(policy=policy)) is Reason.INVALID_SIGNATURE


def test_a_release_that_is_there_unsigned_is_not_taken_for_a_signed_one(
    server: ReleaseServer, wanted: Wanted, signed: tuple[Path, Policy], good: Path
) -> None:
    server.publish(good, tag=f"v{VERSION}")
    fetch(wanted())

    assert refused(wanted(policy=signed[1])) is Reason.MISSING_SIGNATURE


@pytest.mark.parametrize(
    ("who", "reason"), [("nobody", Reason.MISSING_SIGNATURE), ("another", Reason.INVALID_SIGNATURE)]
)
def test_a_lenient_policy_warns_of_the_signature_each_time_and_names_no_signer(
    server: ReleaseServer,
    wanted: Wanted,
    signed: tuple[Path, Policy],
    tmp_path: Path,
    who: str,
    reason: Reason,
) -> None:
    archive, policy = signed
    if who == "nobody":
        archive = make_release(tmp_path, VERSION, performers=30, list_maps=True)
    else:
        policy = Policy((minisign.KeyPair.generate().public_key.to_base64().decode(),))
    server.publish(archive, tag=f"v{VERSION}")
    assert refused(wanted(policy=policy)) is reason

    lenient = replace(policy, strict=False)
    for _ in range(2):
        receipt = fetch(wanted(policy=lenient)).receipt
        assert [w for w in receipt.warnings if w.startswith(f"{reason}: ")]
        assert receipt.signed_by is None
    # It is there now, and still no release for whoever insists.
    assert refused(wanted(policy=policy)) is reason


def test_a_lenient_policy_softens_no_hash(
    server: ReleaseServer, wanted: Wanted, signed: tuple[Path, Policy], tmp_path: Path
) -> None:
    archive, policy = signed

    def flip(members: dict[str, bytes]) -> dict[str, bytes]:
        name = "performers.json"
        return {**members, name: members[name].replace(b"a", b"b", 1)}

    with zipfile.ZipFile(archive) as z:
        members = flip({n: z.read(n) for n in z.namelist()})
    damaged = tmp_path / archive.name
    with zipfile.ZipFile(damaged, "w") as z:
        for name, data in members.items():
            z.writestr(name, data)
    server.publish(damaged, tag=f"v{VERSION}")
    assert refused(wanted(policy=replace(policy, strict=False))) is Reason.WRONG_CHECKSUM
