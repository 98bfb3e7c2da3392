"""`Secret`: a configuration value that a policy names but never holds.

A plugin declares `api_key: Secret`; the policy writes `api_key: ${NAME}` (an environment variable)
or `api_key: file:/run/secrets/name`, and the plugin reads `config.api_key.get_secret_value()`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, SecretStr, ValidationInfo

SECRET_BYTES_MAX = 65_536
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
RESOLVER = "resolve_secret"
"""The key of the validation context that holds a `Resolver`; without one, text is taken as is."""

Resolver: TypeAlias = Callable[[str], str]

_FORM = "write ${NAME} for an environment variable or file:/path for a file"
_FILE = "file:"


def resolve_secret(text: str) -> str:
    """What `text` refers to. Raises ValueError, which never quotes the text or the secret."""
    check_secret(text)
    named = VARIABLE.fullmatch(text)
    if named is not None:
        value = os.environ.get(named[1], "")
        if not value:
            raise ValueError(f"the environment variable {named[1]} is not set")
        return value
    return _read(Path(text.removeprefix(_FILE)))


def check_secret(text: str) -> str:
    """Checks only the form of a reference; for checks on a machine that has no secrets."""
    if VARIABLE.fullmatch(text) is None and not text.startswith(_FILE):
        raise ValueError(f"a secret is never written into a policy; {_FORM}")
    if text.startswith(_FILE) and not Path(text.removeprefix(_FILE)).is_absolute():
        raise ValueError("file: needs an absolute path, such as file:/run/secrets/name")
    return text


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"the secret file {path} cannot be read: {error.strerror}") from None
    if len(content) > SECRET_BYTES_MAX:
        raise ValueError(f"the secret file {path} is larger than {SECRET_BYTES_MAX} bytes")
    try:
        secret = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the secret file {path} is not UTF-8") from None
    if not secret:
        raise ValueError(f"the secret file {path} is empty")
    return secret


def _from_policy(value: Any, info: ValidationInfo) -> Any:
    resolver: Resolver | None = (info.context or {}).get(RESOLVER)
    if resolver is None or not isinstance(value, str):
        return value
    return resolver(value)


Secret = Annotated[SecretStr, BeforeValidator(_from_policy)]
