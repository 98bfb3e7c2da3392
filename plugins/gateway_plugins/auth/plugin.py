"""The caller of each request, found once per credential and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar

from gateway.identity.jwt import TokenVerifier
from gateway.plugin import PRINCIPAL, Exchange, Fact, Plugin, Reject, Runtime
from gateway_plugins.auth.config import AuthConfig
from gateway_plugins.auth.identification import Identification


class Auth(Plugin):
    """Finds out who is calling, and lets nobody pass who does not say."""

    name: ClassVar[str] = "auth"
    Config = AuthConfig
    provides: frozenset[Fact[Any]] = frozenset({PRINCIPAL})

    def __init__(self, config: AuthConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self.refuses_strangers = not config.optional
        self._identification = Identification(config, runtime)
        reads_body = self._identification.reads_body
        self.skips_hooks = frozenset() if reads_body else frozenset({"on_request"})
        # The chain calls the compiled steps themselves, with no interpreted frame before them.
        self.on_request_headers = self._identification.identify  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.wants_body = self._identification.wants_body  # type: ignore[method-assign]  # the chain asks the instance

    async def start(self) -> None:
        if self.config.api_keys and self.runtime.directory is None:
            raise ValueError("this gateway keeps no keys")
        if self.config.jwt:
            verifier = await asyncio.to_thread(self._make_verifier)
            self._identification.verifier = verifier
            await verifier.start()

    def _make_verifier(self) -> TokenVerifier:
        secrets = {
            issuer.issuer: issuer.secret.get_secret_value().encode()
            for issuer in self.config.jwt
            if issuer.secret is not None
        }
        return TokenVerifier(
            self.config.jwt,
            wall=self.runtime.wall,
            monotonic=self.runtime.monotonic,
            directory=self.runtime.directory,
            secrets=secrets,
        )

    async def stop(self) -> None:
        if self._identification.verifier is not None:
            await self._identification.verifier.stop()

    def on_request_headers(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._identification.identify(x)

    def wants_body(self, x: Exchange) -> bool:
        return self._identification.wants_body(x)

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        return self._identification.judge_body(x)
