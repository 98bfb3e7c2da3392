"""A text without its disguises, with offsets back to the original.

Compatibility forms (NFKC per character), invisible characters, tag characters and letters of other
scripts inside Latin words are undone. Everything is linear in the text: canonical reordering, which
is quadratic in a run of combining marks, is avoided by dropping such marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.scan.alphabet import LATIN, LOOKALIKE, SIZE, TAG_OFFSET, TAGS, Plain, plain

_TAGS_END = 0xE0200
_MIXED = LATIN | LOOKALIKE


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text; `positions` maps its characters to the original's, None where equal."""

    text: str
    original: str
    positions: NDArray[np.intp] | None = None

    def origin(self, start: int, stop: int) -> tuple[int, int]:
        """Where in the original the characters from `start` to `stop` come from."""
        if self.positions is None or start >= stop:
            return start, stop
        return int(self.positions[start]), int(self.positions[stop - 1]) + 1


def code_points(text: str) -> NDArray[np.uint32]:
    """The text as numbers; lone surrogates stay what they are."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def text_of(codes: NDArray[np.uint32]) -> str:
    """The reverse of `code_points`."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def normalise(text: str) -> Normalised:
    """The text as a reader would understand it; ASCII is returned as it is, at no cost."""
    if text.isascii():
        return Normalised(text, text)
    tables = plain()
    codes = code_points(text)
    low = np.minimum(codes, SIZE - 1)
    found, positions = _substituted(codes, low, tables)
    found = _unmixed(found, tables)
    if positions is None and np.array_equal(found, codes):
        return Normalised(text, text)
    return Normalised(text_of(found), text, positions)


def _substituted(
    codes: NDArray[np.uint32], low: NDArray[np.uint32], tables: Plain
) -> tuple[NDArray[np.uint32], NDArray[np.intp] | None]:
    first = np.where(codes < SIZE, tables.first[low], codes)
    length = tables.length[low]
    if int(codes.max()) >= TAG_OFFSET:
        tag = (codes >= TAGS[0]) & (codes <= TAGS[1])
        first = np.where(tag, codes - np.uint32(TAG_OFFSET), first)
        # The other selectors and tags of the plane (U+E0001, U+E0100 to U+E01EF) are invisible.
        length = np.where((codes >= TAG_OFFSET) & (codes < _TAGS_END) & ~tag, 0, length)
    if bool((length == 1).all()):
        return first, None
    positions = np.repeat(np.arange(len(codes)), length)
    found = first[positions]
    several = np.flatnonzero(length[positions] > 1)
    if len(several):
        source = positions[several]
        begins = np.cumsum(length, dtype=np.intp) - length
        within = several - begins[source]
        found[several] = tables.long[tables.start[low[source]] + within]
    return found, positions


def _unmixed(codes: NDArray[np.uint32], tables: Plain) -> NDArray[np.uint32]:
    """Look-alikes made Latin within words that also have Latin letters."""
    if not len(codes):
        return codes
    low = np.minimum(codes, SIZE - 1)
    script = tables.script[low]
    if int(np.bitwise_or.reduce(script)) != _MIXED:
        return codes
    letter = tables.letter[low]
    begins = np.flatnonzero(np.diff(letter, prepend=~letter[:1]))
    scripts = np.bitwise_or.reduceat(script, begins)
    lengths = np.diff(begins, append=len(codes))
    mixed = np.repeat(scripts == _MIXED, lengths) & (script == LOOKALIKE) & letter
    return np.where(mixed, tables.latin[low], codes)
