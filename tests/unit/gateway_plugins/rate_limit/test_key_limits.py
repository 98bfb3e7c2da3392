"""The limits that keys carry, and stores that take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from gateway.plugin import (
    PRINCIPAL,
    Principal,
    Runtime,
    Usage,
)
from gateway.plugin.testing import running
from gateway_plugins.rate_limit import RateLimit
from tests.unit.gateway_plugins.rate_limit.limit_world import PER_KEY, Store, call, refused, send

STREAMS: Mapping[str, Any] = {"limits": [{"per": "user", "streams": 1}]}


class TestLimitsOfKeys:
    OWN = ({"requests": 1, "window": "60s"},)

    async def test_they_count_beside_those_of_the_policy(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            who = Principal("acme", "ann", "key", "k1", limits=self.OWN)
            assert (await send(plugin, call(principal=who))).answer is None
            assert refused(await send(plugin, call(principal=who)))
            other = call("k1")
            await send(plugin, other)
            assert other.response is not None
            # What the key's own limit refused was given back to the policy's.
            assert other.response.headers.get("x-ratelimit-remaining-requests") == "0"

    async def test_they_count_once_for_all_policies(self, runtime: Runtime) -> None:
        async with running(RateLimit, {}, runtime) as plugin:
            assert plugin.requires == {PRINCIPAL}
            first, second = call(limits=self.OWN), call(limits=self.OWN)
            second.policy = "another"
            assert (await send(plugin, first)).answer is None
            assert refused(await send(plugin, second))

    async def test_what_the_policy_does_not_count_is_refused(self, runtime: Runtime) -> None:
        """A limit that somebody set must not be silently without effect."""
        tokens = ({"tokens": 5, "window": "60s"},)
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            assert "key_limits: all" in refused(await send(plugin, call(limits=tokens))).message
        async with running(RateLimit, {"key_limits": "all"}, runtime) as plugin:
            assert plugin.needs_usage
            x = call(limits=tokens, body={})
            assert (await send(plugin, x, usage=Usage(5, 0, estimated=False))).answer is None
            assert refused(await send(plugin, call(limits=tokens, body={})))

    async def test_a_limit_that_cannot_be_read_is_refused(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            for odd in ({"requests": "many", "window": "60s"}, {"requets": 5}, {}):
                assert "cannot be read" in refused(await send(plugin, call(limits=(odd,)))).message

    async def test_limits_of_budgets_are_left_to_them(self, runtime: Runtime) -> None:
        other = ({"usd": 5, "period": "month"},)
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            assert (await send(plugin, call(limits=other))).answer is None

    async def test_a_policy_may_leave_them_out(self, runtime: Runtime) -> None:
        config = {"limits": [PER_KEY], "key_limits": "none"}
        async with running(RateLimit, config, runtime) as plugin:
            who = Principal("acme", "ann", "key", "k1", limits=self.OWN)
            assert [(await send(plugin, call(principal=who))).answer for _ in range(2)] == [
                None
            ] * 2


class TestAnswersThatTakeTime:
    async def test_the_hook_waits_for_the_store(self, runtime: Runtime, store: Store) -> None:
        store.late = True
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            step = plugin.on_request_headers(call())
            assert isinstance(step, Awaitable)
            store.answer()

            assert await step is None

    async def test_both_places_of_a_key_are_asked_in_one_breath(
        self, runtime: Runtime, store: Store
    ) -> None:
        store.late = True
        own = ({"requests": 9, "window": "60s"},)
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            step = plugin.on_request_headers(call(limits=own))
            assert isinstance(step, Awaitable)
            assert len(store.promised) == 2
            store.answer()

            assert await step is None

    async def test_a_client_that_leaves_gets_its_stream_back(
        self, runtime: Runtime, store: Store
    ) -> None:
        """Even where the hook never got to run: its task may be cancelled before its first line."""
        store.late = True
        async with running(RateLimit, STREAMS, runtime) as plugin:
            x = call(body={"stream": True})
            step = plugin.on_request(x)
            assert isinstance(step, Awaitable)
            task = asyncio.ensure_future(step)
            task.cancel()
            await asyncio.wait([task])
            plugin.on_complete(x)
            store.answer()

            store.late = False
            assert (await send(plugin, call(body={"stream": True}))).answer is None
