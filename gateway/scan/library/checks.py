"""What tells a value from one that only looks like it: check digits, structure, randomness.

What is asked of every secret is told by `_values.c`. What is said `plainly` is its plain form, which
is asked where nothing is compiled, and where C leaves a value to it.
"""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from zlib import crc32

import orjson

from gateway.plugin.pattern import Validator
from gateway.scan.confirm import Looker, next_body
from gateway.scan.patterns import looker

try:
    from gateway.scan import _jose, _values

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_REPEATED_MIN: Final = 12
_REPEATED: Final = re.compile(r"(.)\1{11}")
RANDOM_LENGTH: Final = 120
"""In a longer text anything may stand by chance."""
_SAMPLE_KEYS: Final = frozenset(
    (
        "0b476bdf9acf 2037abcaffb2 27a9a42931df 37f8f09bdf12 3a8b61d0f636 3f370c9dd822 "
        "49f777db995e 4c98242dcadc 8731261cb72d a19f89ab3555 a6c814bc555a dc0fcf046c61 "
        "e4a5542bb7fd ea9bb1082cf9 eb540d2b6ee2 f56e323494a6"
    ).split()
)
"""Keys that Google publishes in its own samples and clients, by the beginning of their SHA-256."""
_JWT_BEGINS: Final = ("eyJhbGciOi", "eyJ0eXAiOi", "eyJraWQiOi")
"""`{"alg":`, `{"typ":` and `{"kid":`: a header, even where the rest of it was cut or altered."""
_ZERO: Final = 48
_DIHEDRAL: Final = bytes(
    map(
        int,
        "0123456789" "1234067895" "2340178956" "3401289567" "4012395678"
        "5987604321" "6598710432" "7659821043" "8765932104" "9876543210",
    )
)  # fmt: skip
"""The product of two elements, ten for each of the first."""
_PERMUTED: Final = bytes(
    map(
        int,
        "0123456789" "1576283094" "5803796142" "8916043527" "9453126870" "4286573901"
        "2793806415" "7046913258",
    )
)  # fmt: skip
"""What becomes of a digit at a place, ten for each of eight places."""
_ROUNDING: Final = 1e-9


class Said:
    """Whether an expression, with anchors or without, is in what stands before a value.

    It is made ready when first asked. Python's own `re` takes ten times as long for one that begins
    anywhere.
    """

    __slots__ = ("_expression", "_looker")

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._looker: Looker | None = None

    def prepare(self) -> None:
        """Makes it ready, so that no request waits for it."""
        _ = self.looker

    @property
    def looker(self) -> Looker:
        """What looks for it."""
        found = self._looker
        if found is None:
            found = self._looker = looker(self._expression)
        return found

    def __call__(self, before: str) -> bool:
        found = self.looker
        data = before.encode("utf-8", "replace")
        size = len(data)
        return next_body(found, data, 0, size, size + 1)[0] >= 0


PLACEHOLDER: Final = (
    r"(?i:example|placeholder|changeme|change_me|replace|your[_\- ]|redacted|dummy|x{4}|\*{3}|\.{3}"
    r"|a{8}|abcdefgh|^[^a-z]*sample)"
)
_PLACEHOLDER: Final = Said(PLACEHOLDER)


def digits(text: str) -> str:
    """Its digits alone."""
    return text.encode("ascii", "ignore").translate(None, _NO_DIGITS).decode("ascii")


_NO_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    data = number.encode()
    size: i64 = len(data)
    total: i64 = 0
    place: i64 = 0
    while place < size:
        digit: i64 = data[size - 1 - place] - _ZERO
        if place & 1:
            digit *= 2
            if digit > 9:  # the sum of its two digits
                digit -= 9
        total += digit
        place += 1
    return total % 10 == 0


def verhoeff(number: str) -> bool:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): sums in the dihedral group of order 10.

    They depend on the order: the last digit comes first.
    """
    data = number.encode()
    size: i64 = len(data)
    total: i64 = 0
    place: i64 = 0
    while place < size:
        digit: i64 = data[size - 1 - place] - _ZERO
        total = _DIHEDRAL[10 * total + _PERMUTED[place % 8 * 10 + digit]]
        place += 1
    return total == 0


def entropy(text: str) -> float:
    """Shannon's, in bits per character."""
    size = len(text)
    if not size:
        return 0.0
    several = 0.0
    for character in set(text):
        count = text.count(character)
        if count > 1:
            several += count * math.log2(count)
    return math.log2(size) - several / size


def has_entropy(text: str, bits: float) -> bool:
    """Whether it has at least so many bits of entropy per character."""
    told = _values.entropic(text, bits) if NATIVE else None
    return has_entropy_plainly(text, bits) if told is None else told


def has_entropy_plainly(text: str, bits: float) -> bool:
    """The plain form of it.

    Of so many different characters there is a least entropy: where one of them is all that repeats.
    It tells most values that are random without a count of each.
    """
    size = len(text)
    if not size:
        return bits <= 0
    repeated = size - len(set(text)) + 1
    least = math.log2(size) - repeated * math.log2(repeated) / size
    return least >= bits + _ROUNDING or entropy(text) >= bits


def is_placeholder(text: str) -> bool:
    """Whether it stands for a value that somebody is to fill in."""
    return _values.placeholder(text) if NATIVE else is_placeholder_plainly(text)


def is_placeholder_plainly(text: str) -> bool:
    """The plain form of it."""
    return len(text) <= RANDOM_LENGTH and (_PLACEHOLDER(text) or repeats(text))


def repeats(text: str) -> bool:
    """Whether one character stands in it a dozen times in a row; a long text may do that."""
    if not _REPEATED_MIN <= len(text) <= RANDOM_LENGTH:
        return False
    small = text.lower()
    if len(small) - len(set(small)) < _REPEATED_MIN - 1:
        return False
    often = any(small.count(character) >= _REPEATED_MIN for character in set(small))
    return often and _REPEATED.search(small) is not None


def is_random(value: str, bits: float, digits_min: int = 0) -> bool:
    """No placeholder, and at least so many bits of entropy per character and so many digits."""
    told = _values.random(value, bits, digits_min) if NATIVE else None
    return is_random_plainly(value, bits, digits_min) if told is None else told


def is_random_plainly(value: str, bits: float, digits_min: int) -> bool:
    """The plain form of it."""
    return (
        (not digits_min or sum(c.isdigit() for c in value) >= digits_min)
        and has_entropy_plainly(value, bits)
        and not is_placeholder_plainly(value)
    )


class Judged:
    """A validator of which `alone`, told a value of ASCII alone, may say that it does not count.

    The matcher asks it, so that what a text is full of is not brought out one by one. Compares by
    the validator, so that equal patterns share an engine.
    """

    __slots__ = ("_whole", "alone")

    def __init__(self, whole: Validator, alone: Callable[[str], bool | None] | None) -> None:
        self._whole = whole
        self.alone = alone

    def __call__(self, value: str, before: str) -> bool:
        return self._whole(value, before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Judged) and other._whole == self._whole

    def __hash__(self) -> int:
        return hash(self._whole)


def told_in_c(name: str) -> Callable[[str], bool | None] | None:
    """A function of `_values.c`; None where nothing is compiled."""
    return getattr(_values, name) if NATIVE else None


def random_enough(bits: float) -> _Random:
    """A validator: no placeholder, and at least so many bits of entropy per character."""
    return _Random(bits)


class _Random:
    """Compares by what it asks for, so that equal patterns share an engine."""

    __slots__ = ("_bits",)

    def __init__(self, bits: float) -> None:
        self._bits = bits

    def __call__(self, value: str, before: str) -> bool:
        del before
        return is_random(value, self._bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Random) and other._bits == self._bits

    def __hash__(self) -> int:
        return hash(self._bits)


def github_token(value: str, before: str) -> bool:
    """The last six characters are the CRC-32 of those after the prefix, in base 62.

    Tokens of before 2021, and those of other issuers of the form, have none: these must look random.
    """
    del before
    prefix, _, rest = value.partition("_")
    if prefix and is_random(rest, 3.0):
        return True
    number = crc32(rest[:-6].encode())
    # Its last character alone tells most that are none.
    return rest[-1:] == _BASE62[number % 62] and _base62(number) == rest[-6:]


def _base62(number: int) -> str:
    out = ""
    for _ in range(6):
        number, place = divmod(number, 62)
        out = _BASE62[place] + out
    return out


def google_key(value: str, before: str) -> bool:
    """Random, and none of those that everybody knows."""
    del before
    return is_random(value, 3.5) and sha256(value.encode()).hexdigest()[:12] not in _SAMPLE_KEYS


def with_digits(value: str, before: str) -> bool:
    """Random, with digits among the letters: no name in a program."""
    del before
    return is_random(value, 3.0, digits_min=2)


def jwt_header(value: str, before: str) -> bool:
    """RFC 7519 section 5: the first part is a JSON object, of a signed or an encrypted token."""
    del before
    part = value.partition(".")[0]
    if part.startswith(_JWT_BEGINS):
        return True
    if NATIVE and not _jose.may_name_algorithm(part):  # what orjson refuses costs it an exception
        return False
    return names_algorithm(part)


def names_algorithm(part: str) -> bool:
    """Whether it is an object with one of the names that such headers have."""
    try:
        header = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return False
    return isinstance(header, dict) and ("alg" in header or "typ" in header or "enc" in header)
