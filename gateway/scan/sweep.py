"""The model's sums in one pass over a text, word by word, with a state that streams go on from.

This is the plain form of what `_sweep.c` does in a hundredth of the time, and what a machine
without a C compiler uses. `ngrams` computes the same n-grams with numpy.
"""

from __future__ import annotations

from collections import deque

from gateway.scan.alphabet import DROP, SINGLE, WORD
from gateway.scan.tables import Tables

__all__ = ["LEAST", "MOST", "Sweep", "Tables"]

LEAST, MOST = -256, 1024
"""What one word may weigh: else a word without end could outweigh all others."""
WIDTHS = (20, 64, 200)
"""Words in a window; a text with fewer is one window."""
_STEM = _FIVE = 5
_REACH = 4
"""No n-gram begins more words before the one that it ends in."""
_MASK = 0xFFFFFFFF
_UNSEEN = -(1 << 40)
_TWO_SPAN, _THREE_SPAN, _FOUR_SPAN = 2, 3, 4


class _Width:
    """The strongest window of so many words."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.total = self.first = 0
        self.best = _UNSEEN

    def copy(self) -> _Width:
        """Another in the same state."""
        twin = _Width(self.size)
        twin.total, twin.best, twin.first = self.total, self.best, self.first
        return twin

    def add(self, sums: deque[int], word: int) -> None:
        """One more word, whose sum is the newest of `sums`."""
        self.total += sums[-1]
        if word >= self.size:
            self.total -= sums[-1 - self.size]
        if word >= self.size - 1 and self.total > self.best:
            self.best, self.first = self.total, word - self.size + 1


class Sweep:
    """One pass for one head. `feed` it text that ends where a word ends; then ask `windows`.

    `words` counts the words so far, `known` those that the model has a weight for. The weight of an
    n-gram belongs to the word that it begins in.
    """

    def __init__(self, tables: Tables, *, tool: bool) -> None:
        self._tables = tables
        self._side = 2 if tool else 3
        self.words = self.known = 0
        self._pending: list[int] = []
        self._settled: deque[int] = deque(maxlen=WIDTHS[-1] + 1)
        self._sum = 0
        self._widths = [_Width(size) for size in WIDTHS]
        self._recent = [0] * _FIVE
        self._owners = [0] * _FIVE
        self._five = self._chars = 0
        self._last_words = [0, 0, 0]
        self._stem = 0
        self._gap: list[int] = []

    def feed(self, text: str) -> None:
        """Goes on with `text`."""
        kinds = self._tables.kinds
        last = len(kinds) - 1
        codes = [min(ord(char), last) for char in text]
        at = 0
        while at < len(codes):
            kind = kinds[codes[at]]
            if kind == WORD:
                at = self._word(codes, at)
                continue
            if kind == SINGLE:
                self._weigh(codes[at : at + 1])
            elif kind != DROP:
                self._gap.append(self._value(codes[at]))
            at += 1

    def windows(self) -> list[tuple[int, int, int]]:
        """The strongest window of each width: its sum, its first word, how many words it has.

        A text that has no more words than a width is one window of all of them, and the last one.
        """
        sums, total = self._settled.copy(), self._sum
        widths = [width.copy() for width in self._widths]
        for at, one in enumerate(self._pending):
            total += _settle(sums, widths, self.words - len(self._pending) + at, one)
        found: list[tuple[int, int, int]] = []
        for width in widths if self.words else ():
            if self.words <= width.size:
                found.append((total, 0, self.words))
                break
            found.append((width.best, width.first, width.size))
        return found

    def _value(self, code: int) -> int:
        return int.from_bytes(self._tables.values[code * 4 : code * 4 + 4], "little")

    def _word(self, codes: list[int], begin: int) -> int:
        """Weighs the word that begins here and returns the place after its last character.

        Digits among letters are read as the letters they stand for.
        """
        kinds, leet = self._tables.kinds, self._tables.leet
        end = at = begin
        while at < len(codes) and kinds[codes[at]] in {WORD, DROP}:
            at += 1
            if kinds[codes[at - 1]] == WORD:
                end = at
        word = [code for code in codes[begin:end] if kinds[code] == WORD]
        digits = [ord("0") <= code <= ord("9") for code in word]
        if any(digits) and not all(digits):
            word = [
                leet[code - ord("0")] if digit else code
                for code, digit in zip(word, digits, strict=True)
            ]
        self._weigh(word)
        return end

    def _weigh(self, word: list[int]) -> None:
        """One word: its n-grams of characters and of words."""
        if len(self._pending) > _REACH:
            word_at = self.words - len(self._pending)
            self._sum += _settle(self._settled, self._widths, word_at, self._pending.pop(0))
        self._pending.append(0)
        total, stem, power = 0, 0, 1
        for length, code in enumerate(word, 1):
            value = self._value(code)
            total = total + value * power & _MASK
            power = power * 0x2C1B3C6D & _MASK
            if length <= _STEM:
                stem = total
            self._letter(value)
        self._grams(mixed(total), mixed(stem))

    def _letter(self, value: int) -> None:
        """The n-gram of five characters that ends with this one, across any spaces."""
        five = (self._five - self._recent[0]) * 0x64EA2D65 + value * 0x6EAF9711
        self._five = five & _MASK
        self._recent = [*self._recent[1:], value]
        self._owners = [*self._owners[1:], self.words]
        self._chars += 1
        if self._chars >= _FIVE:
            self._found(self._five, self._owners[0], _TWO_SPAN)

    def _grams(self, word: int, stem: int) -> None:
        """The n-grams of words that end with this one."""
        at, (one, two, three) = self.words, self._last_words
        self.known += self._found(word, at, 1)
        if at > 0:
            self._marked(word, at)
            self._found(one + word * 0xDAA66D13, at - 1, _TWO_SPAN)
            self._found(self._stem * 0x08D12DFD + stem * 0x4540215F, at - 1, _TWO_SPAN)
        if at > 1:
            ends = two + one * 0xDAA66D13
            self._found(ends + word * 0x17156075, at - 2, _THREE_SPAN)
            self._found(two + word * 0x8FF34739, at - 2, _THREE_SPAN)
        if at > 2:  # noqa: PLR2004  # the first n-gram of four words
            before = three + two * 0xDAA66D13 + one * 0x17156075
            self._found(before + word * 0x538453D7, at - 3, _FOUR_SPAN)
        self._last_words = [word, one, two]
        self._stem = stem
        self._gap = []
        self.words = at + 1

    def _marked(self, word: int, at: int) -> None:
        """The n-gram of a word and the outer characters before it; mere spaces are none."""
        if self._gap:
            mark = self._gap[0] * 0xAFD9D5AB + self._gap[-1] * 0xEC48C90D & _MASK
            if mark:
                self._found(mark * 0xBE1E0823 + word, at, 1)

    def _found(self, gram: int, word: int, span: int) -> bool:
        """Adds the weight of an n-gram that begins in `word` and spans so many words.

        Whether the model knows it.
        """
        entry = self._tables.entry(mixed(gram & _MASK))
        if entry < 0:
            return False
        weight = self._tables.entries[entry + self._side]
        self._add(word, span, weight - 256 if weight > 127 else weight)  # noqa: PLR2004  # a sign
        return True

    def _add(self, word: int, span: int, weight: int) -> None:  # noqa: ARG002  # for those who list
        self._pending[word - self.words - 1] += weight


def _settle(sums: deque[int], widths: list[_Width], word: int, sum_: int) -> int:
    """Adds a word whose sum is final; what it counts for."""
    bounded = min(max(sum_, LEAST), MOST)
    sums.append(bounded)
    for width in widths:
        width.add(sums, word)
    return bounded


def mixed(gram: int) -> int:
    """Spreads what differs over all 32 bits."""
    gram ^= gram >> 16
    gram = gram * 0x7FEB352D & _MASK
    gram ^= gram >> 15
    gram = gram * 0x846CA68B & _MASK
    return gram ^ gram >> 16
