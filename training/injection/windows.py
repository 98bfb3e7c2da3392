"""Windows of texts as sparse rows: what the scorer sees of a text, at each of its widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from gateway.scan.ngrams import PIECE_CHARS, grams
from gateway.scan.normalise import normalise
from gateway.scan.sweep import WIDTHS
from training.injection.rows import Row

_TILES = {WIDTHS[0]: 6, WIDTHS[1]: 5, WIDTHS[2]: 3}
"""How many windows of each width are taken of one harmless text."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A text's hashes ordered by word: those of the words i to j are `bounds[i]:bounds[j]`."""

    hashes: NDArray[np.uint32]
    bounds: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]

    @property
    def words(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class Window:
    """One example: words `first` to `last` of the text `row`."""

    row: int
    first: int
    last: int
    label: int


def hashed(text: str) -> Hashed:
    """The n-grams of the text as the scorer computes them."""
    piece = grams(normalise(text[:PIECE_CHARS]).text[:PIECE_CHARS])
    order = np.argsort(piece.words, kind="stable")
    bounds = np.searchsorted(piece.words[order], np.arange(len(piece.starts) + 1))
    return Hashed(piece.hashes[order], bounds, piece.starts, piece.stops)


def windows(number: int, row: Row, text: Hashed, random: Random) -> Iterator[Window]:
    """The examples that a row gives."""
    if not text.words:
        return
    for width in WIDTHS:
        if row.label and row.span is not None:
            yield from _around(number, row.span, text, width, random)
        else:
            yield from _tiles(number, row.label, text, width, random)
        if text.words <= width:
            return


def _tiles(number: int, label: int, text: Hashed, width: int, random: Random) -> Iterator[Window]:
    if text.words <= width:
        yield Window(number, 0, text.words, label)
        return
    if label and width < WIDTHS[-1]:
        return  # where the attack stands is found by the model, in the second round
    starts = list(range(0, text.words - width + 1, width))
    for first in random.sample(starts, min(_TILES[width], len(starts))):
        yield Window(number, first, first + width, label)


def _around(
    number: int, span: tuple[int, int], text: Hashed, width: int, random: Random
) -> Iterator[Window]:
    begin = int(np.searchsorted(text.stops, span[0], side="right"))
    end = max(begin + 1, int(np.searchsorted(text.starts, span[1])))
    least, most = max(0, end - width), min(begin, max(0, text.words - width))
    if end - begin > width:
        least, most = begin, max(begin, end - width)
    first = random.randint(min(least, most), max(least, most))
    yield Window(number, first, min(text.words, first + width), 1)
    for clean in (begin - width, end):
        if clean >= 0 and clean + width <= text.words:
            yield Window(number, clean, clean + width, 0)
