"""Takes what a request will use from its counters, or refuses; settles when the answer is through.

head (or body, where a limit needs it)   one call to the store takes all demands, or none
answer                                   tells what is left
end                                      tokens, bytes and streams are set to what was used
"""

from __future__ import annotations

from typing import ClassVar, Final

from gateway.plugin import (
    PRINCIPAL,
    Exchange,
    Plugin,
    Runtime,
    Step,
)
from gateway_plugins.rate_limit.config import RateLimitConfig
from gateway_plugins.rate_limit.limiting import Limiting
from gateway_plugins.rate_limit.limits import (
    facts_needed,
    needs_model,
)

_HEAD_KINDS: Final = frozenset({"requests", "bytes"})
"""What the head of a request tells."""


class RateLimit(Plugin):
    """Bounds requests, tokens, bytes and streams by caller, model, route or header."""

    name: ClassVar[str] = "rate_limit"
    Config = RateLimitConfig

    def __init__(self, config: RateLimitConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        all_of_keys = config.key_limits == "all"
        kinds = {limit.kind for limit in config.limits}
        self._holds = all_of_keys or "streams" in kinds
        self.needs_usage = all_of_keys or "tokens" in kinds
        asks_model = needs_model(config.limits)
        reads_body = asks_model or all_of_keys or not kinds <= _HEAD_KINDS
        self._limiting = limiting = Limiting(
            config,
            runtime,
            asks_model=asks_model,
            key_kinds=self._kinds_of_keys(),
            holds=self._holds,
            needs_usage=self.needs_usage,
        )
        # The chain calls the compiled steps themselves, with no interpreted frame before them.
        self.on_request_headers = limiting.take  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_request = limiting.body  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_response_headers = limiting.answered  # type: ignore[method-assign]  # a hook is looked up on the instance
        self.on_complete = limiting.complete  # type: ignore[method-assign]  # a hook is looked up on the instance
        of_keys = {PRINCIPAL} if all_of_keys or not config.limits else set()
        self.requires = facts_needed(config.limits) | of_keys
        needed = {
            "on_request_headers": not reads_body,
            "on_request": reads_body,
            "on_response_headers": config.headers,
            "on_complete": limiting.limits.settles or limiting.counts_keys,
        }
        self.skips_hooks = frozenset(hook for hook, wanted in needed.items() if not wanted)

    def _kinds_of_keys(self) -> frozenset[str]:
        """The limits of keys that this use can count."""
        more = {"tokens": self.needs_usage, "streams": self._holds}
        return _HEAD_KINDS | {kind for kind, counted in more.items() if counted}

    async def start(self) -> None:
        if self._holds:
            self._limiting.held.start()

    async def stop(self) -> None:
        await self._limiting.held.stop()

    def on_request_headers(self, x: Exchange) -> Step:
        return self._limiting.take(x)

    def on_request(self, x: Exchange) -> Step:
        return self._limiting.body(x)

    def on_response_headers(self, x: Exchange) -> None:
        self._limiting.answered(x)

    def on_complete(self, x: Exchange) -> None:
        self._limiting.complete(x)
