"""A small real issuer for tests: discovery and keys over HTTP, which can change, fail and count."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from aiohttp import web

from tests.tokens import Signer, key_set

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


class Issuer:
    """`url` is set by whoever serves `app`. `asked` counts the requests by path."""

    def __init__(self, *signers: Signer) -> None:
        self.url = ""
        self.signers = list(signers)
        self.asked: Counter[str] = Counter()
        self.down = False
        self.configuration: dict[str, Any] = {}
        """Replaces members of the discovery document."""
        self.keys_body: bytes | None = None
        self.app = web.Application()
        self.app.router.add_get("/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if self.down:
            return web.Response(status=503)
        if request.path == DISCOVERY:
            document = {"issuer": self.url, "jwks_uri": self.url + KEYS, **self.configuration}
            return web.Response(body=orjson.dumps(document))
        if request.path == "/moved":
            return web.Response(status=302, headers={"location": self.url + KEYS})
        if request.path != KEYS:
            return web.Response(status=404)
        keys = key_set(*self.signers)
        return web.Response(body=self.keys_body or orjson.dumps(keys))
