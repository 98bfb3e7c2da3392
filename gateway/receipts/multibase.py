"""Base58 (Bitcoin's alphabet) and the multibase and multicodec forms of an Ed25519 key."""

from __future__ import annotations

from typing import Final

from gateway.receipts.ed25519 import PUBLIC_KEY_BYTES

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_BASE: Final = len(_ALPHABET)
_ED25519_PUBLIC: Final = b"\xed\x01"
"""Multicodec 0xed as a varint."""
_CHARACTERS_MAX: Final = 200
"""A signature needs 88; the cost of decoding grows with the square of the length."""


def base58_encode(data: bytes) -> str:
    """Bytes in base 58; each leading zero byte is one `1`."""
    value = int.from_bytes(data, "big")
    digits = ""
    while value:
        value, digit = divmod(value, _BASE)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def base58_decode(text: str) -> bytes:
    """The bytes of a text in base 58. Raises ValueError."""
    if len(text) > _CHARACTERS_MAX:
        raise ValueError(f"more than {_CHARACTERS_MAX} characters of base 58")
    value = 0
    for character in text:
        if character not in _VALUES:
            raise ValueError(f"{character!r} is no character of base 58")
        value = value * _BASE + _VALUES[character]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + value.to_bytes((value.bit_length() + 7) // 8, "big")


def multibase_encode(data: bytes) -> str:
    """Base 58 with its prefix `z`."""
    return "z" + base58_encode(data)


def multibase_decode(text: str) -> bytes:
    """The bytes of a multibase text in base 58. Raises ValueError."""
    if not text.startswith("z"):
        raise ValueError("the multibase prefix is not `z` (base58btc)")
    return base58_decode(text[1:])


def multikey_encode(public_key: bytes) -> str:
    """An Ed25519 public key as Multikey writes it (`z6Mk...`)."""
    return multibase_encode(_ED25519_PUBLIC + public_key)


def multikey_decode(text: str) -> bytes:
    """The Ed25519 public key of a Multikey. Raises ValueError."""
    data = multibase_decode(text)
    if data[:2] != _ED25519_PUBLIC or len(data) != 2 + PUBLIC_KEY_BYTES:
        raise ValueError("the Multikey is no Ed25519 public key")
    return data[2:]
