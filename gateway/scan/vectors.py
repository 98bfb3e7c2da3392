"""A whole text's windows by numpy: what a pass computes, where there is no compiled one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateway.scan.ngrams import PIECE_CHARS, Grams, grams
from gateway.scan.sweep import LEAST, MOST, WIDTHS
from gateway.scan.tables import Tables

_SLOT_SHIFT = np.uint32(12)
_FINGERPRINT = np.uint32(0xFFFF)
_EIGHT, _TOP = np.uint32(8), np.int32(24)
_REACH_WORDS = 6
"""Words at the end of a piece whose n-grams may reach beyond it: four, and one that is cut."""

Window = tuple[int, int, int]


class Vectors:
    """The model as one array with an entry for each place, and what it finds in a text."""

    def __init__(self, tables: Tables) -> None:
        present = np.frombuffer(tables.present, dtype=np.uint8)
        places = np.flatnonzero(np.unpackbits(present, bitorder="little"))
        self._table = np.zeros(len(present) * 8, dtype=np.uint32)
        self._table[places] = np.frombuffer(tables.entries, dtype="<u4")

    def windows(self, text: str, *, tool: bool) -> tuple[list[Window], int, int]:
        """The strongest window of each width, and how many words there are and are known."""
        weights, known = self._weights(text, tool)
        words = len(weights)
        sums = np.zeros(words + 1)
        np.cumsum(weights, out=sums[1:])
        found: list[Window] = []
        for width in WIDTHS if words else ():
            size = min(width, words)
            windows = sums[size:] - sums[:-size]
            first = int(windows.argmax())
            found.append((int(windows[first]), first, size))
            if words <= width:
                break
        return found, words, known

    def _weights(self, text: str, tool: bool) -> tuple[NDArray[np.float64], int]:
        """The weight of each word, which is that of the n-grams that begin in it.

        A long text is hashed in pieces. Each ends some words before the text that was hashed, and
        the next begins with the word before, so that no n-gram is cut, counted twice or forgotten.
        """
        parts: list[NDArray[np.float64]] = []
        known, offset, begin = 0, 0, 0
        while True:
            found = grams(text[offset : offset + PIECE_CHARS])
            words = len(found.starts)
            is_last = offset + PIECE_CHARS >= len(text)
            end = words if is_last else words - _REACH_WORDS
            fits = end > begin
            if words:
                until = end if fits or is_last else words
                weights, hits = self._known(found, tool)
                parts.append(weights[begin:until])
                known += int(np.count_nonzero((hits >= begin) & (hits < until)))
            if is_last:
                break
            # A piece of a few words beyond all length is taken as it is cut.
            offset += int(found.starts[end - 1]) if fits else PIECE_CHARS
            begin = 1 if fits else 0
        every = np.concatenate(parts) if parts else np.zeros(0)
        return np.clip(every, LEAST, MOST), known

    def _known(self, found: Grams, tool: bool) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """The weight of each word of a piece, and the words that are known by themselves."""
        hits, weights = self._hits(found, tool)
        words = len(found.starts)
        owners = found.words.take(hits)
        sums = np.bincount(owners, weights=weights, minlength=words).astype(np.float64, copy=False)
        return sums, hits[: int(np.searchsorted(hits, words))]

    def _hits(self, found: Grams, tool: bool) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Which hashes the model knows, and their weights."""
        hashes = found.hashes
        entries = self._table.take((hashes >> _SLOT_SHIFT).astype(np.intp))
        hits = (((entries ^ hashes) & _FINGERPRINT) == 0).nonzero()[0]
        entries = entries.take(hits)
        if tool:
            entries = entries << _EIGHT
        return hits, entries.view(np.int32) >> _TOP
