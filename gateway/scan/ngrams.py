"""The n-grams of a text as hashes, computed by numpy over the whole text at once.

Words are hashed from prefix sums of a polynomial, so no word is ever a Python object. The families
of n-grams are a contract between the training and the running model: a change of anything here
needs a new model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gateway.scan import alphabet
from gateway.scan.alphabet import DROP, SINGLE, SIZE, WORD

Hashes = NDArray[np.uint32]
Indexes = NDArray[np.intp]

PIECE_CHARS = 1 << 13
"""The longest piece of text that is hashed at once; callers cut longer ones."""
CHARS = 5
"""Length of the n-grams of characters, which run across spaces: they survive any spacing."""
STEM = 5
"""Characters of a word that make its stem."""

FAMILIES = (
    "word",
    "two words",
    "three words",
    "four words",
    "words around one",
    "two stems",
    "mark and word",
    "characters",
)
_BASE = 0x2C1B3C6D


def _odd(number: int) -> np.uint32:
    return np.uint32((0x9E3779B1 * (2 * number + 1)) & 0xFFFFFFFF)


_K = tuple(_odd(number) for number in range(1, 16))


def _powers(base: int) -> Hashes:
    powers = np.empty(PIECE_CHARS + 1, dtype=np.uint32)
    value = 1
    for index in range(PIECE_CHARS + 1):
        powers[index] = value
        value = (value * base) & 0xFFFFFFFF
    return powers


_POWERS = _powers(_BASE)
_INVERSES = _powers(pow(_BASE, -1, 1 << 32))
_COUNT = np.arange(PIECE_CHARS + 1, dtype=np.intp)
_SHIFT15, _SHIFT16 = np.uint32(15), np.uint32(16)
_MIX1, _MIX2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of one piece: `hashes`, and in `words` the word each belongs to (its first).

    `starts` and `stops` are the characters of each word in the piece. `sizes` tells how many
    hashes each family has, in the order of FAMILIES.
    """

    hashes: Hashes
    words: Indexes
    starts: Indexes
    stops: Indexes
    sizes: tuple[int, ...]


_NONE = np.zeros(0, dtype=np.intp)
_NOTHING = Grams(np.zeros(0, dtype=np.uint32), _NONE, _NONE, _NONE, (0,) * len(FAMILIES))


def _mix(hashes: Hashes) -> None:
    """Spreads what differs over all bits, in place (a 32-bit finaliser)."""
    hashes ^= hashes >> _SHIFT16
    hashes *= _MIX1
    hashes ^= hashes >> _SHIFT15
    hashes *= _MIX2
    hashes ^= hashes >> _SHIFT16


@dataclass(frozen=True, slots=True)
class _Folded:
    """The tokeniser's tables as arrays: `leet` is `value`, but with letters' values for digits."""

    kind: NDArray[np.uint8]
    value: Hashes
    leet: Hashes
    digit: NDArray[np.bool_]


@cache
def folded() -> _Folded:
    """The tokeniser's tables."""
    tables = alphabet.folded()
    value = np.frombuffer(tables.value, dtype="<u4").astype(np.uint32)
    leet, digit = value.copy(), np.zeros(SIZE, dtype=np.bool_)
    digits = slice(ord("0"), ord("9") + 1)
    leet[digits] = value[np.frombuffer(tables.leet, dtype=np.uint8)]
    digit[digits] = True
    return _Folded(np.frombuffer(tables.kind, dtype=np.uint8), value, leet, digit)


def _codes(piece: str) -> Indexes:
    if piece.isascii():
        return np.frombuffer(piece.encode("latin-1"), dtype=np.uint8).astype(np.intp)
    wide = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.minimum(wide, SIZE - 1).astype(np.intp)


def grams(piece: str) -> Grams:
    """The n-grams of `piece`, which has at most PIECE_CHARS characters."""
    tables = folded()
    codes = _codes(piece)
    kind = tables.kind.take(codes)
    kept = None
    if (kind == DROP).any():
        kept = kind.nonzero()[0]
        codes, kind = codes.take(kept), kind.take(kept)
    word = (kind == WORD) | (kind == SINGLE)
    inside = word.nonzero()[0]
    if not len(inside):
        return _NOTHING
    first, last = _words(kind, word)
    values = tables.value.take(codes)
    marks = _marks(values, first, last)
    begins = word.cumsum().take(first)
    begins -= 1
    squeezed = _unleet(tables, codes.take(inside), values.take(inside), begins)
    starts, stops = (first, last) if kept is None else (kept[first], kept[last - 1] + 1)
    return _hashed(squeezed, begins, marks, starts, stops)


def word_places(text: str) -> tuple[Indexes, Indexes]:
    """Where the words of a text of any length begin and end."""
    codes = _codes(text)
    kind = folded().kind.take(codes)
    kept = (kind != DROP).nonzero()[0]
    kind = kind.take(kept)
    first, last = _words(kind, (kind == WORD) | (kind == SINGLE))
    return kept[first], kept[last - 1] + 1


def _words(kind: NDArray[np.uint8], word: NDArray[np.bool_]) -> tuple[Indexes, Indexes]:
    """Where words begin and end; a SINGLE character is a word by itself."""
    edge = np.ones(len(kind) + 1, dtype=np.bool_)
    np.not_equal(kind[1:], kind[:-1], out=edge[1:-1])
    single = kind == SINGLE
    if single.any():
        edge[:-1] |= single
        edge[1:] |= single
    first = (edge[:-1] & word).nonzero()[0]
    last = (edge[1:] & word).nonzero()[0]
    last += 1
    return first, last


def _marks(values: Hashes, first: Indexes, last: Indexes) -> Hashes:
    """What stands before each word: its outer characters, hashed; 0 for mere spaces."""
    marks = np.zeros(len(first), dtype=np.uint32)
    after, before = last[:-1], first[1:]
    marks[1:] = (values.take(after) * _K[12] + values.take(before - 1) * _K[13]) * (before > after)
    return marks


def _unleet(tables: _Folded, codes: Indexes, values: Hashes, begins: Indexes) -> Hashes:
    """Digits read as letters in the words that have both."""
    digit = tables.digit.take(codes)
    if not digit.any():
        return values
    mixed = digit[1:] != digit[:-1]
    mixed[begins[1:] - 1] = False
    if not mixed.any():
        return values
    lengths = np.diff(begins, append=len(values))
    digits = np.add.reduceat(digit.astype(np.intp), begins)
    both = (digits > 0) & (digits < lengths)
    return np.where(np.repeat(both, lengths) & digit, tables.leet.take(codes), values)


def _hashed(
    values: Hashes, begins: Indexes, marks: Hashes, starts: Indexes, stops: Indexes
) -> Grams:
    """All families of the words that begin at `begins` in the squeezed `values`."""
    count, size = len(begins), len(values)
    ends = np.empty(count, dtype=np.intp)
    ends[:-1], ends[-1] = begins[1:], size
    sums = np.zeros(size + 1, dtype=np.uint32)
    (values * _POWERS[:size]).cumsum(dtype=np.uint32, out=sums[1:])
    at, inverse = sums.take(begins), _INVERSES.take(begins)
    w = (sums.take(ends) - at) * inverse
    _mix(w)
    stem = (sums.take(np.minimum(begins + STEM, ends)) - at) * inverse
    _mix(stem)
    marked = marks.nonzero()[0]
    second = w[1:] * _K[0]
    three = w[:-2] + second[:-1] + w[2:] * _K[1]
    families = (
        w,
        w[:-1] + second,
        three,
        three[:-1] + w[3:] * _K[2],
        w[:-2] + w[2:] * _K[3],
        stem[:-1] * _K[5] + stem[1:] * _K[6],
        marks.take(marked) * _K[8] + w.take(marked),
        (sums[CHARS:] - sums[:-CHARS]) * _INVERSES[: max(0, size + 1 - CHARS)],
    )
    hashes = np.concatenate(families)
    _mix(hashes)
    owner = np.repeat(_COUNT[:count], ends - begins)
    words = (*(_COUNT[: len(family)] for family in families[:6]), marked, owner)
    sizes = tuple([len(family) for family in families])
    return Grams(hashes, np.concatenate(words)[: len(hashes)], starts, stops, sizes)
