"""A real HTTP server that speaks what the gateway asks of Vault, as Vault's API documents it.

KV version 2 (`GET /v1/MOUNT/data/PATH`), and the sign-ins of AppRole and Kubernetes. It is not
Vault: secrets are in memory, leases do not run out by themselves, and there are no policies.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web


class VaultServer:
    """`secrets` maps paths to fields; `tokens` are those that are accepted now."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.tokens = {"root-token"}
        self.namespace: str | None = None
        self.lease_s = 3600
        self.down = False
        self.url = ""
        self.asked: list[str] = []
        self.signed_in = 0
        self.app = web.Application()
        self.app.router.add_get("/v1/secret/data/{path:.+}", self._read)
        self.app.router.add_post("/v1/auth/{mount}/login", self._sign_in)

    async def _read(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.down:
            return _errors(503, "Vault is sealed")
        if request.headers.get("x-vault-token") not in self.tokens:
            return _errors(403, "permission denied")
        if request.headers.get("x-vault-namespace") != self.namespace:
            return _errors(403, "permission denied")
        fields = self.secrets.get(request.match_info["path"])
        if fields is None:
            return web.json_response({"errors": []}, status=404)
        metadata = {"version": 1, "destroyed": False, "deletion_time": ""}
        return web.json_response({"data": {"data": fields, "metadata": metadata}})

    async def _sign_in(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.down:
            return _errors(503, "Vault is sealed")
        asked = orjson.loads(await request.read())
        known = (
            {"role_id": "role", "secret_id": "secret"},
            {"role": "gateway", "jwt": "service-account"},
        )
        if asked not in known:
            return _errors(400, "invalid role or secret ID")
        self.signed_in += 1
        token = f"hvs.{self.signed_in}"
        self.tokens.add(token)
        auth = {"client_token": token, "lease_duration": self.lease_s, "renewable": True}
        return web.json_response({"auth": auth})


def _errors(status: int, text: str) -> web.Response:
    return web.json_response({"errors": [text]}, status=status)
