"""What every request of one run shares: authorities, proxy, extra headers, the sources' keys, known places.

Headers that may be secret go to the host they were meant for and never along with a redirect to another one.
Used by transport; sources put their keys in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

HEADERS_VARIABLE = "FACEDB_HEADERS"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
# What a redirect may take to another host: nothing that could be a secret.
_TRAVELS = frozenset(
    {"accept", "accept-encoding", "connection", "host", "if-none-match", "if-range", "range", "user-agent"}
)


class Key(Protocol):
    """What opens the addresses of one source: a token, or a signature in the URL.

    Attributes:
        hint: what to do when the source still refuses, one or two sentences.
    """

    @property
    def hint(self) -> str: ...  # noqa: D102 - see the class

    def prepare(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Return the address to ask and the headers to send."""

    def renew(self, client: httpx.Client, response: httpx.Response) -> bool:
        """Get a new token or signature after a refusal; false when that cannot help."""


@dataclass(frozen=True)
class Network:
    """How this run reaches the world.

    Attributes:
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one the environment decides.
        headers: to send to the source; never logged, never sent on to another host.
    """

    ca_bundle: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Session:
    """What a run has learned on the way.

    Attributes:
        network: as it was opened.
        keys: beginning of a URL → the key for it.
        places: stable URL → where its redirect led last; forgotten when that is refused.
    """

    network: Network
    keys: dict[str, Key] = field(default_factory=dict, repr=False)
    places: dict[str, str] = field(default_factory=dict, repr=False)

    def key_for(self, url: str) -> Key | None:
        """Return the key with the longest beginning that fits."""
        fitting = [start for start in list(self.keys) if url.startswith(start)]
        return self.keys[max(fitting, key=len)] if fitting else None


class Client(httpx.Client):
    """An httpx client with a session. Made by transport.open_client."""

    def __init__(self, session: Session, **options: Any) -> None:
        super().__init__(**options)
        self.session = session


def session_of(client: httpx.Client) -> Session:
    """Return the client's session.

    Raises:
        TypeError: if it was not made by open_client.
    """
    if not isinstance(client, Client):
        raise TypeError("the client has no session: make it with transport.open_client")
    return client.session


def headers_from_environment() -> dict[str, str]:
    """Return the extra headers of the environment: one `Name: value` a line.

    Raises:
        ValueError: naming the line, never its content.
    """
    lines = os.environ.get(HEADERS_VARIABLE, "").splitlines()
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"line {number} of {HEADERS_VARIABLE} is not of the form `Name: value`")
            pairs[name.strip()] = value.strip()
    return checked_headers(pairs)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers if they can be sent.

    Raises:
        ValueError: naming the header, never its value.
    """
    for number, (name, value) in enumerate(headers.items(), 1):
        if not _NAME.fullmatch(name):
            raise ValueError(f"the name of extra header {number} holds characters that no header may have")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of the extra header {name} holds a line break or is not ASCII")
    return dict(headers)


def same_place(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both are on one server; the step from http to https on the usual ports is none away."""
    if (one.host, one.scheme, _port(one)) == (other.host, other.scheme, _port(other)):
        return True
    return (one.host, _port(one), _port(other)) == (other.host, 80, 443) and other.scheme == "https"


def without_secrets(headers: httpx.Headers) -> dict[str, str]:
    """Return what may travel to another host."""
    return {name: value for name, value in headers.items() if name in _TRAVELS and name != "host"}


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
