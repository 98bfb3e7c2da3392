"""Tables over code points: what each character stands for, built once from the Unicode database.

They are arrays indexed by code point, as bytes, so that C reads them as they are.
"""

from __future__ import annotations

import sys
import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

SIZE = 0x20000
"""Code points with an entry of their own; what is above shares the last one, but for TAGS."""
TAGS = (0xE0020, 0xE007E)
"""Invisible copies of ASCII (Unicode 16.0 section 23.9), used to smuggle text past readers."""
TAG_OFFSET, TAGS_END = 0xE0000, 0xE0200
"""The other selectors and tags of the plane (U+E0001, U+E0100 to U+E01EF) are invisible."""

DROP, SPACE, WORD, SINGLE, MARK = range(5)
"""Kinds of characters for the tokeniser: SINGLE ones (CJK) are words by themselves."""

LATIN, LOOKALIKE = 1, 2
"""Scripts of letters: Latin, and letters of others that read as a Latin one."""
CODE_MASK, LENGTH_SHIFT, LENGTH_MASK, SCRIPT_SHIFT, SCRIPT_MASK = (1 << 21) - 1, 21, 7, 24, 3
LETTER_BIT = 1 << 26
"""Where an entry of `Plain.codes` keeps what."""

_PLAIN_BLOCKS = (range(0x3400, 0xA000), range(0xAC00, 0xD7A4), range(0xD800, 0xF900))
"""Blocks whose characters stand for themselves, skipped to keep the start quick."""
_ASTRAL_BLOCKS = (range(0x1D400, 0x1D800), range(0x1F100, 0x1F200))
_INVISIBLE = (
    range(0x00AD, 0x00AE),
    range(0x0300, 0x0370),
    range(0x061C, 0x061D),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x200B, 0x2010),
    range(0x202A, 0x202F),
    range(0x2060, 0x2070),
    range(0x20D0, 0x2100),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFE20, 0xFE30),
    range(0xFEFF, 0xFF00),
    range(0xFFA0, 0xFFA1),
)
"""Zero-width characters, direction marks, variation selectors, combining marks of no script."""
_EXPANSION_MAX = 4
"""Characters that one may stand for; those that stand for more (U+FDFA for 18) stay."""
_VOWEL_SIGNS = (range(0x0591, 0x05C8), range(0x064B, 0x0660), range(0x0670, 0x0671))
"""Optional vowel signs of Hebrew and Arabic: written or not, the word is the same."""
_LATIN = (range(0x41, 0x5B), range(0x61, 0x7B), range(0xC0, 0x250), range(0x1E00, 0x1F00))
_SINGLES = (
    range(0x0E00, 0x0F00),
    range(0x1000, 0x10A0),
    range(0x1780, 0x1800),
    range(0x3005, 0x3008),
    range(0x3040, 0x3100),
    range(0x3400, 0xA000),
    range(0xAC00, 0xD7A4),
)
"""Scripts written without spaces (and Hangul, whose syllables carry the stems)."""

_LOOKALIKES = (
    "аa вb сc ԁd еe ёe һh іi їi јj кk ӏl мm нh оo рp ԛq гr ѕs тt уy ѵv ԝw хx "
    "αa βb εe ηn ιi κk νv οo ρp τt υu χx γy ωw σo ϲc ϳj "
    "օo սu հh ոn ցg զq քp "
    "ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz "
    "ɑa ɡg ıi ɩi ɐa ɔc ǝe ɟj ɥh ᴉi ɾr ʇt ʌv ʍm ʎy øo đd łl ħh ƒf ʋv ɯw"
)
"""A letter and the Latin letter it reads as."""
_LEET = "0o 1l 3e 4a 5s 7t 8b"


@dataclass(frozen=True, slots=True)
class Plain:
    """What the normaliser needs of a code point, four bytes each.

    `codes` holds for each: how many characters it stands for (0 for the invisible, 1 for most), its
    script, whether it is a letter or digit, and a number. Of length 1, that is what it stands for,
    or for LOOKALIKE, which stand for themselves, the Latin letter that they read as. Of length 2
    or more, it is where in `long` the characters begin.
    """

    codes: bytes
    long: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """What the tokeniser needs of a code point: its kind, and the value of its skeleton.

    The skeleton ignores case, accents and script, so that look-alikes are equal. `kind` has a byte
    for each, `value` four. `leet` has the letters that the ten digits stand for within a word.
    """

    kind: bytes
    value: bytes
    leet: bytes


def _pairs(table: str) -> dict[str, str]:
    return {pair[0]: pair[1] for pair in table.split()}


def _points(ranges: tuple[range, ...]) -> Iterator[int]:
    return chain.from_iterable(ranges)


def _covered() -> Iterator[int]:
    """The code points that may stand for something other than themselves."""
    skipped = set(_points(_PLAIN_BLOCKS))
    yield from (point for point in range(0x10000) if point not in skipped)
    yield from _points(_ASTRAL_BLOCKS)


def _packed(numbers: array[int]) -> bytes:
    """The numbers as four bytes each, the lowest first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


@cache
def lookalikes() -> dict[str, str]:
    """Letters of other scripts, small and capital, with the Latin letters they read as."""
    small = _pairs(_LOOKALIKES)
    capital = {
        letter.upper(): latin.upper()
        for letter, latin in small.items()
        if len(letter.upper()) == 1 and letter.upper() not in small and not latin.isupper()
    }
    return {**{key: value for key, value in capital.items() if key > "\x7f"}, **small}


@cache
def plain() -> Plain:
    """The normaliser's tables."""
    one = 1 << LENGTH_SHIFT
    codes = array("I", range(one, one + SIZE))
    for point in _points(_PLAIN_BLOCKS[:2]):
        codes[point] |= LETTER_BIT
    long = array("I")
    invisible = frozenset(_points(_INVISIBLE))
    for point in _covered():
        meant = _meant(point, invisible)
        if len(meant) > 1:
            codes[point] = len(meant) << LENGTH_SHIFT | len(long)
            long.extend(map(ord, meant))
        else:
            codes[point] = one | ord(meant) if meant else 0
        codes[point] |= LETTER_BIT * chr(point).isalnum()
    for point in _points(_LATIN):
        if codes[point] & LETTER_BIT:
            codes[point] |= LATIN << SCRIPT_SHIFT
    for char, latin in lookalikes().items():
        if codes[ord(char)] & CODE_MASK == ord(char):
            codes[ord(char)] = one | ord(latin) | LOOKALIKE << SCRIPT_SHIFT | LETTER_BIT
    return Plain(_packed(codes), _packed(long))


def _meant(point: int, invisible: frozenset[int]) -> str:
    """What a code point stands for; itself where that would be too much."""
    char = chr(point)
    if point not in invisible and unicodedata.is_normalized("NFKC", char):
        return char
    meant = unicodedata.normalize("NFKC", char)
    meant = "".join(other for other in meant if ord(other) not in invisible)
    return meant if len(meant) <= _EXPANSION_MAX else char


def _skeleton(char: str, reads_as: dict[str, str]) -> str:
    small = char.lower()[:1]
    plain_char = unicodedata.normalize("NFKD", small)[:1] or small
    base = reads_as.get(plain_char, plain_char)
    return "l" if base in "i|" else base


def _scrambled(skeleton: int) -> int:
    mixed = (skeleton + 1) * 0x9E3779B1 & 0xFFFFFFFF
    mixed ^= mixed >> 15
    return mixed * 0x85EBCA77 & 0xFFFFFFFF


@cache
def folded() -> Folded:
    """The tokeniser's tables."""
    value = array("I", map(_scrambled, range(SIZE)))
    kind = bytearray([MARK]) * SIZE
    for point in _points(_PLAIN_BLOCKS[:2]):
        kind[point] = WORD
    reads_as = lookalikes()
    for point in _covered():
        char = chr(point)
        value[point] = _scrambled(ord(_skeleton(char, reads_as)))
        if char.isspace() or point < ord(" "):
            kind[point] = SPACE
        elif char.isalnum() or unicodedata.category(char) in {"Mn", "Mc", "Me"}:
            kind[point] = WORD
    for point in _points(_SINGLES):
        kind[point] = SINGLE
    for point in chain(_points(_INVISIBLE), _points(_VOWEL_SIGNS), map(ord, "'\u2019")):
        kind[point] = DROP
    for point, what in enumerate(kind):
        if what in {SPACE, DROP}:
            value[point] = 0
    value[ord("\n")] = 0x51ED270B
    letters = _pairs(_LEET)
    leet = "".join(letters.get(digit, digit) for digit in "0123456789").encode()
    return Folded(bytes(kind), _packed(value), leet)
