"""What answers tell, and where counts live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.plugin import (
    PRINCIPAL,
    ResponseView,
    Runtime,
)
from gateway.plugin.testing import make_headers, make_response, play, running
from gateway.settings import Dialect
from gateway_plugins.rate_limit import RateLimit
from tests.unit.gateway_plugins.rate_limit.limit_world import PER_KEY, Store, call, send


class TestHeaders:
    async def headers(
        self,
        runtime: Runtime,
        config: Mapping[str, Any],
        *,
        dialect: Dialect = Dialect.OPENAI,
        response: ResponseView | None = None,
        body: Any = None,
    ) -> dict[str, str]:
        x = call(dialect=dialect, body=body)
        async with running(RateLimit, config, runtime) as plugin:
            await play(plugin, x, response=response or make_response())
        assert x.response is not None
        return dict(x.response.headers)

    async def test_openai(self, runtime: Runtime) -> None:
        assert await self.headers(runtime, {"limits": [PER_KEY]}) == {
            "x-ratelimit-limit-requests": "2",
            "x-ratelimit-remaining-requests": "1",
            "x-ratelimit-reset-requests": "1m0s",
            "ratelimit-policy": '"requests-per-key-60s";q=2;w=60',
            "ratelimit": '"requests-per-key-60s";r=1;t=60',
        }

    async def test_anthropic(self, runtime: Runtime) -> None:
        config = {"limits": [PER_KEY], "headers": ["provider"]}

        assert await self.headers(runtime, config, dialect=Dialect.ANTHROPIC) == {
            "anthropic-ratelimit-requests-limit": "2",
            "anthropic-ratelimit-requests-remaining": "1",
            "anthropic-ratelimit-requests-reset": "2026-11-22T00:01:00Z",
        }

    async def test_every_kind_has_its_unit(self, runtime: Runtime) -> None:
        limits = [
            {"per": "tenant", "tokens": 5000, "window": "60s"},
            {"per": "ip", "bytes": 9000, "window": "1h"},
            {"per": "header:x-team", "streams": 3},
        ]
        config = {"limits": limits, "headers": ["ietf"]}

        got = await self.headers(runtime, config, body={"stream": True})

        assert got["ratelimit-policy"] == (
            '"tokens-per-tenant-60s";q=5000;qu="tokens";w=60, '
            '"bytes-per-ip-1h";q=9000;qu="content-bytes";w=3600, '
            '"streams-per-header.x-team";q=3;qu="concurrent-requests"'
        )
        assert got["ratelimit"] == (
            '"tokens-per-tenant-60s";r=3972;t=60, "bytes-per-ip-1h";r=8985;t=3600, '
            '"streams-per-header.x-team";r=2'
        )

    async def test_of_several_limits_the_tightest_is_told(self, runtime: Runtime) -> None:
        limits = [PER_KEY, {"per": "tenant", "requests": 1, "window": "1h"}]

        got = await self.headers(runtime, {"limits": limits})

        assert got["x-ratelimit-limit-requests"] == "1"
        assert got["x-ratelimit-reset-requests"] == "1h0m0s"

    async def test_what_the_provider_told_stays(self, runtime: Runtime) -> None:
        sent = {"x-ratelimit-limit-requests": "500", "RateLimit": '"x";r=1'}

        got = await self.headers(
            runtime, {"limits": [PER_KEY]}, response=make_response(headers=sent)
        )

        assert got == sent

    async def test_a_refusal_tells_what_is_left(self, runtime: Runtime) -> None:
        limit = {**PER_KEY, "requests": 1}
        await self.headers(runtime, {"limits": [limit]})

        got = await self.headers(runtime, {"limits": [limit]})

        assert got["x-ratelimit-remaining-requests"] == "0"
        assert got["ratelimit"] == '"requests-per-key-60s";r=0;t=60'

    async def test_an_answer_that_never_came_by_is_left_alone(self, runtime: Runtime) -> None:
        """Such as the refusal of an earlier plugin."""
        x = call()
        x.response = ResponseView(403, b"", make_headers(), local=True)
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            plugin.on_response_headers(x)

        assert dict(x.response.headers) == {}

    async def test_none_are_sent_where_none_are_asked_for(self, runtime: Runtime) -> None:
        config = {"limits": [PER_KEY], "headers": []}
        async with running(RateLimit, config, runtime) as plugin:
            assert "on_response_headers" in plugin.skips_hooks


class TestPlaces:
    @pytest.mark.parametrize(
        ("limits", "tag"),
        [
            ([PER_KEY], "key/k1"),
            ([{**PER_KEY, "per": "tenant"}, {**PER_KEY, "per": "user"}], "tenant/acme"),
            ([PER_KEY, {**PER_KEY, "per": "ip"}], "policy/p"),
        ],
    )
    async def test_counters_of_a_caller_live_together(
        self, runtime: Runtime, store: Store, limits: Any, tag: str
    ) -> None:
        async with running(RateLimit, {"limits": limits}, runtime) as plugin:
            await send(plugin, call())

        assert store.tags == [tag]

    async def test_keys_hold_what_is_counted_and_none_of_the_numbers(
        self, runtime: Runtime, store: Store
    ) -> None:
        limit = {"per": ["tenant", "key"], "requests": 77, "window": "60s"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            await send(plugin, call())

        assert store.taken[0][0].key == "p/requests/key+tenant/60000000/log/2:k1acme"

    def test_only_a_verified_caller_can_be_counted_by(self, runtime: Runtime) -> None:
        limits = [{**PER_KEY, "per": "ip"}]
        config = RateLimit.Config.model_validate({"limits": limits})
        assert RateLimit(config, runtime).requires == frozenset()

        config = RateLimit.Config.model_validate({"limits": [PER_KEY]})
        assert RateLimit(config, runtime).requires == {PRINCIPAL}

    def test_a_store_that_is_not_there_is_told_where_the_policy_is_made(self) -> None:
        config = RateLimit.Config.model_validate({"limits": [PER_KEY]})
        with pytest.raises(ValueError, match='no store "default"'):
            RateLimit(config, Runtime())
