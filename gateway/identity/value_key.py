"""The keys of values that `dlp` put placeholders for: one secret, and of it one for each tenant."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError, Problem
from gateway.identity.pepper import SecretFile
from gateway.plugin.secret import resolve_secret

VALUE_KEY_FILE: Final = "values.key"
SECRET_CHARACTERS_MIN: Final = 32
_FILE: Final = SecretFile(
    VALUE_KEY_FILE, "the key of sealed values", "what was sealed cannot be read without it"
)
_DOMAIN: Final = b"sealgate values 1"


def tenant_keys(data_dir: Path, reference: str | None) -> Callable[[str], bytes]:
    """Gives the key of a tenant, 32 bytes; the same in every process that has the same secret.

    `reference` is `${NAME}` or `file:/path`; without one, the secret is a file of the data folder,
    made where there is none. May block. Raises ConfigError.
    """
    secret = _FILE.make(data_dir) if reference is None else _referred(reference)
    # HKDF's two steps (RFC 5869) with the tenant as info: any secret becomes a uniform key first.
    root = hmac.digest(_DOMAIN, secret, "sha256")

    def key_of(tenant: str) -> bytes:
        return hmac.digest(root, tenant.encode("utf-8", "surrogateescape") + b"\x01", "sha256")

    return key_of


def field_of(tenant_key: bytes, value: str) -> str:
    """The name under which a value of a tenant is kept: who has no key learns nothing from it."""
    message = b"field\0" + value.encode("utf-8", "surrogatepass")
    return hmac.digest(tenant_key, message, "sha256")[:16].hex()


def _referred(reference: str) -> bytes:
    try:
        text = resolve_secret(reference)
    except ValueError as error:
        raise _problem(str(error)) from None
    if len(text) < SECRET_CHARACTERS_MIN:
        raise _problem(f"the secret has fewer than {SECRET_CHARACTERS_MIN} characters")
    return text.encode()


def _problem(message: str) -> ConfigError:
    hint = "openssl rand -base64 48 makes one"
    return ConfigError([Problem("tokenisation.key", 0, 0, message, hint)])
