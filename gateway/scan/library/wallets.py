"""Addresses of crypto-currencies, each with its own check."""

from __future__ import annotations

import hashlib
from typing import Final

try:
    from gateway.scan import _keccak

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_SUMS: Final = (1, 0x2BC830A3)
"""BIP 173 and BIP 350."""


def base58check(value: str, before: str) -> bool:
    """Version byte, 20 bytes, and four of a double SHA-256."""
    del before
    number = 0
    for character in value:
        number = number * 58 + _BASE58.index(character)
    try:
        data = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def bech32(value: str, before: str) -> bool:
    """The checksum over the readable part and the data (BIP 173, BIP 350)."""
    del before
    if value != value.lower() and value != value.upper():
        return False
    human, _, data = value.lower().rpartition("1")
    values = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human]
    check = 1
    for number in [*values, *(_BECH32.index(c) for c in data)]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ number
        for bit in range(5):
            check ^= _GENERATOR[bit] if (top >> bit) & 1 else 0
    return check in _BECH32_SUMS


def eip55(value: str, before: str) -> bool:
    """Mixed case spells a checksum (EIP-55); in one case there is none, and the form must do."""
    del before
    hexadecimal = value[2:]
    lower = hexadecimal.lower()
    if hexadecimal in {lower, hexadecimal.upper()}:
        return len(set(lower)) > 4
    digest = (_keccak.keccak256 if NATIVE else keccak256)(lower.encode()).hex()
    return all(
        c.isdigit() or (int(d, 16) > 7) == c.isupper()
        for c, d in zip(hexadecimal, digest, strict=False)
    )


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
