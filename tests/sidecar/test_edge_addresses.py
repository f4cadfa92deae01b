"""Which addresses are public, and what the settings change about it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.addresses import Rules, is_public, rules, unwrapped

PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1"),
    *("127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1"),
    *("192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::"),
    *("::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001:db8::1", "2002:7f00:1::1"),
    *("2001:0:7f00:1::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1"),
    *("ff02::1", "4000::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "172.32.0.1", "192.169.0.1"),
    *("2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]


@pytest.mark.parametrize("text", PRIVATE)
def test_what_only_this_host_or_its_neighbours_can_reach_is_refused(text: str) -> None:
    assert Rules().refuses_address("name.example", 80, ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_anybody_can_reach_is_allowed(text: str) -> None:
    assert not Rules().refuses_address("name.example", 80, ipaddress.ip_address(text))


def test_the_settings_words_are_names_suffixes_addresses_and_networks() -> None:
    made = rules(["nas.LAN.", "*.home.arpa", "10.1.0.0/16", "192.168.1.7", "fd00::/8"], ["10.1.9.9"], None)
    private = ipaddress.ip_address("172.16.0.1")
    assert not made.refuses_address("NAS.lan", 80, private)
    assert not made.refuses_address("a.b.home.arpa.", 80, private)
    assert made.refuses_address("home.arpa", 80, private)
    assert made.refuses_address("evil-nas.lan", 80, private)
    for text, wanted in [("10.1.2.3", False), ("10.2.2.3", True), ("192.168.1.7", False), ("10.1.9.9", True)]:
        assert made.refuses_address("x", 80, ipaddress.ip_address(text)) is wanted
    assert not made.refuses_address("x", 80, ipaddress.ip_address("fd00::5"))
    # An address inside of another is the inner one, for both lists.
    assert not made.refuses_address("x", 80, ipaddress.ip_address("::ffff:10.1.2.3"))
    assert made.refuses_address("x", 80, ipaddress.ip_address("::ffff:10.1.9.9"))


def test_stash_is_allowed_at_its_own_port_only() -> None:
    private = ipaddress.ip_address("10.0.0.5")
    for url, port in [("http://stash:9999", 9999), ("https://stash", 443), ("http://stash", 80)]:
        made = rules([], [], url)
        assert not made.refuses_address("Stash", port, private)
        assert made.refuses_address("Stash", port + 1, private)
        assert made.refuses_address("other", port, private)


def test_a_denied_name_is_denied_whatever_its_address() -> None:
    made = rules(["*"], ["tracker.example", "*.ads.example"], None)
    assert made.refuses_name("Tracker.Example.")
    assert made.refuses_name("a.ads.example")
    assert not made.refuses_name("ads.example")
    assert not made.refuses_address("whatever", 80, ipaddress.ip_address("10.0.0.1"))


@given(st.ip_addresses(v=4))
def test_an_address_in_any_disguise_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for disguise in (f"::ffff:{address}", f"64:ff9b::{address}"):
        inner = unwrapped(ipaddress.ip_address(disguise))
        assert is_public(inner) is is_public(address)
