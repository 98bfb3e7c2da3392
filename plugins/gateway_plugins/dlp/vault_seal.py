"""Values sealed for the store: only who has the key of the tenant and knows the conversation reads.

libsodium's secretbox (XSalsa20-Poly1305) under a key of its own for each conversation, so that a
sealed value that is moved to another conversation or another tenant cannot be opened there. The
field, the time and the placeholder are within, so that none can be put in another one's place.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final, NamedTuple

import orjson

_NONCE_BYTES: Final = 24


class Entry(NamedTuple):
    """One value as the store holds it; `sealed` is opened where the value is needed."""

    field: str
    written_at: int
    placeholder: str
    sealed: str


class Sealer:
    """Seals and opens the values of one conversation of one tenant."""

    __slots__ = ("_key",)

    def __init__(self, tenant_key: bytes, conversation: str) -> None:
        message = b"seal\0" + conversation.encode()
        self._key = hmac.digest(tenant_key, message, "sha256")

    def seal(self, field: str, written_at: int, placeholder: str, value: str) -> str:
        """The text to keep: the second, the box, and the placeholder in the clear."""
        from nacl.bindings import crypto_secretbox, randombytes  # noqa: PLC0415  # only who uses it

        plain = orjson.dumps([field, written_at, placeholder, value], option=0)
        nonce = randombytes(_NONCE_BYTES)
        box = b64encode(nonce + crypto_secretbox(plain, nonce, self._key)).decode()
        return f"{written_at}|{box}|{placeholder}"

    def open(self, entry: Entry) -> str | None:
        """The value; None where the box was not sealed here for this place."""
        from nacl.bindings import crypto_secretbox_open  # noqa: PLC0415  # only who uses it
        from nacl.exceptions import CryptoError  # noqa: PLC0415  # only who uses it

        try:
            box = b64decode(entry.sealed, validate=True)
            nonce, box = box[:_NONCE_BYTES], box[_NONCE_BYTES:]
            plain = orjson.loads(crypto_secretbox_open(box, nonce, self._key))
            field, written_at, placeholder, value = plain
        except (CryptoError, Base64Error, ValueError, TypeError):
            return None
        if (field, written_at, placeholder) != entry[:3] or not isinstance(value, str):
            return None
        return value


def entry_of(field: str, text: str) -> Entry | None:
    """What a store gave; None where it is not what `Sealer.seal` writes."""
    second, mark, rest = text.partition("|")
    sealed, other, placeholder = rest.partition("|")
    if not (mark and other and second.isascii() and second.isdigit()):
        return None
    return Entry(field, int(second), placeholder, sealed)
