"""Tables over code points: what each character stands for, built once from the Unicode database.

They are numpy arrays indexed by code point, so that a text is mapped by one gather instead of one
dictionary look-up per character.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIZE = 0x20000
"""Code points with an entry of their own; what is above shares the last one, but for TAGS."""
TAGS = (0xE0020, 0xE007E)
"""Invisible copies of ASCII (Unicode 16.0 section 23.9), used to smuggle text past readers."""
TAG_OFFSET = 0xE0000

DROP, SPACE, WORD, SINGLE, MARK = range(5)
"""Kinds of characters for the tokeniser: SINGLE ones (CJK) are words by themselves."""

LATIN, LOOKALIKE = 1, 2
"""Bits of `Plain.script`: a Latin letter; a letter of another script that reads as a Latin one."""

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
    """What the normaliser needs of a code point.

    `first` is what it stands for and `length` how many characters that is: 0 for the invisible, 1
    for most; the others have `length` characters from `start` in `long`. `script` is a set of
    bits, `latin` the Latin letter that a look-alike reads as, `letter` tells letters and digits.
    """

    first: NDArray[np.uint32]
    length: NDArray[np.uint8]
    start: NDArray[np.uint16]
    long: NDArray[np.uint32]
    script: NDArray[np.uint8]
    latin: NDArray[np.uint32]
    letter: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Folded:
    """What the tokeniser needs of a code point: its kind, and the value of its skeleton.

    The skeleton ignores case, accents and script, so that look-alikes are equal. `leet` is the
    value of the letter that a digit stands for within a word, and of the character itself
    otherwise.
    """

    kind: NDArray[np.uint8]
    value: NDArray[np.uint32]
    leet: NDArray[np.uint32]
    digit: NDArray[np.bool_]


def _pairs(table: str) -> dict[str, str]:
    return {pair[0]: pair[1] for pair in table.split()}


def _points(ranges: tuple[range, ...]) -> NDArray[np.intp]:
    return np.concatenate([np.arange(block.start, block.stop) for block in ranges])


def _covered() -> list[int]:
    """The code points that may stand for something other than themselves."""
    skipped = np.zeros(SIZE, dtype=np.bool_)
    skipped[0x10000:] = True
    skipped[_points(_PLAIN_BLOCKS)] = True
    skipped[_points(_ASTRAL_BLOCKS)] = False
    return [int(point) for point in np.flatnonzero(~skipped)]


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
    first = np.arange(SIZE, dtype=np.uint32)
    length = np.ones(SIZE, dtype=np.uint8)
    start = np.zeros(SIZE, dtype=np.uint16)
    script = np.zeros(SIZE, dtype=np.uint8)
    latin = np.arange(SIZE, dtype=np.uint32)
    letter = np.zeros(SIZE, dtype=np.bool_)
    letter[_points(_PLAIN_BLOCKS[:2])] = True
    long: list[int] = []
    invisible = set(_points(_INVISIBLE).tolist())
    for point in _covered():
        char = chr(point)
        letter[point] = char.isalnum()
        if unicodedata.is_normalized("NFKC", char) and point not in invisible:
            continue
        meant = unicodedata.normalize("NFKC", char)
        meant = "".join(other for other in meant if ord(other) not in invisible)
        if len(meant) > _EXPANSION_MAX:
            continue
        length[point] = len(meant)
        if len(meant) == 1:
            first[point] = ord(meant)
        elif meant:
            start[point] = len(long)
            long += map(ord, meant)
    script[_points(_LATIN)] = LATIN
    script[~letter] = 0
    for char, meant in lookalikes().items():
        script[ord(char)] = LOOKALIKE
        latin[ord(char)] = ord(meant)
    return Plain(first, length, start, np.array(long, dtype=np.uint32), script, latin, letter)


def _skeleton(char: str, reads_as: dict[str, str]) -> str:
    small = char.lower()[:1]
    plain_char = unicodedata.normalize("NFKD", small)[:1] or small
    base = reads_as.get(plain_char, plain_char)
    return "l" if base in "i|" else base


def _scramble(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    mixed = (values + np.uint32(1)) * np.uint32(0x9E3779B1)
    mixed ^= mixed >> np.uint32(15)
    return mixed * np.uint32(0x85EBCA77)


@cache
def folded() -> Folded:
    """The tokeniser's tables."""
    skeleton = np.arange(SIZE, dtype=np.uint32)
    kind = np.full(SIZE, MARK, dtype=np.uint8)
    kind[_points(_PLAIN_BLOCKS[:2])] = WORD
    reads_as = lookalikes()
    for point in _covered():
        char = chr(point)
        skeleton[point] = ord(_skeleton(char, reads_as))
        if char.isspace() or point < ord(" "):
            kind[point] = SPACE
        elif char.isalnum() or unicodedata.category(char) in {"Mn", "Mc", "Me"}:
            kind[point] = WORD
    kind[_points(_SINGLES)] = SINGLE
    kind[_points(_INVISIBLE)] = DROP
    kind[_points(_VOWEL_SIGNS)] = DROP
    kind[[ord("'"), 0x2019]] = DROP
    value = _scramble(skeleton)
    value[(kind == SPACE) | (kind == DROP)] = 0
    value[ord("\n")] = 0x51ED270B
    leet = value.copy()
    digit = np.zeros(SIZE, dtype=np.bool_)
    for number, meant in _pairs(_LEET).items():
        leet[ord(number)] = value[ord(meant)]
    digit[ord("0") : ord("9") + 1] = True
    return Folded(kind, value, leet, digit)
