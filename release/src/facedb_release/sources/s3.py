"""A bucket of an S3-compatible store → assets at stable addresses, and the versions that its keys name.

Lists and signatures come from obstore (the extra `s3`); the bytes come over our own HTTP in ranges, with a
signature in the URL that is made anew before it runs out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import httpx

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import Network, session_of
from facedb_release.sources.asset import (
    PATTERN,
    Asset,
    Available,
    filled,
    newest_first,
    no_file,
    no_version,
    plain_name,
    version_in,
)
from facedb_release.transport import Patience, unavailable
from facedb_release.version import Version

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

_MAX_KEYS = 100_000
_STATUS = re.compile(r"status code: ([0-9]{3})")
_HINT = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) of somebody who may read the "
    "bucket; a store may also answer so for a key that is not there."
)
# Any of these says that there are credentials; see the AWS SDKs.
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True)
class S3:
    """A bucket.

    Attributes:
        bucket: its name.
        prefix: of every key, without slashes at its ends.
        key_pattern: of the archive below the prefix; `{version}` (or `{file}`) is filled in.
        region: by default AWS_REGION, else us-east-1.
        endpoint: of a store that is not Amazon's; `http://` means that plain HTTP is wanted.
        anonymous: without a signature; by default when the environment has no credentials. Say False for
            those that a machine gives its programs.
    """

    bucket: str
    prefix: str = ""
    key_pattern: str = PATTERN
    region: str | None = None
    endpoint: str | None = None
    anonymous: bool | None = None


def resolve(source: S3, version: Version, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the address of the version's archive.

    Raises:
        SourceTrouble: SourceUnavailable, if the extra is missing.
    """
    key = _key(source, filled(source.key_pattern, version))
    missing = no_version(version, f"s3://{source.bucket}/{key}")
    return (_asset(source, key, client, patience, missing),)


def sibling(
    source: S3, version: Version, name: str, client: httpx.Client, patience: Patience
) -> tuple[Asset, ...]:
    """Return the address of a file beside the archive."""
    folder = filled(source.key_pattern, version).rpartition("/")[0]
    key = _key(source, f"{folder}/{plain_name(name)}")
    return (_asset(source, key, client, patience, no_file(name, f"s3://{source.bucket}/{key}")),)


def named(source: S3, name: str, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the address of a file whose name stands for `{file}`, or that lies below the prefix."""
    pattern = source.key_pattern if "{file}" in source.key_pattern else "{file}"
    key = _key(source, pattern.replace("{file}", plain_name(name)))
    return (_asset(source, key, client, patience, no_file(name, f"s3://{source.bucket}/{key}")),)


def available(source: S3, client: httpx.Client, patience: Patience) -> tuple[Available, ...]:
    """Return the versions that the keys name.

    Raises:
        SourceTrouble: SourceForbidden, SourceUnavailable, or VersionNotFound for an unknown bucket.
    """
    store = _store(source, session_of(client).network, patience)
    import obstore

    pattern = _key(source, source.key_pattern)
    folder = pattern.partition("{")[0].partition("*")[0].rpartition("/")[0]
    found: list[Available] = []
    seen = 0
    try:
        for batch in obstore.list(store, folder or None, chunk_size=1000):
            seen += len(batch)
            if seen > _MAX_KEYS:
                raise unavailable(f"s3://{source.bucket}/{folder}", f"it holds more than {_MAX_KEYS} keys")
            found += [one for raw in batch if (one := _offered(source, dict(raw), pattern))]
    except (obstore.exceptions.BaseError, OSError) as e:
        raise _translated(source, e) from e
    return newest_first(found)


class Signature:
    """Signs the addresses of one bucket, and signs them again before the signature runs out.

    Args:
        store: that knows the credentials.
        address: what the addresses of the bucket's keys begin with.
        lifetime: of a signature.
        clock: monotonic seconds.
    """

    hint = _HINT

    def __init__(
        self,
        store: S3Store,
        address: str,
        *,
        lifetime: timedelta = timedelta(hours=1),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._address = address
        self._lifetime = lifetime
        self._clock = clock
        self._signed: dict[str, tuple[str, float]] = {}

    def prepare(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Return the signed address; most of a signature's life may be gone, but not all."""
        import obstore

        signed, made_at = self._signed.get(url, ("", 0.0))
        if not signed or self._clock() - made_at > 0.5 * self._lifetime.total_seconds():
            made_at = self._clock()
            try:
                key = unquote(url.removeprefix(self._address))
                signed = obstore.sign(self._store, "GET", key, self._lifetime)
            except (obstore.exceptions.BaseError, OSError) as e:
                raise SourceTrouble(
                    Reason.SOURCE_FORBIDDEN, f"{url} cannot be signed: {_first_line(e)}. {_HINT}"
                ) from e
            self._signed[url] = (signed, made_at)
        return signed, headers

    def renew(self, client: httpx.Client, response: httpx.Response) -> bool:
        """Forget the signatures: this one had run out, or the next one is refused, too."""
        self._signed.clear()
        return True


class NoSignature:
    """Opens what everybody may read, and says what to do when that is not so. A network.Key."""

    @property
    def hint(self) -> str:
        """Return what to do when the store refuses."""
        return _HINT

    def prepare(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Return both as they are."""
        return url, headers

    def renew(self, client: httpx.Client, response: httpx.Response) -> bool:
        """Say that asking again cannot help."""
        return False


def _asset(source: S3, key: str, client: httpx.Client, patience: Patience, missing: SourceTrouble) -> Asset:
    """Return the address; whoever reads it through the client's session has it signed."""
    session, address = session_of(client), _address(source)
    if address not in session.keys:
        signed = None if _anonymous(source) else Signature(_store(source, session.network, patience), address)
        session.keys[address] = signed or NoSignature()
    return Asset(address + quote(key), key.rpartition("/")[2], None, None, (), missing)


def _store(source: S3, network: Network, patience: Patience) -> S3Store:
    """Return obstore's view of the bucket.

    Raises:
        SourceTrouble: SourceUnavailable, if obstore is not installed or the settings are no good.
    """
    try:
        import obstore.exceptions
        from obstore.store import S3Store
    except ImportError as e:
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE,
            "Reading from S3 needs the package obstore. Install facedb-release[s3], or use another source.",
            expected="obstore",
        ) from e
    options: ClientConfig = {
        "allow_http": _endpoint(source).startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "timeout": timedelta(seconds=patience.stall_seconds + patience.connect_seconds),
    }
    if network.proxy:
        options["proxy_url"] = network.proxy
    if network.headers and source.endpoint:
        options["default_headers"] = dict(network.headers)
    try:
        if network.ca_bundle:
            options["root_certificate"] = network.ca_bundle.read_bytes()
        return S3Store(
            source.bucket,
            endpoint=_endpoint(source),
            region=_region(source),
            skip_signature=_anonymous(source),
            virtual_hosted_style_request=False,
            client_options=options,
            retry_config={
                "max_retries": patience.attempts - 1,
                "retry_timeout": timedelta(seconds=patience.attempts * patience.max_wait_seconds),
                "backoff": {"init_backoff": timedelta(seconds=patience.first_wait_seconds)},
            },
        )
    except (obstore.exceptions.BaseError, ValueError, OSError) as e:
        raise unavailable(_address(source), _first_line(e)) from e


def _offered(source: S3, raw: dict[str, Any], pattern: str) -> Available | None:
    key = str(raw["path"])
    version = version_in(key, pattern)
    if version is None:
        return None
    return Available(
        version=version,
        published_at=raw["last_modified"],
        name=key.rpartition("/")[2],
        size=int(raw["size"]),
        digest=None,
        url=_address(source) + quote(key),
    )


def _translated(source: S3, error: Exception) -> SourceTrouble:
    """Say what a failed list means; obstore tells most of it by the status alone."""
    from obstore import exceptions

    where, what = f"s3://{source.bucket}", _first_line(error)
    status = _STATUS.search(what)
    if isinstance(error, FileNotFoundError) or (status and status[1] == "404"):
        return SourceTrouble(
            Reason.VERSION_NOT_FOUND, f"There is no bucket {where}. Check its name.", found="404"
        )
    refused = exceptions.PermissionDeniedError | exceptions.UnauthenticatedError
    if isinstance(error, refused) or (status and status[1] in ("401", "403")):
        return SourceTrouble(
            Reason.SOURCE_FORBIDDEN, f"{where} refuses to list its keys. {_HINT}", found="403"
        )
    return unavailable(_address(source), what)


def _first_line(error: Exception) -> str:
    """Return the part of obstore's words that is meant for people."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _key(source: S3, pattern: str) -> str:
    return "/".join(part for part in (source.prefix.strip("/"), pattern.strip("/")) if part)


def _address(source: S3) -> str:
    return f"{_endpoint(source)}/{quote(source.bucket)}/"


def _endpoint(source: S3) -> str:
    given = source.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return (given or f"https://s3.{_region(source)}.amazonaws.com").rstrip("/")


def _region(source: S3) -> str:
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return source.region or named or "us-east-1"


def _anonymous(source: S3) -> bool:
    if source.anonymous is not None:
        return source.anonymous
    return not any(os.environ.get(name) for name in _CREDENTIALS)
