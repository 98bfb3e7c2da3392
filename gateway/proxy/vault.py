"""Reads secrets from HashiCorp Vault (or OpenBao): KV version 2, over verified TLS.

    token        the token as it is; a file is read for each sign-in, so that Vault Agent may renew
    approle      POST /v1/auth/approle/login       {"role_id": ..., "secret_id": ...}
    kubernetes   POST /v1/auth/kubernetes/login    {"role": ..., "jwt": ...}
    then         GET  /v1/MOUNT/data/PATH          X-Vault-Token

A token that we signed in for is used for two thirds of its lease. A refused one is thrown away, and
the read is tried once more with a fresh one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.credential_settings import VaultSettings
from gateway.identity.fetch import Fetcher, FetchError
from gateway.plugin.secret import resolve_secret

LEASE_SHARE: Final = 2 / 3
_FORBIDDEN = 403


class Vault:
    """One Vault server and our standing with it. `monotonic` counts seconds and never goes back."""

    def __init__(
        self, settings: VaultSettings, fetcher: Fetcher, *, monotonic: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._base = f"{settings.address}/v1/"
        # Vault Agent answers only requests that no browser can be tricked into.
        self._headers = {"x-vault-request": "true"}
        if settings.namespace is not None:
            self._headers["x-vault-namespace"] = settings.namespace
        self._token = ""
        self._token_until = 0.0
        self._signing_in = asyncio.Lock()

    async def read(self, path: str, field: str) -> str:
        """One field of the newest version of a secret. Raises FetchError or ValueError."""
        url = f"{self._base}{self._settings.mount}/data/{path}"
        try:
            text = await self._get(url)
        except FetchError as error:
            if error.status != _FORBIDDEN:
                raise
            self._token = ""
            text = await self._get(url)
        # KV version 2 wraps the secret's own fields in `data` twice.
        value = _at(text, "data", "data", field)
        if not isinstance(value, str):
            raise ValueError(f"the secret has no text field {field}")  # noqa: TRY004  # callers treat every bad answer alike
        return value

    async def _get(self, url: str) -> bytes:
        async with self._signing_in:
            if not self._token or self._monotonic() >= self._token_until:
                await self._sign_in()
            token = self._token
        return await self._fetcher.get(url, {**self._headers, "x-vault-token": token})

    async def _sign_in(self) -> None:
        settings = self._settings
        if settings.method == "token":
            self._token = await _secret(settings.token)
            # A file may hold another token at any time.
            self._token_until = self._monotonic()
            return
        if settings.method == "approle":
            asked = {
                "role_id": await _secret(settings.role_id),
                "secret_id": await _secret(settings.secret_id),
            }
        else:
            asked = {"role": settings.role or "", "jwt": await _secret(settings.jwt)}
        mount = settings.method_mount or settings.method
        url = f"{self._base}auth/{mount}/login"
        try:
            text = await self._fetcher.post(url, orjson.dumps(asked), self._headers)
        except FetchError as error:
            raise FetchError(f"Vault did not let the gateway sign in: {error}") from None
        token, lease_s = _at(text, "auth", "client_token"), _at(text, "auth", "lease_duration")
        if not isinstance(token, str) or not isinstance(lease_s, int):
            raise ValueError("the answer to the sign-in holds no token")  # noqa: TRY004  # callers treat every bad answer alike
        self._token = token
        # A lease of 0 is one without end (a root token); it is renewed once a day all the same.
        self._token_until = self._monotonic() + LEASE_SHARE * (lease_s or 86_400)


def _at(text: bytes, *path: str) -> Any:
    """What stands at `path` of a JSON document, or None."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


async def _secret(reference: str | None) -> str:
    """What a reference of the settings gives now. Raises ValueError."""
    return await asyncio.to_thread(resolve_secret, reference or "")
