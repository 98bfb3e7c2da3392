"""Addresses of crypto-currencies, each with its own check."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

try:
    from gateway.scan import _keccak

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_NONE: Final = 255
"""The value of a character that has none."""


def _values(characters: str) -> bytes:
    """What each byte counts: its place among them."""
    table = bytearray([_NONE] * 256)
    for place, character in enumerate(characters):
        table[ord(character)] = place
    return bytes(table)


_BASE58: Final = _values("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
_AT_ONCE: Final = 10
"""So many characters of base 58 make a number of less than 63 bits."""
_BECH32: Final = _values("qpzry9x8gf2tvdw0s3jn54khce6mua7l")
_BECH32_SUMS: Final = (1, 0x2BC830A3)
"""BIP 173 and BIP 350."""
_KINDS_MIN: Final = 5
_LETTERS: Final = 65
_SMALL: Final = 97


def base58check(value: str, before: str) -> bool:
    """Version byte, 20 bytes, and four of a double SHA-256."""
    del before
    letters = value.encode()
    number = 0
    size: i64 = len(letters)
    place: i64 = 0
    while place < size:
        end = min(place + _AT_ONCE, size)
        part: i64 = 0
        unit: i64 = 1
        while place < end:
            byte: i64 = letters[place]
            digit: i64 = _BASE58[byte]
            if digit == _NONE:
                return False
            part = part * 58 + digit
            unit *= 58
            place += 1
        number = number * int(unit) + int(part)  # of any size, which i64 is not
    if number >> 200:
        return False
    data = number.to_bytes(25, "big")
    return sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def bech32(value: str, before: str) -> bool:
    """The checksum over the readable part and the data (BIP 173, BIP 350)."""
    del before
    small = value.lower()
    if (value != small and value != value.upper()) or not value.isascii():
        return False
    human, _, rest = small.rpartition("1")
    letters = human.encode()
    check: i64 = 1
    for letter in letters:
        check = _taken(check, letter >> 5)
    check = _taken(check, 0)
    for letter in letters:
        check = _taken(check, letter & 31)
    data = rest.encode()
    size: i64 = len(data)
    place: i64 = 0
    while place < size:
        byte: i64 = data[place]
        number: i64 = _BECH32[byte]
        if number == _NONE:
            return False
        check = _taken(check, number)
        place += 1
    return check in _BECH32_SUMS


def _taken(check: i64, number: i64) -> i64:
    """The checksum with five bits more."""
    top = check >> 25
    check = (check & 0x1FFFFFF) << 5 ^ number
    if top & 1:
        check ^= 0x3B6A57B2
    if top & 2:
        check ^= 0x26508E6D
    if top & 4:
        check ^= 0x1EA119FA
    if top & 8:
        check ^= 0x3D4233DD
    if top & 16:
        check ^= 0x2A1462B3
    return check


def eip55(value: str, before: str) -> bool:
    """Mixed case spells a checksum (EIP-55); in one case there is none, and the form must do."""
    del before
    hexadecimal = value[2:]
    lower = hexadecimal.lower()
    if hexadecimal == lower or hexadecimal == hexadecimal.upper():  # a set is slow
        return len(set(lower)) >= _KINDS_MIN
    digest = (_keccak.keccak256 if NATIVE else keccak256)(lower.encode())
    letters = hexadecimal.encode()
    size: i64 = min(len(letters), 2 * len(digest))
    place: i64 = 0
    while place < size:
        letter: i64 = letters[place]
        byte: i64 = digest[place >> 1]
        half = byte & 15 if place & 1 else byte >> 4
        if letter >= _LETTERS and (half > 7) != (letter < _SMALL):  # bits of the hash
            return False
        place += 1
    return True


_ROTATIONS: Final = (
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)
_MASK: Final = (1 << 64) - 1
_RATE: Final = 136


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum has it: padded with 0x01, not as FIPS 202 has it."""
    lanes = [[0] * 5 for _ in range(5)]
    size = -(len(data) + 1) % _RATE
    padded = bytearray(data + b"\x01" + b"\x00" * size)
    padded[-1] |= 0x80
    for begin in range(0, len(padded), _RATE):
        for place in range(_RATE // 8):
            part = padded[begin + 8 * place : begin + 8 * place + 8]
            lanes[place % 5][place // 5] ^= int.from_bytes(part, "little")
        lanes = _permuted(lanes)
    return b"".join(lanes[place % 5][place // 5].to_bytes(8, "little") for place in range(4))


def _permuted(lanes: list[list[int]]) -> list[list[int]]:
    """Keccak-f[1600] (FIPS 202 section 3.3)."""
    register = 1
    for _ in range(24):
        columns = [a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] for a in lanes]
        mixed = [columns[x - 1] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                moved[y][(2 * x + 3 * y) % 5] = _rotated(lanes[x][y] ^ mixed[x], _ROTATIONS[x][y])
        lanes = [
            [moved[x][y] ^ (~moved[(x + 1) % 5][y] & moved[(x + 2) % 5][y]) for y in range(5)]
            for x in range(5)
        ]
        for bit in range(7):
            register = (register << 1) ^ ((register >> 7) * 0x171)
            if register & 2:
                lanes[0][0] ^= 1 << ((1 << bit) - 1)
        lanes[0][0] &= _MASK
    return lanes


def _rotated(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _MASK
