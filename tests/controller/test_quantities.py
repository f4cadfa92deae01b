"""Kubernetes quantities, against the Kubernetes client's own reader of them; and sizes made of releases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from facedb_operator.record import Available
from facedb_operator.spec.quantities import amount, larger
from facedb_operator.spec.sizes import claim_size
from world import World

NOW = datetime(2026, 11, 21, tzinfo=UTC)
UNITS = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
numbers = st.one_of(
    st.integers(0, 10**6).map(str),
    st.tuples(st.integers(0, 999), st.integers(0, 999)).map(lambda n: f"{n[0]}.{n[1]}"),
)


@given(numbers, st.sampled_from(UNITS))
def test_a_quantity_amounts_to_what_the_client_reads(number: str, unit: str) -> None:
    assert amount(number + unit) == parse_quantity(number + unit)


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("1E3", 1000), ("5e-1", 0.5), ("1E", 10**18)])
def test_an_exponent_is_told_from_an_exa(text: str, value: float) -> None:
    assert float(amount(text)) == value


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1KiB", "-", "1e", "4gi", "."])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        amount(text)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [("4Gi", "4G", "4Gi"), ("4G", "4Gi", "4Gi"), ("1024Mi", "1Gi", "1024Mi"), ("900Mi", "1Gi", "1Gi")],
)
def test_the_larger_of_two_quantities_keeps_its_words(one: str, other: str, wanted: str) -> None:
    assert larger(one, other) == wanted


@pytest.mark.parametrize(
    ("size", "unpacked", "wanted"),
    [
        ("7Gi", 10**9, "7Gi"),
        (None, None, "4Gi"),
        (None, 5, "1024Mi"),
        (None, 1_500_000_000, "1789Mi"),
    ],
    ids=["the spec's", "nobody said it", "at least 1Gi", "a quarter more, in whole Mi"],
)
def test_a_claim_is_as_large_as_asked_for_or_as_its_release_takes(
    spec: dict[str, Any], size: str | None, unpacked: int | None, wanted: str
) -> None:
    spec["storage"]["size"] = size
    db = World(spec).database()
    found = Available(db.version, NOW, NOW, unpacked_bytes=unpacked)
    assert claim_size(replace(db, record=replace(db.record, available=found))) == wanted
    other = replace(found, version="2027.01.01")
    assert claim_size(replace(db, record=replace(db.record, available=other))) == (size or "4Gi")
