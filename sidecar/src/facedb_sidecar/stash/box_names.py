"""What people and releases call a stash-box → the one in Stash's settings. Pure.

A release says ``stashdb.org``, a plugin that or ``https://stashdb.org/graphql``, performers.db ``stashdb``.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from facedb_sidecar.stash.answers import StashBox
from facedb_sidecar.stash.errors import UnknownBox

# Short names whose host is not simply `<name>.org`: contract.md 2.3.
OTHER_HOSTS = {"theporndb": "theporndb.net", "fansdb": "fansdb.cc"}


def find_box(boxes: Iterable[StashBox], name: str) -> StashBox:
    """The stash-box of a GraphQL URL, a host name, a short name, or the name that Stash's settings give it.

    Raises:
        UnknownBox: none of them is called so.
    """
    there = tuple(boxes)
    wanted = name.strip().lower()
    for called in (_by_url, _by_host, _by_name):
        for box in there:
            if called(box, wanted):
                return box
    raise UnknownBox(f"Unknown or unconfigured endpoint: {name}")


def host_of(endpoint: str) -> str:
    """The host of a GraphQL URL, in lower case; what is no URL stays as it is."""
    try:
        return urlsplit(endpoint).hostname or endpoint.lower()
    except ValueError:
        return endpoint.lower()


def _by_url(box: StashBox, wanted: str) -> bool:
    return box.endpoint.lower().rstrip("/") == wanted.rstrip("/")


def _by_host(box: StashBox, wanted: str) -> bool:
    return host_of(box.endpoint) in (wanted, OTHER_HOSTS.get(wanted, f"{wanted}.org"))


def _by_name(box: StashBox, wanted: str) -> bool:
    return bool(box.name) and box.name.lower() == wanted
