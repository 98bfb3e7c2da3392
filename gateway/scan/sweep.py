"""The model's sums in one pass over a text, word by word, with a state that streams go on from.

This computes what `ngrams` and `classifier` compute with numpy, n-gram for n-gram. It is made to be
compiled (docs/decisions/0006): plain loops over bytes and whole numbers of 64 bits. Compiled it
takes a fraction of numpy's time and has no fixed cost; interpreted it is slow, so there whole
texts go to numpy.

Multipliers of more than 31 bits stand as the negative numbers that equal them modulo 2^32, so that
no product leaves 64 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.scan.tables import DROP, SINGLE, WORD, Tables, wide

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_STEM: Final = 5
_FIVE: Final = 5
_RING: Final = 255
_SHORT: Final = 20
_MIDDLE: Final = 64
_LONG: Final = 200
_MASK: Final = 0xFFFFFFFF
LEAST: Final = -256
MOST: Final = 1024
"""What one word may weigh: else a word without end could outweigh all others."""
_UNSEEN: Final = -(1 << 40)


class Sweep:
    """One pass for one head. `feed` it text that ends where a word ends; then ask `windows`.

    The weight of an n-gram belongs to the word that it begins in. `_a0` is the sum of the newest
    word, `_a4` that of the fourth before: no n-gram reaches further back.
    """

    def __init__(self, tables: Tables, *, tool: bool) -> None:
        self._tables = tables
        self._side: i64 = 2 if tool else 3
        self._ring = [0] * (_RING + 1)
        self.words: i64 = 0
        self.known: i64 = 0
        self._settled: i64 = 0
        self._sum: i64 = 0
        self._short: i64 = 0
        self._middle: i64 = 0
        self._long: i64 = 0
        self._short_best: i64 = _UNSEEN
        self._middle_best: i64 = _UNSEEN
        self._long_best: i64 = _UNSEEN
        self._at_short: i64 = 0
        self._at_middle: i64 = 0
        self._at_long: i64 = 0
        self._a0: i64 = 0
        self._a1: i64 = 0
        self._a2: i64 = 0
        self._a3: i64 = 0
        self._a4: i64 = 0
        self._w1: i64 = 0
        self._w2: i64 = 0
        self._w3: i64 = 0
        self._stem: i64 = 0
        self._chars: i64 = 0
        self._five: i64 = 0
        self._r0: i64 = 0
        self._r1: i64 = 0
        self._r2: i64 = 0
        self._r3: i64 = 0
        self._r4: i64 = 0
        self._o0: i64 = 0
        self._o1: i64 = 0
        self._o2: i64 = 0
        self._o3: i64 = 0
        self._o4: i64 = 0
        self._gap = False
        self._gap_first: i64 = 0
        self._gap_last: i64 = 0

    def feed(self, data: bytes, width: int) -> None:
        """Goes on with `data`, of `width` bytes per character: 1 for ASCII, 4 for UTF-32-LE."""
        kinds, last = self._tables.kinds, self._tables.last
        step: i64 = width
        stop: i64 = len(data)
        at: i64 = 0
        while at < stop:
            code: i64 = data[at]
            if step > 1:
                code = wide(data, at, last)
            kind: i64 = kinds[code]
            if kind == WORD:
                at = self._word(data, at, stop, step)
                continue
            if kind == SINGLE:
                self._weigh(data, at, at + step, step, self._tables.values)
            elif kind != DROP:
                self._between(code)
            at += step

    def windows(self) -> list[tuple[int, int, int]]:
        """The strongest window of each width: its sum, its first word, how many words it has.

        A text that has no more words than a width is one window of all of them, and the last one.
        """
        pending: i64 = self.words - self._settled
        total, short, middle, long = self._sum, self._short, self._middle, self._long
        best_short, best_middle, best_long = self._short_best, self._middle_best, self._long_best
        at_short, at_middle, at_long = self._at_short, self._at_middle, self._at_long
        ring = self._ring
        while pending > 0:
            weight = _bounded(self._pending(pending - 1))
            word: i64 = self.words - pending
            pending -= 1
            total += weight
            short += weight
            middle += weight
            long += weight
            if word >= _SHORT:
                short -= ring[(word - _SHORT) & _RING]
            if word >= _MIDDLE:
                middle -= ring[(word - _MIDDLE) & _RING]
            if word >= _LONG:
                long -= ring[(word - _LONG) & _RING]
            if word >= _SHORT - 1 and short > best_short:
                best_short, at_short = short, word - (_SHORT - 1)
            if word >= _MIDDLE - 1 and middle > best_middle:
                best_middle, at_middle = middle, word - (_MIDDLE - 1)
            if word >= _LONG - 1 and long > best_long:
                best_long, at_long = long, word - (_LONG - 1)
        words: i64 = self.words
        found: list[tuple[int, int, int]] = []
        if words == 0:
            return found
        if words <= _SHORT:
            found.append((total, 0, words))
            return found
        found.append((best_short, at_short, _SHORT))
        if words <= _MIDDLE:
            found.append((total, 0, words))
            return found
        found.append((best_middle, at_middle, _MIDDLE))
        if words <= _LONG:
            found.append((total, 0, words))
            return found
        found.append((best_long, at_long, _LONG))
        return found

    def _pending(self, distance: i64) -> i64:
        """The sum so far of the word that many before the newest."""
        if distance == 0:
            return self._a0
        if distance == 1:
            return self._a1
        if distance == 2:  # noqa: PLR2004  # the second word before
            return self._a2
        return self._a3 if distance == 3 else self._a4  # noqa: PLR2004  # the third

    def _between(self, code: i64) -> None:
        """A character between two words: the first and the last of them are a mark."""
        value = _four(self._tables.values, code * 4)
        if not self._gap:
            self._gap, self._gap_first = True, value
        self._gap_last = value

    def _word(self, data: bytes, begin: i64, stop: i64, step: i64) -> i64:
        """Weighs the word that begins here and returns the place after its last character.

        Digits among letters are read as the letters they stand for.
        """
        tables = self._tables
        kinds, last = tables.kinds, tables.last
        at: i64 = begin
        end: i64 = begin
        digits: i64 = 0
        letters: i64 = 0
        while at < stop:
            code: i64 = data[at]
            if step > 1:
                code = wide(data, at, last)
            kind: i64 = kinds[code]
            at += step
            if kind == WORD:
                end = at
                if 48 <= code <= 57:  # noqa: PLR2004  # ASCII's digits
                    digits += 1
                else:
                    letters += 1
            elif kind != DROP:
                break
        mixed = digits > 0 and letters > 0
        self._weigh(data, begin, end, step, tables.leet if mixed else tables.values)
        return end

    def _weigh(self, data: bytes, begin: i64, end: i64, step: i64, values: bytes) -> None:
        """One word, whose characters have these values: its n-grams of characters and of words."""
        kinds, last = self._tables.kinds, self._tables.last
        self._settle()
        total: i64 = 0
        stem: i64 = 0
        power: i64 = 1
        length: i64 = 0
        at: i64 = begin
        while at < end:
            code: i64 = data[at]
            if step > 1:
                code = wide(data, at, last)
            at += step
            if kinds[code] == DROP:
                continue
            value = _four(values, code * 4)
            total = (total + value * power) & _MASK
            power = (power * 0x2C1B3C6D) & _MASK
            if power > 0x7FFFFFFF:  # noqa: PLR2004  # see the module's docstring
                power -= 0x100000000
            length += 1
            if length == _STEM:
                stem = total
            self._letter(value)
        if length < _STEM:
            stem = total
        self._grams(_mix(total), _mix(stem))

    def _letter(self, value: i64) -> None:
        """The n-gram of five characters that ends with this one, across any spaces."""
        five: i64 = ((self._five - self._r0) * 0x64EA2D65) & _MASK
        five = (five + value * 0x6EAF9711) & _MASK
        self._five = five
        word = self.words
        self._r0 = self._r1
        self._r1 = self._r2
        self._r2 = self._r3
        self._r3 = self._r4
        self._r4 = value
        self._o0 = self._o1
        self._o1 = self._o2
        self._o2 = self._o3
        self._o3 = self._o4
        self._o4 = word
        self._chars += 1
        if self._chars < _FIVE:
            return
        slot = self._slot(five)
        if slot < 0:
            return
        weight = self._weight(slot)
        back: i64 = word - self._o0
        if back == 0:
            self._a0 += weight
        elif back == 1:
            self._a1 += weight
        elif back == 2:  # noqa: PLR2004  # words of one or two characters
            self._a2 += weight
        elif back == 3:  # noqa: PLR2004  # words of one or two characters
            self._a3 += weight
        else:
            self._a4 += weight

    def _grams(self, word: i64, stem: i64) -> None:
        """The n-grams of words that end with this one."""
        one, two, three = self._w1, self._w2, self._w3
        slot = self._slot(word)
        if slot >= 0:
            self.known += 1
            self._a0 += self._weight(slot)
        count: i64 = self.words
        if count > 0:
            if self._gap:
                self._a0 += self._marked(word)
            self._a1 += self._found(one + word * -626627309)
            self._a1 += self._found(((self._stem * 147926525) & _MASK) + stem * 1161830751)
        if count > 1:
            self._a2 += self._found(two + ((one * -626627309) & _MASK) + word * 387276917)
            self._a2 += self._found(two + word * -1879881927)
        if count > 2:  # noqa: PLR2004  # the first n-gram of four words
            before: i64 = three + ((two * -626627309) & _MASK) + ((one * 387276917) & _MASK)
            self._a3 += self._found(before + word * 1401181143)
        self._w1 = word
        self._w2 = one
        self._w3 = two
        self._stem = stem
        self._gap = False
        self.words = count + 1

    def _marked(self, word: i64) -> i64:
        """The n-gram of a word and the mark before it; mere spaces are none."""
        mark: i64 = ((self._gap_first * -1344678485) & _MASK) + (
            (self._gap_last * -330774259) & _MASK
        )
        mark &= _MASK
        return 0 if mark == 0 else self._found(((mark * -1105328093) & _MASK) + word)

    def _found(self, gram: i64) -> i64:
        """The weight of an n-gram of words; 0 where the model does not know it."""
        slot = self._slot(gram & _MASK)
        return self._weight(slot) if slot >= 0 else 0

    def _slot(self, gram: i64) -> i64:
        """Where in the table an n-gram stands, or -1.

        One bit of a small map answers for most n-grams, so the table stays out of the way.
        """
        spread = _mix(gram)
        place: i64 = spread >> 12
        present = self._tables.present
        if (present[place >> 3] >> (place & 7)) & 1 == 0:
            return -1
        slots = self._tables.slots
        at: i64 = place * 4
        if slots[at] != spread & 255 or slots[at + 1] != (spread >> 8) & 255:
            return -1
        return at

    def _weight(self, slot: i64) -> i64:
        weight: i64 = self._tables.slots[slot + self._side]
        return weight - 256 if weight > 127 else weight  # noqa: PLR2004  # eight bits with a sign

    def _settle(self) -> None:
        """Before a new word: what the fifth word before weighs is final."""
        if self.words >= _FIVE:
            word: i64 = self._settled
            weight = _bounded(self._a4)
            ring = self._ring
            ring[word & _RING] = weight
            self._sum += weight
            self._short += weight
            self._middle += weight
            self._long += weight
            if word >= _SHORT - 1:
                if word >= _SHORT:
                    self._short -= ring[(word - _SHORT) & _RING]
                if self._short > self._short_best:
                    self._short_best, self._at_short = self._short, word - (_SHORT - 1)
            if word >= _MIDDLE - 1:
                if word >= _MIDDLE:
                    self._middle -= ring[(word - _MIDDLE) & _RING]
                if self._middle > self._middle_best:
                    self._middle_best, self._at_middle = self._middle, word - (_MIDDLE - 1)
            if word >= _LONG - 1:
                if word >= _LONG:
                    self._long -= ring[(word - _LONG) & _RING]
                if self._long > self._long_best:
                    self._long_best, self._at_long = self._long, word - (_LONG - 1)
            self._settled = word + 1
        self._a4 = self._a3
        self._a3 = self._a2
        self._a2 = self._a1
        self._a1 = self._a0
        self._a0 = 0


def _bounded(weight: i64) -> i64:
    if weight < LEAST:
        return LEAST
    return min(weight, MOST)


def _mix(gram: i64) -> i64:
    """Spreads what differs over all 32 bits."""
    gram ^= gram >> 16
    gram = (gram * 0x7FEB352D) & _MASK
    gram ^= gram >> 15
    gram = (gram * -2073254261) & _MASK
    return gram ^ (gram >> 16)


def _four(values: bytes, at: i64) -> i64:
    """The whole number of four bytes, the lowest first."""
    return values[at] | (values[at + 1] << 8) | (values[at + 2] << 16) | (values[at + 3] << 24)
