"""A large JSON array or object → its parts, a megabyte at a time. Called by catalog.

msgspec holds the interpreter for as long as it parses, and meanwhile nobody answers ``/health``: the maps of
a full release would take 100 ms at once (measured), a slice takes 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
SLICE_BYTES = 1 << 20


@dataclass(frozen=True)
class Sliced(Generic[T]):
    """How one kind of JSON text is parsed in slices.

    Attributes:
        decoder: of a whole text, and of each slice.
        between: matches, in its first group, what may divide two elements. It may also match within one:
            what it cuts off there is no JSON, and then the rest is parsed as one.
    """

    decoder: msgspec.json.Decoder[T]
    between: re.Pattern[bytes]

    def parts(self, data: bytes, *, slice_bytes: int = SLICE_BYTES) -> Iterator[T]:
        """Parse, and let others run between two slices.

        Args:
            data: the text.
            slice_bytes: what each slice has at least, but for the last.

        Raises:
            msgspec.DecodeError: it is not JSON, or of another shape.
        """
        text = data.strip()
        opening, closing = text[:1], text[-1:]
        start = 0
        while (cut := self.between.search(text, start + slice_bytes)) is not None:
            try:
                part = self.decoder.decode((opening if start else b"") + text[start : cut.start(1)] + closing)
            except msgspec.DecodeError:
                break
            yield part
            start = cut.end(1)
        yield self.decoder.decode((opening if start else b"") + text[start:])
