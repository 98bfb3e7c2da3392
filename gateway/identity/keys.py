"""Virtual keys and admin tokens: their form, their making, and the hash that stands for them.

    sg_  43 characters of base62  6 characters of base62
    |    |                        CRC-32 of everything before it
    |    256 random bits
    prefix: `sg_` is a virtual key, `sga_` an admin token

The checksum proves nothing; it lets a secret scanner tell a leaked key from chance (so does the
fixed length), and the gateway tell a typing error from a wrong key. What is stored is only the
keyed hash: whoever reads the database without the pepper can neither use a key nor try guesses.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Callable
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Base62 in the order of ASCII, so that numbers of one length sort as text."""

KEY_PREFIX: Final = "sg_"
TOKEN_PREFIX: Final = "sga_"  # noqa: S105  # the public beginning of every admin token
SECRET_BYTES: Final = 32
_SECRET_CHARACTERS: Final = 43
_CHECKSUM_CHARACTERS: Final = 6
_TAIL_CHARACTERS: Final = _SECRET_CHARACTERS + _CHECKSUM_CHARACTERS
KEY_CHARACTERS: Final = len(KEY_PREFIX) + _TAIL_CHARACTERS
TOKEN_CHARACTERS: Final = len(TOKEN_PREFIX) + _TAIL_CHARACTERS
HINT_CHARACTERS: Final = 4
"""How many random characters of a secret are kept, for people to tell their keys apart."""

_ID_TIME_CHARACTERS: Final = 8
_ID_RANDOM_CHARACTERS: Final = 8

Hasher = Callable[[str], bytes]
"""Makes the 32 bytes that stand for a secret."""


def mint(prefix: str) -> str:
    """A new secret with `prefix`: KEY_PREFIX or TOKEN_PREFIX."""
    number = int.from_bytes(secrets.token_bytes(SECRET_BYTES))
    body = prefix + base62(number, _SECRET_CHARACTERS)
    return body + _checksum(body)


def is_well_formed(prefix: str, presented: str) -> bool:
    """Whether `presented` can be a secret with `prefix`; says nothing of whether it exists."""
    if len(presented) != len(prefix) + _TAIL_CHARACTERS or not presented.startswith(prefix):
        return False
    body = presented[:-_CHECKSUM_CHARACTERS]
    return presented.isascii() and _checksum(body) == presented[-_CHECKSUM_CHARACTERS:]


def hint_of(secret: str) -> str:
    """The first characters of a secret; they leave 232 of its 256 bits unknown."""
    return secret[: secret.index("_") + 1 + HINT_CHARACTERS]


def make_hasher(pepper: bytes) -> Hasher:
    """Keyed BLAKE2b (RFC 7693 section 2.9) with `pepper`; 0.5 us, a sixth of HMAC-SHA256.

    A fast hash is right for 256 random bits: there is nothing to guess that slowness would protect.
    Look-ups by this hash leak no timing of the secret, since nobody without the pepper can steer
    which bytes are compared.
    """
    keyed = hashlib.blake2b(digest_size=32, key=pepper)

    def hash_secret(secret: str) -> bytes:
        state = keyed.copy()
        state.update(secret.encode())
        return state.digest()

    return hash_secret


def make_placer() -> Hasher:
    """Where a secret stands in this process's memory: salted BLAKE2s, in half the time of the hash
    that is stored.

    Salt and person are random, made here and told nobody: so what `make_hasher` says of leaks
    holds, and a digest of 256 random bits gives nothing of them away.
    """
    salted = hashlib.blake2s(
        digest_size=16, salt=secrets.token_bytes(8), person=secrets.token_bytes(8)
    )

    def place_of(secret: str) -> bytes:
        state = salted.copy()
        state.update(secret.encode())
        return state.digest()

    return place_of


def make_id(prefix: str, wall_s: float) -> str:
    """A name for a record, such as `key_0UPHyhbE9mF2kLqA`; later ones sort after earlier ones."""
    time_part = base62(int(wall_s * 1000), _ID_TIME_CHARACTERS)
    random_part = "".join(secrets.choice(ALPHABET) for _ in range(_ID_RANDOM_CHARACTERS))
    return f"{prefix}_{time_part}{random_part}"


def base62(number: int, characters: int) -> str:
    """`number` in base62, filled up with zeros to `characters`."""
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()), _CHECKSUM_CHARACTERS)
