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
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from gateway.admin.api_error import ApiError
from gateway.admin.desk import LateDesk
from gateway.ledger.store import LedgerError

if TYPE_CHECKING:
    from gateway.receipts.keys import PublicKey

TEXT = "text/plain"
PAGES: Final = (
    "did.json",
    "jwks.json",
    "sonate-pubkey.json",
    "sonate-keys.json",
    "sealgate-vkeys.txt",
)


class Published:
    """The pages; each reads files, in a thread."""

    def __init__(self, desk: LateDesk) -> None:
        self._desk = desk

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        for name in PAGES:
            app.router.add_get(f"/.well-known/{name}", self._page(name))
        app.router.add_get("/log/checkpoint", self._checkpoint)
        app.router.add_get("/log/{path:tile/.+}", self._tile)

    def _page(self, name: str) -> Any:
        async def page(request: web.Request) -> web.Response:
            found = await asyncio.to_thread(self._made, name, request)
            if found is None:
                return _absent("no key was made yet")
            if isinstance(found, str):
                return web.Response(text=found, content_type=TEXT)
            return web.Response(
                body=orjson.dumps(found, option=orjson.OPT_INDENT_2),
                content_type="application/json",
            )

        return page

    def _made(self, name: str, request: web.Request) -> Any:
        """The page as text or value; None where there is no key."""
        from gateway.receipts import key_documents  # noqa: PLC0415  # the ledger is heavy; not before a page is read

        desk = self._desk.open()
        try:
            keys = list(desk.keys.public_keys()) if desk.folder.exists() else []
        except LedgerError:
            keys = []
        if not keys:
            return None
        match name:
            case "did.json":
                return key_documents.did_document(_did(request), keys)
            case "jwks.json":
                return key_documents.jwks(keys)
            case "sonate-pubkey.json":
                return key_documents.sonate_pubkey(_current(keys))
            case "sonate-keys.json":
                return key_documents.sonate_keys(keys)
            case _:
                return "\n".join(key_documents.vkeys(keys, str(desk.keys.origin))) + "\n"

    async def _checkpoint(self, _request: web.Request) -> web.Response:
        note = await asyncio.to_thread(self._kept)
        if note is None:
            return _absent("the log has no checkpoint yet")
        return web.Response(body=note, content_type=TEXT)

    def _kept(self) -> bytes | None:
        from gateway.ledger.tree import LogFiles  # noqa: PLC0415  # the ledger is heavy; not before a page is read

        folder = self._desk.open().folder
        return LogFiles(folder).read_kept() if folder.exists() else None

    async def _tile(self, request: web.Request) -> web.Response:
        data = await asyncio.to_thread(self._tile_at, request.match_info["path"])
        if data is None:
            return _absent("there is no such tile")
        return web.Response(body=data, content_type="application/octet-stream")

    def _tile_at(self, path: str) -> bytes | None:
        from gateway.ledger.tree import LogFiles  # noqa: PLC0415  # the ledger is heavy; not before a page is read
        from gateway.receipts.tiles import parse_path  # noqa: PLC0415  # the ledger is heavy; not before a page is read

        try:
            return LogFiles(self._desk.open().folder).read_tile(parse_path(path))
        except (ValueError, LookupError):
            return None


def _did(request: web.Request) -> str:
    from gateway.receipts.key_documents import did_web  # noqa: PLC0415  # the ledger is heavy; not before a page is read

    host, _, port = request.host.partition(":")
    return did_web(host, int(port) if port.isdigit() else None)


def _current(keys: list[PublicKey]) -> PublicKey:
    from gateway.receipts.keys import RECEIPTS  # noqa: PLC0415  # the ledger is heavy; not before a page is read

    return next(key for key in reversed(keys) if key.purpose == RECEIPTS)


def _absent(message: str) -> web.Response:
    return ApiError(404, "not_found", message).response()
