"""manifest.json and manifest.json.minisig → the key that signed them, or a refusal. Pure; called by release.

The signature covers the manifest's bytes, and the manifest covers every other file by its sha256: so with a
key, nothing that the key's owner has not seen gets through. Signatures are minisign's; py-minisign is an
extra.
"""

from __future__ import annotations

import base64
import importlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest, parse_manifest
from facedb_release.profiles import PROFILE, Profile

_VERSION = "version:"


@dataclass(frozen=True)
class Policy:
    """Whose signature is good enough.

    Attributes:
        public_keys: minisign public keys, as base64 or as the whole text of their files; any one of them will
            do, so that a key can be replaced by another while both are listed.
        required: whether an unsigned release is refused; a bad signature always is.
        strict: whether what does not meet this is refused; else it is a warning that begins with the reason.

    Raises:
        ValueError: if one is no key, if there is none though one is needed, or without py-minisign.
    """

    public_keys: tuple[str, ...] = ()
    required: bool = True
    strict: bool = True

    def __post_init__(self) -> None:
        if not self.public_keys and self.required:
            raise ValueError("a signature is required, but no public key is given")
        for key in self.public_keys:
            _public(key)


def check_signature(
    policy: Policy,
    *,
    manifest: bytes,
    signature: bytes | None,
    profile: Profile = PROFILE,
) -> tuple[str, str] | None:
    """Check the signature by one of the policy's keys.

    Args:
        policy: with at least one key, or nothing is checked.
        manifest: bytes of the manifest.
        signature: bytes of the signature's file, None without one.
        profile: names both files.

    Returns:
        The key's id as 16 hex digits and the trusted comment; None where nothing was signed or no key given.

    Raises:
        WrongRelease: MissingSignature or InvalidSignature.
    """
    file = profile.manifest.signature
    if not policy.public_keys:
        return None
    if signature is None:
        if policy.required:
            raise WrongRelease(
                Reason.MISSING_SIGNATURE,
                f"The release is not signed ({file} is missing), and a key was given. Ask its publisher for "
                "a signed one, or do without the key.",
                file=file,
                expected=" or ".join(key_id(k) for k in policy.public_keys),
            )
        return None
    return _by_one_of(policy.public_keys, manifest, signature, file)


def check_comment(comment: str, manifest: Manifest, profile: Profile = PROFILE) -> None:
    """Compare the version in the trusted comment, where it holds one, with the manifest's.

    Raises:
        WrongRelease: InvalidSignature.
    """
    said = [word.removeprefix(_VERSION) for word in comment.split() if word.startswith(_VERSION)]
    for version in said:
        if version != manifest.version.text:
            raise _invalid(
                "its trusted comment names another version",
                manifest.version,
                version,
                profile.manifest.signature,
            )


def unsigned_files(manifest: Manifest, names: Collection[str], profile: Profile = PROFILE) -> tuple[str, ...]:
    """Return the files that the signature does not cover, because the manifest does not list them."""
    form = profile.manifest
    return tuple(sorted(set(names) - manifest.checksums.keys() - {form.name, form.signature}))


def unsigned(file: str) -> WrongRelease:
    """Make the refusal of a file that no signature covers."""
    return WrongRelease(
        Reason.INVALID_SIGNATURE,
        f"{file} is not signed: the signed manifest does not list it. Ask the publisher for a manifest that "
        "lists every file.",
        file=file,
        expected="a sha256 in the manifest",
        found="none",
    )


def sign_manifest(
    folder: Path, key_file: Path, *, password: str | None = None, profile: Profile = PROFILE
) -> str:
    """Sign the manifest in a folder; the version goes into the trusted comment.

    Args:
        folder: holds the manifest, which must list every other file to be of use.
        key_file: of the minisign secret key.
        password: of the key, if it has one.
        profile: names the files.

    Returns:
        The id of the key, as 16 hex digits.

    Raises:
        ValueError: if the key cannot be used.
        WrongRelease: InvalidManifest, or InvalidSignature when a file would stay unsigned.
    """
    form = profile.manifest
    content = (folder / form.name).read_bytes()
    manifest = parse_manifest(content, profile)
    there = [name for name in profile.known if (folder / name).exists()]
    for file in unsigned_files(manifest, there, profile):
        raise unsigned(file)
    with _secret(key_file) as secret:
        if secret.is_encrypted():
            if password is None:
                raise ValueError(f"{key_file.name} is protected by a password")
            secret.decrypt(password)
        comment = f"{_VERSION}{manifest.version.text}"
        made = secret.sign(
            content, trusted_comment=comment, untrusted_comment=f"{form.name} {manifest.version}"
        )
        (folder / form.signature).write_bytes(bytes(made) + b"\n")
        return _id_in(secret.get_public_key().to_base64())


def key_id(public_key: str) -> str:
    """Return the id of a public key, as 16 hex digits, as minisign prints it.

    Raises:
        ValueError: if it is none.
    """
    return _id_in(_public(public_key).to_base64())


def _by_one_of(keys: tuple[str, ...], manifest: bytes, signature: bytes, file: str) -> tuple[str, str]:
    """Return the id of the key that made the signature, and its trusted comment."""
    library = _minisign()
    try:
        parsed = library.Signature.from_bytes(signature)
        maker = _id_in(signature.splitlines()[1])
        # Base64 can spell the same bytes in several ways; one of them is enough.
        if bytes(parsed).splitlines() != signature.splitlines():
            raise ValueError("it is spelled in an unusual way")
    except ValueError as e:
        raise _invalid("it is no minisign signature", "a minisign signature", str(e)[:100], file) from e
    for key in keys:
        try:
            _public(key).verify(manifest, parsed)
        except library.Error:
            continue
        return maker, str(parsed.trusted_comment)
    expected = " or ".join(key_id(k) for k in keys)
    raise _invalid("no key given has made it for this manifest", expected, maker, file)


def _public(text: str) -> Any:
    """Read a public key, alone or with its comment line."""
    library = _minisign()
    try:
        return library.PublicKey.from_base64((text.strip().splitlines() or [""])[-1].strip())
    except ValueError as e:
        raise ValueError(f"no minisign public key: {text[:80]!r}") from e


def _secret(path: Path) -> Any:
    """Read a secret key."""
    try:
        return _minisign().SecretKey.from_file(path)
    except ValueError as e:
        raise ValueError(f"{path.name} is no minisign secret key: {e}") from e


def _id_in(line: str | bytes) -> str:
    """Return the key's id from a line of base64; minisign prints it as a little-endian number."""
    return base64.b64decode(line)[2:10][::-1].hex().upper()


def _minisign() -> Any:
    """Import the library, an extra without types."""
    try:
        return importlib.import_module("minisign")
    except ImportError as e:
        raise ValueError("signatures need py-minisign: install facedb-release[signatures]") from e


def _invalid(what: str, expected: object, found: object, file: str) -> WrongRelease:
    return WrongRelease(
        Reason.INVALID_SIGNATURE,
        f"The signature in {file} is not good: {what}. Somebody changed the release, or the key is not its "
        "publisher's.",
        file=file,
        expected=expected,
        found=found,
    )
