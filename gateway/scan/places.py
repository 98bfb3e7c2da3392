"""Which character of a text stands at a byte of its UTF-8, and at which byte a character."""

from __future__ import annotations

from typing import Protocol

try:
    from gateway.scan import _places

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False


class Places(Protocol):
    """The places of one text; what is asked for is where a character begins, or the end."""

    def character(self, place: int, /) -> int:
        """How many characters begin before this byte."""

    def place(self, character: int, /) -> int:
        """The byte at which it begins."""


def places_of(data: bytes) -> Places:
    """The places of a text that is whole."""
    return _places.Places(data) if NATIVE else CountedPlaces(data)


class CountedPlaces:
    """Counts on, or back, from what was asked for before; `_places.c` keeps count of blocks."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._byte = 0
        self._count = 0

    def character(self, place: int, /) -> int:
        """See `Places`."""
        data, known = self._data, self._byte
        if place >= known:
            self._count += len(data[known:place].decode("utf-8", "replace"))
        else:
            self._count -= len(data[place:known].decode("utf-8", "replace"))
        self._byte = place
        return self._count

    def place(self, character: int, /) -> int:
        """See `Places`."""
        known = self._count
        begin, many = (self._byte, character - known) if character >= known else (0, character)
        # No character has more than four bytes.
        text = self._data[begin : begin + 4 * many].decode("utf-8", "replace")
        self._byte = begin + len(text[:many].encode("utf-8", "replace"))
        self._count = character
        return self._byte
