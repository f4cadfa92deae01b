"""How the operator reaches the API server: through the environment's proxy, if there is one for it."""

from __future__ import annotations

import pytest

from facedb_operator.connection import proxy_for

PROXY = "http://proxy.example.org:3128"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


def test_without_a_proxy_it_is_reached_directly() -> None:
    assert proxy_for("https://10.96.0.1:443") is None


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    assert proxy_for("https://api.example.org:6443") == PROXY


@pytest.mark.parametrize("excepted", ["10.96.0.1", "10.96.0.1:443", "*"])
def test_an_address_that_no_proxy_names_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", excepted)
    assert proxy_for("https://10.96.0.1:443") is None
