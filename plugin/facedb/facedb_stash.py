"""The user's settings of this plugin, out of Stash: for a task, which no page sends them with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import facedb_wire as wire
from facedb_log import WARNING, log
from facedb_modes import Mode, Request

PLUGIN = "facedb"
WITHIN_S = 5.0
_QUERY = "query FacedbSettings { configuration { plugins } }"
_MODE = Mode("POST", "/graphql", WITHIN_S)
# Addresses that Stash listens at, and that nobody can connect to.
_ANY = ("", "0.0.0.0", "::")  # noqa: S104 (compared, not listened at)


def settings_of(connection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask Stash.

    Args:
        connection: ``server_connection`` of the plugin's input.

    Returns:
        What is set; nothing if Stash cannot be asked.
    """
    request = Request(_MODE, "settings", _MODE.path, {"query": _QUERY}, True)
    try:
        site = replace(wire.site_of(_url(connection), ""), cookies=_cookies(connection))
        answer = wire.send(site, request, time.monotonic() + WITHIN_S)
    except wire.WireError as error:
        log(WARNING, f"Stash does not tell this plugin's settings: {error or type(error).__name__}")
        return {}
    found: Any = answer.json()
    for name in ("data", "configuration", "plugins", PLUGIN):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _url(connection: Mapping[str, Any]) -> str:
    host = str(connection.get("Host") or "")
    name = "localhost" if host in _ANY else f"[{host}]" if ":" in host else host
    return f"{connection.get('Scheme') or 'http'}://{name}:{connection.get('Port') or 9999}"


def _cookies(connection: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    cookie = connection.get("SessionCookie")
    if not isinstance(cookie, dict) or not cookie.get("Name"):
        return ()
    return ((str(cookie["Name"]), str(cookie.get("Value", ""))),)
