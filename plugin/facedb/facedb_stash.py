"""The user's settings of this plugin, out of Stash: for a task, which no page sends them with."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import facedb_wire as wire
from facedb_modes import Mode, Request

PLUGIN = "facedb"
WITHIN_S = 5.0
_QUERY = "query FacedbSettings { configuration { plugins } }"
_MODE = Mode("POST", "/graphql", WITHIN_S)
# Addresses that Stash listens at, and that nobody can connect to.
_ANY = ("", "0.0.0.0", "::")  # noqa: S104 (compared, not listened at)


class NotTold(Exception):
    """Stash does not tell the settings; the message says why."""


def settings_of(connection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask Stash.

    Args:
        connection: ``server_connection`` of the plugin's input.

    Returns:
        What is set; nothing if nothing is.

    Raises:
        NotTold: nobody knows what is set. The sidecar that is meant may be any.
    """
    url = _url(connection)
    request = Request(_MODE, "settings", _MODE.path, {"query": _QUERY}, True)
    try:
        site = replace(
            wire.site_of(url, ""), cookies=_cookies(connection), is_own_machine=is_own_machine(url)
        )
        answer = wire.send(site, request, time.monotonic() + WITHIN_S)
    except wire.WireError as error:
        raise _not_told(_why(error, url)) from error
    if answer.status != 200:
        raise _not_told(f"HTTP {answer.status}")
    found: Any = answer.json()
    for name in ("data", "configuration"):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise _not_told("its answer has none")
    plugins = found.get("plugins")
    own = plugins.get(PLUGIN) if isinstance(plugins, dict) else None
    return own if isinstance(own, dict) else {}


def is_own_machine(url: str) -> bool:
    """Is it the loopback: what answers there is the Stash that started this process."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_told(why: str) -> NotTold:
    return NotTold(f"Stash does not tell this plugin's settings, so no sidecar was asked: {why}")


def _why(error: wire.WireError, url: str) -> str:
    if isinstance(error, wire.TimeIsOver):
        return f"{url} has not answered within {WITHIN_S:g} s"
    if isinstance(error, wire.NotConnected):
        return f"nobody answers at {url}"
    if isinstance(error, wire.Redirected):
        return f"{url} leads elsewhere (HTTP {error.status})"
    return str(error)


def _url(connection: Mapping[str, Any]) -> str:
    host = str(connection.get("Host") or "")
    name = "localhost" if host in _ANY else f"[{host}]" if ":" in host else host
    return f"{connection.get('Scheme') or 'http'}://{name}:{connection.get('Port') or 9999}"


def _cookies(connection: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    cookie = connection.get("SessionCookie")
    if not isinstance(cookie, dict) or not cookie.get("Name"):
        return ()
    return ((str(cookie["Name"]), str(cookie.get("Value", ""))),)
