"""Which addresses an ``image_url`` may lead to. Pure: names and addresses in, a judgement out.

A URL from a stranger must not become a request that only this host could have made (server-side request
forgery). Public addresses are fine; others only where the settings name them, or where Stash is. Deny wins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = {"http": 80, "https": 443}
# Everything else of IPv6 is not routed on the Internet (RFC 4291, 2.4).
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Networks without IPv4 reach it through these (RFC 6052): what counts is the address inside.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Rules:
    """What may be asked beyond public addresses, and what may not.

    Attributes:
        names: host names that are allowed; ``.lan`` stands for everything that ends so, nothing for all.
        networks: addresses that are allowed.
        denied_names: host names that are not.
        denied_networks: addresses that are not.
        stash: host and port of the Stash.
    """

    names: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    denied_names: tuple[str, ...] = ()
    denied_networks: tuple[Network, ...] = ()
    stash: tuple[str, int] | None = None

    def refuses_name(self, host: str) -> bool:
        """Whether the host may not be asked, whatever its address."""
        return _named(plain(host), self.denied_names)

    def refuses_address(self, host: str, port: int, address: IP) -> bool:
        """Whether the host may not be asked at this address."""
        inner = unwrapped(address)
        if _inside(inner, self.denied_networks):
            return True
        if self.stash == (plain(host), port) or _named(plain(host), self.names):
            return False
        return not (is_public(inner) or _inside(inner, self.networks))


def rules(allow: Iterable[str], deny: Iterable[str], stash_url: str | None) -> Rules:
    """The settings' words → rules: networks and addresses, ``*.suffixes``, and names."""
    names, networks = _divided(allow)
    denied_names, denied_networks = _divided(deny)
    return Rules(names, networks, denied_names, denied_networks, _place(stash_url))


def is_public(address: IP) -> bool:
    """Whether anybody on the Internet could ask this address."""
    odd = address.is_multicast or address.is_reserved or address.is_unspecified
    if odd or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    # 6to4 and Teredo carry an IPv4 address of somebody's choice to whoever unpacks them.
    return address in GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None


def unwrapped(address: IP) -> IP:
    """The IPv4 address inside of an IPv6 one that only stands for it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def plain(host: str) -> str:
    """A host name as it is compared."""
    return host.lower().rstrip(".").strip("[]")


def _place(url: str | None) -> tuple[str, int] | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return plain(parts.hostname or ""), parts.port or PORTS.get(parts.scheme, 0)


def _divided(words: Iterable[str]) -> tuple[tuple[str, ...], tuple[Network, ...]]:
    names, networks = [], []
    for word in words:
        try:
            networks.append(ipaddress.ip_network(word.strip("[]"), strict=False))
        except ValueError:
            names.append(plain(word).removeprefix("*"))
    return tuple(names), tuple(networks)


def _named(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or (name[:1] in ("", ".") and host.endswith(name)) for name in names)


def _inside(address: IP, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
