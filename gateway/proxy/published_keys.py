"""The public keys of receipts on the listener, for clients who reach nothing else of the gateway.

Asked only for requests that no route takes, and read only: a route of the operator's that matches
the path goes first. No policy applies and no receipt is kept, as for any request without a route.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.ledger.folder import ledger_folder
from gateway.ledger.store import LedgerError
from gateway.plugin.exchange import RequestView
from gateway.plugin.verdict import Reply
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.receipts.keys import PublicKey

PREFIX: Final = "/.well-known/"
KEPT_S: Final = 5.0
"""How long a worker keeps what it read: a small file, and at most once in that time."""
_HEADERS: Final = (("content-type", "application/json"), ("cache-control", "public, max-age=60"))
_METHODS: Final = frozenset({"GET", "HEAD"})


class PublishedKeys:
    """The documents of one gateway. `monotonic_s` counts seconds and never goes back."""

    def __init__(
        self, settings: Settings, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        # Only gateways that publish pay for what this imports.
        from gateway.ledger.opening import KEYS_FOLDER  # noqa: PLC0415  # only where keys are published on the listener
        from gateway.ledger.signing_keys import SigningKeys  # noqa: PLC0415  # only where keys are published on the listener
        from gateway.receipts import key_documents  # noqa: PLC0415  # only where keys are published on the listener

        self._keys = SigningKeys(ledger_folder(settings) / KEYS_FOLDER, "")
        self._monotonic_s = monotonic_s
        self._until_s = 0.0
        self._public: list[PublicKey] = []
        self._pages: dict[str, Callable[[RequestView], Any]] = {
            "did.json": lambda request: key_documents.did_document(
                key_documents.did_web(*_authority(request.host)), self._public
            ),
            "jwks.json": lambda _: key_documents.jwks(self._public),
            "sonate-pubkey.json": lambda _: key_documents.sonate_pubkey(
                next(key for key in reversed(self._public) if key.purpose == "receipts")
            ),
            "sonate-keys.json": lambda _: key_documents.sonate_keys(self._public),
        }

    def answer(self, request: RequestView) -> Reply | None:
        """The document that was asked for; None where it is none, or no key was made yet."""
        path = request.path
        if not path.startswith(PREFIX) or request.method not in _METHODS:
            return None
        page = self._pages.get(path.removeprefix(PREFIX))
        if page is None or not self._read():
            return None
        return Reply(200, _HEADERS, orjson.dumps(page(request), option=orjson.OPT_INDENT_2))

    def _read(self) -> bool:
        now = self._monotonic_s()
        if now >= self._until_s:
            try:
                self._public = self._keys.public_keys()
            except LedgerError:
                self._public = []
            self._until_s = now + KEPT_S
        return bool(self._public)


def _authority(host: str) -> tuple[str, int | None]:
    name, _, port = host.partition(":")
    return name, int(port) if port.isdecimal() and port.isascii() else None
