"""Kubernetes quantities, such as ``4Gi``: what they amount to, and which of two is larger. Pure."""

import re
from decimal import Decimal
from typing import Final

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)")
_DECIMAL: Final = {s: Decimal(10) ** (3 * n) for n, s in enumerate(["n", "u", "m", "", *"kMGTPE"], start=-3)}
_BINARY: Final = {f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", start=1)}


def amount(quantity: str) -> Decimal:
    """What a quantity amounts to: ``1Gi`` → 1073741824, ``1.5k`` → 1500, ``1e3`` → 1000.

    Raises:
        ValueError: it is no quantity.
            https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity")
    number, unit = found.groups()
    factor = (_DECIMAL | _BINARY).get(unit)
    # No unit, so an exponent: 1E is an exa, 1E3 a thousand.
    return Decimal(number) * (Decimal(10) ** int(unit[1:]) if factor is None else factor)


def larger(one: str, other: str) -> str:
    """The larger of two quantities, in its own words; the first when they are alike."""
    return one if amount(one) >= amount(other) else other
