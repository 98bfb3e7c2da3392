"""What anybody may read: the public keys and the log. Nothing of either says who did what.

| path | what |
|---|---|
| `/.well-known/did.json` | the keys of receipts as a did:web document |
| `/.well-known/jwks.json` | the same as a JWK set |
| `/.well-known/sonate-pubkey.json` | the key that signs now |
| `/.well-known/sonate-keys.json` | every key there ever was; what a verifier pins |
| `/.well-known/sealgate-vkeys.txt` | the keys of the log as C2SP verifier keys |
| `/log/checkpoint`, `/log/tile/...` | the log as C2SP tiles |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from gateway.admin.api_error import ApiError
from gateway.admin.receipt_desk import ReceiptDesk
from gateway.ledger.store import LedgerError
from gateway.ledger.tree import LogFiles
from gateway.receipts.key_documents import (
    did_document,
    did_web,
    jwks,
    sonate_keys,
    sonate_pubkey,
    vkeys,
)
from gateway.receipts.keys import RECEIPTS, PublicKey
from gateway.receipts.tiles import parse_path

TEXT = "text/plain"


class Published:
    """The pages; each reads files, in a thread."""

    def __init__(self, desk: ReceiptDesk) -> None:
        self._desk = desk

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        pages: dict[str, Callable[[web.Request, list[PublicKey]], Any]] = {
            "did.json": lambda request, keys: did_document(_did(request), keys),
            "jwks.json": lambda _, keys: jwks(keys),
            "sonate-pubkey.json": lambda _, keys: sonate_pubkey(_current(keys)),
            "sonate-keys.json": lambda _, keys: sonate_keys(keys),
            "sealgate-vkeys.txt": lambda _, keys: "\n".join(vkeys(keys, self._origin())) + "\n",
        }
        for name, make in pages.items():
            app.router.add_get(f"/.well-known/{name}", self._page(make))
        app.router.add_get("/log/checkpoint", self._checkpoint)
        app.router.add_get("/log/{path:tile/.+}", self._tile)

    def _origin(self) -> str:
        return str(self._desk.keys.origin)

    def _page(self, make: Callable[[web.Request, list[PublicKey]], Any]) -> Any:
        async def page(request: web.Request) -> web.Response:
            def work() -> Any:
                keys = self._keys()
                return make(request, keys) if keys else None

            found = await asyncio.to_thread(work)
            if found is None:
                return _absent("no key was made yet")
            if isinstance(found, str):
                return web.Response(text=found, content_type=TEXT)
            return web.Response(
                body=orjson.dumps(found, option=orjson.OPT_INDENT_2),
                content_type="application/json",
            )

        return page

    def _keys(self) -> list[PublicKey]:
        try:
            return list(self._desk.keys.public_keys()) if self._desk.folder.exists() else []
        except LedgerError:
            return []

    async def _checkpoint(self, _request: web.Request) -> web.Response:
        def work() -> bytes | None:
            return LogFiles(self._desk.folder).read_kept() if self._desk.folder.exists() else None

        note = await asyncio.to_thread(work)
        if note is None:
            return _absent("the log has no checkpoint yet")
        return web.Response(body=note, content_type=TEXT)

    async def _tile(self, request: web.Request) -> web.Response:
        def work() -> bytes | None:
            try:
                return LogFiles(self._desk.folder).read_tile(parse_path(request.match_info["path"]))
            except (ValueError, LookupError):
                return None

        data = await asyncio.to_thread(work)
        if data is None:
            return _absent("there is no such tile")
        return web.Response(body=data, content_type="application/octet-stream")


def _did(request: web.Request) -> str:
    host, _, port = request.host.partition(":")
    return did_web(host, int(port) if port.isdigit() else None)


def _current(keys: list[PublicKey]) -> PublicKey:
    return next(key for key in reversed(keys) if key.purpose == RECEIPTS)


def _absent(message: str) -> web.Response:
    return ApiError(404, "not_found", message).response()
