"""Asks Vault (or OpenBao) and waits for the answer: for the sequencer's process and for commands.

The gateway's event loops have a client of their own (`gateway.proxy.vault`), which never blocks.
Signing in is the same: a token that is read for each request, AppRole, or Kubernetes. A token that
we signed in for is used for two thirds of its lease, and once a refused one is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from gateway.credential_settings import VaultSettings
from gateway.ledger.store import LedgerAwayError
from gateway.plugin.secret import resolve_secret

if TYPE_CHECKING:
    import http.client

LEASE_SHARE: Final = 2 / 3
ANSWER_BYTES_MAX: Final = 33_554_432
READ_BYTES: Final = 65_536
DAY_S: Final = 86_400
_OK: Final = 200
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


class VaultSession:
    """One Vault server and our standing with it; used by one thread at a time.

    `timeout_s` is for one request as a whole; `monotonic_s` counts seconds and never goes back.
    """

    def __init__(
        self,
        settings: VaultSettings,
        timeout_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._token = ""
        self._token_until = 0.0

    def get(self, path: str) -> dict[str, Any]:
        """What stands at `data` of the answer. Raises LedgerAwayError."""
        return self._data("GET", path, b"")

    def post(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The same. Raises LedgerAwayError."""
        return self._data("POST", path, orjson.dumps(asked))

    def _data(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        status, answer = self._ask(method, path, body, self._signed_in())
        if status == _FORBIDDEN:
            self._token = ""
            status, answer = self._ask(method, path, body, self._signed_in())
        # Vault answers 400 as a whole where each item of a batch failed, and says why in each.
        if status not in {_OK, _BAD_REQUEST} or not isinstance(answer.get("data"), dict):
            raise LedgerAwayError(f"Vault does not give {path}: {_reason(status, answer)}")
        found: dict[str, Any] = answer["data"]
        return found

    def _signed_in(self) -> str:
        settings = self._settings
        if settings.method == "token":
            # A file may hold another token at any time.
            return _secret("vault.token", settings.token)
        if self._token and self._monotonic_s() < self._token_until:
            return self._token
        if settings.method == "approle":
            asked = {
                "role_id": _secret("vault.role_id", settings.role_id),
                "secret_id": _secret("vault.secret_id", settings.secret_id),
            }
        else:
            asked = {"role": settings.role or "", "jwt": _secret("vault.jwt", settings.jwt)}
        path = f"auth/{settings.method_mount or settings.method}/login"
        status, answer = self._ask("POST", path, orjson.dumps(asked), "")
        auth = answer.get("auth")
        if status != _OK or not isinstance(auth, dict):
            reason = _reason(status, answer)
            raise LedgerAwayError(f"Vault did not let the gateway sign in: {reason}")
        token, lease_s = auth.get("client_token"), auth.get("lease_duration")
        if not isinstance(token, str) or not isinstance(lease_s, int):
            raise LedgerAwayError("Vault's answer to the sign-in holds no token")
        self._token = token
        # A lease of 0 is one without end; it is renewed once a day all the same.
        self._token_until = self._monotonic_s() + LEASE_SHARE * (lease_s or DAY_S)
        return token

    def _ask(self, method: str, path: str, body: bytes, token: str) -> tuple[int, dict[str, Any]]:
        from http.client import HTTPException  # noqa: PLC0415  # only where Vault signs

        # Vault Agent answers only requests that no browser can be tricked into.
        headers = {"x-vault-request": "true", "content-type": "application/json"}
        if token:
            headers["x-vault-token"] = token
        if self._settings.namespace is not None:
            headers["x-vault-namespace"] = self._settings.namespace
        until_s = time.monotonic() + self._timeout_s
        try:
            connection = self._connection()
            try:
                base = urlsplit(self._settings.address or "").path
                connection.request(method, f"{base}/v1/{path}", body or None, headers)
                response = connection.getresponse()
                text = _read(connection, response, until_s)
            finally:
                connection.close()
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise LedgerAwayError(f"Vault cannot be asked for {path}: {reason}") from None
        return response.status, _document(text)

    def _connection(self) -> http.client.HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415  # only where Vault signs
        from ssl import create_default_context  # noqa: PLC0415  # only where Vault signs

        address = urlsplit(self._settings.address or "")
        host = address.hostname or ""
        if address.scheme == "http":
            return HTTPConnection(host, address.port, timeout=self._timeout_s)
        context = create_default_context(cafile=self._settings.ca_file)
        return HTTPSConnection(host, address.port, timeout=self._timeout_s, context=context)


def _read(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse, until_s: float
) -> bytes:
    """The body, within the time of the request as a whole. Raises OSError."""
    text = b""
    while part := response.read1(READ_BYTES):
        text += part
        left_s = until_s - time.monotonic()
        if left_s <= 0 or len(text) > ANSWER_BYTES_MAX:
            raise TimeoutError("the answer takes too long or has no end")
        if connection.sock is not None:
            connection.sock.settimeout(left_s)
    return text


def _document(text: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _reason(status: int, answer: dict[str, Any]) -> str:
    """What Vault says of itself; never what was asked."""
    errors = answer.get("errors")
    said = "; ".join(str(each) for each in errors)[:200] if isinstance(errors, list) else ""
    if status == _NOT_FOUND and not said:
        said = "there is no such key or engine"
    if status == _FORBIDDEN:
        said = f"{said or 'refused'} (the policy needs read on keys/NAME and update on sign/NAME)"
    return f"status {status}{', ' if said else ''}{said}"


def _secret(setting: str, reference: str | None) -> str:
    try:
        return resolve_secret(reference or "")
    except ValueError as error:
        # Such files are written by others (Vault Agent, Kubernetes) and may be there soon.
        raise LedgerAwayError(f"{setting}: {error}") from None
