"""Ed25519 (RFC 8032) as strict as it goes, so that two verifiers never disagree.

Refused besides a wrong signature: a public key or an R that is not written canonically (y >= p),
one of small order (such a key "verifies" any message), and an S that is not below the group's order
(section 5.1.7; else a signature has a second form). libsodium refuses most of it as well, but which
of it depends on how it was built.
"""

from __future__ import annotations

from typing import Final, Protocol

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_Y_MASK: Final = 2**255 - 1
# The y of all eight points of small order: 1 (identity), p-1 (order 2), 0 (order 4), and both of
# order 8, y and p-y. The sign bit does not matter.
_Y_OF_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})


class InvalidKeyError(ValueError):
    """A key that must not be used, and why."""


class Signer(Protocol):
    """Whoever holds a private key: this process, or a service that signs for it."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""

    def sign(self, message: bytes) -> bytes:
        """The signature's 64 bytes."""


class SigningKey:
    """A private key in this process.

    Args:
        seed: the 32 secret bytes. Raises InvalidKeyError where there are more or fewer.

    """

    __slots__ = ("_crypto_sign", "_secret", "public_key")

    def __init__(self, seed: bytes) -> None:
        # libsodium is loaded with the first key: a gateway without receipts never pays for it.
        from nacl.bindings import crypto_sign, crypto_sign_seed_keypair  # noqa: PLC0415  # loaded with the first key

        if len(seed) != SEED_BYTES:
            raise InvalidKeyError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._crypto_sign = crypto_sign
        self.public_key, self._secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """The signature's 64 bytes."""
        return self._crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"<SigningKey of {self.public_key.hex()}>"


def check_public_key(key: bytes) -> None:
    """Raises InvalidKeyError for a key that no signature may be trusted under."""
    if len(key) != PUBLIC_KEY_BYTES:
        raise InvalidKeyError(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(key)}")
    y = int.from_bytes(key, "little") & _Y_MASK
    if y >= _P:
        raise InvalidKeyError("the public key is not written canonically")
    if y in _SMALL_ORDER_Y:
        raise InvalidKeyError("the public key is a point of small order: it verifies anything")


class VerifyingKey:
    """A public key that was checked once, for many signatures. Raises InvalidKeyError."""

    __slots__ = ("_errors", "_open", "public_key")

    def __init__(self, public_key: bytes) -> None:
        from nacl.bindings import crypto_sign_open  # noqa: PLC0415  # loaded with the first key
        from nacl.exceptions import CryptoError  # noqa: PLC0415  # loaded with the first key

        check_public_key(public_key)
        self.public_key = public_key
        self._open = crypto_sign_open
        self._errors = CryptoError

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is right and written in its one form."""
        if not _is_strict(signature):
            return False
        try:
            self._open(signature + message, self.public_key)
        except self._errors:
            return False
        return True

    def __repr__(self) -> str:
        return f"<VerifyingKey {self.public_key.hex()}>"


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key may be used, and the signature is right; one call for one signature."""
    try:
        return VerifyingKey(public_key).verify(message, signature)
    except InvalidKeyError:
        return False


def _is_strict(signature: bytes) -> bool:
    if len(signature) != SIGNATURE_BYTES:
        return False
    y = int.from_bytes(signature[:32], "little") & _Y_MASK
    s = int.from_bytes(signature[32:], "little")
    return s < _ORDER and y < _P and y not in _SMALL_ORDER_Y
