"""What is taken, refused and settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.plugin import (
    Exchange,
    Outcome,
    Reason,
    Reject,
    Runtime,
    Usage,
)
from gateway.plugin.testing import make_response, play, running
from gateway_plugins.rate_limit import RateLimit
from tests.unit.gateway_plugins.rate_limit.limit_world import PER_KEY, Store, call, refused, send


class TestRequests:
    async def test_as_many_as_the_limit_are_admitted(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            answers = [(await send(plugin, call())).answer for _ in range(3)]

        assert answers[:2] == [None, None]
        assert isinstance(answers[2], Reject)
        assert answers[2].reason is Reason.RATE_LIMITED

    async def test_a_window_slides(self, runtime: Runtime, store: Store) -> None:
        """What was taken is free again exactly one window later, one after the other."""
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            await send(plugin, call())
            store.now_us = 30_000_000
            await send(plugin, call())
            store.now_us = 59_999_999
            assert refused(await send(plugin, call())).retry_after_s == 0.001
            store.now_us = 60_000_000
            assert (await send(plugin, call())).answer is None
            assert refused(await send(plugin, call())).retry_after_s == 30.0

    async def test_callers_do_not_share_a_count(self, runtime: Runtime) -> None:
        limit = {**PER_KEY, "requests": 1}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            assert (await send(plugin, call("k1"))).answer is None
            assert (await send(plugin, call("k2"))).answer is None
            assert refused(await send(plugin, call("k1")))

    async def test_a_refused_request_uses_nothing_of_any_limit(self, runtime: Runtime) -> None:
        limits = [PER_KEY, {"per": "tenant", "requests": 3, "window": "60s"}]
        async with running(RateLimit, {"limits": limits}, runtime) as plugin:
            for _ in range(2):
                await send(plugin, call("k1"))
            for _ in range(5):
                refused(await send(plugin, call("k1")))

            assert (await send(plugin, call("k2"))).answer is None
            assert "requests-per-tenant" in refused(await send(plugin, call("k2"))).message

    async def test_a_change_of_the_limit_keeps_the_count(self, runtime: Runtime) -> None:
        """A reload makes another instance; what was used stays used."""
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            await send(plugin, call())
            await send(plugin, call())
        raised = {**PER_KEY, "requests": 3}
        async with running(RateLimit, {"limits": [raised]}, runtime) as plugin:
            assert (await send(plugin, call())).answer is None
            assert refused(await send(plugin, call()))

    async def test_policies_share_a_count_only_by_a_name(self, runtime: Runtime) -> None:
        limit = {**PER_KEY, "requests": 1}
        for more, admitted in (({}, True), ({"name": "both"}, False)):
            config = {"limits": [limit], **more}
            first, second = call(), call()
            first.policy, second.policy = "one", "two"
            async with running(RateLimit, config, runtime) as plugin:
                await send(plugin, first)
            async with running(RateLimit, config, runtime) as plugin:
                assert ((await send(plugin, second)).answer is None) is admitted

    async def test_the_count_goes_by_the_model_in_the_body(self, runtime: Runtime) -> None:
        limit = {"per": ["key", "model"], "requests": 1, "window": "60s"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            assert plugin.skips_hooks >= {"on_request_headers"}
            assert (await send(plugin, call(body={"model": "a"}))).answer is None
            assert (await send(plugin, call(body={"model": "b"}))).answer is None
            assert refused(await send(plugin, call(body={"model": "A"})))
            large = call(body={"model": "a", "text": "x" * 300_000})
            assert refused(await send(plugin, large))

    @pytest.mark.parametrize("size", [1, 300_000])
    async def test_a_body_that_names_two_models_is_refused(
        self, runtime: Runtime, size: int
    ) -> None:
        """Else the count of the one would pay for the other."""
        limit = {"per": "model", "requests": 1, "window": "60s"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            x = call(body={"model": "a", "Model": "b", "text": "x" * size})

            assert refused(await send(plugin, x)).reason is Reason.AMBIGUOUS_REQUEST

    async def test_a_retry_of_a_client_counts_as_a_request(self, runtime: Runtime) -> None:
        limit = {**PER_KEY, "requests": 1}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            await send(plugin, call())
            again = call(headers={"x-stainless-retry-count": "1"})

            assert refused(await send(plugin, again))


class TestRefusals:
    async def test_the_client_is_told_to_the_millisecond_when_to_come_back(
        self, runtime: Runtime, store: Store
    ) -> None:
        limit = {**PER_KEY, "requests": 1}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            await send(plugin, call())
            store.now_us = 57_500_001
            reject = refused(await send(plugin, call()))

        assert reject.retry_after_s == 2.5
        assert reject.headers == (("retry-after-ms", "2500"),)
        assert reject.message == (
            "1 requests in 60s are allowed (requests-per-key-60s); try again in 3 s"
        )

    async def test_a_long_wait_is_said_and_not_announced(self, runtime: Runtime) -> None:
        """Some SDKs sleep as long as they are told."""
        limit = {"per": "key", "requests": 1, "window": "1d"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            await send(plugin, call())
            reject = refused(await send(plugin, call()))

        assert reject.retry_after_s == 86_400
        assert reject.headers == ()
        assert reject.message.endswith("try again in 24 hours")

    async def test_what_can_never_pass_is_not_worth_a_retry(self, runtime: Runtime) -> None:
        limit = {"per": "key", "bytes": 10, "window": "60s"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            reject = refused(await send(plugin, call(headers={"content-length": "11"})))

        assert reject.retry_after_s == float("inf")
        assert "this request alone has 11" in reject.message

    async def test_a_store_that_is_away_refuses(self, runtime: Runtime, store: Store) -> None:
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            store.away = True
            played = await send(plugin, call())

        assert refused(played).reason is Reason.STORE_UNAVAILABLE

    async def test_with_a_lease_the_share_is_used_and_said(
        self, runtime: Runtime, store: Store
    ) -> None:
        config = {"limits": [PER_KEY], "on_outage": "lease"}
        async with running(RateLimit, config, runtime) as plugin:
            store.away = True
            played = await send(plugin, call())

        assert played.answer is None
        assert played.outcomes["on_request_headers"] is Outcome.FLAG
        assert played.verdicts[0].reason == "leased"


class TestTokens:
    LIMIT: Mapping[str, Any] = {"per": "tenant", "tokens": 1000, "window": "60s"}

    def left(self, x: Exchange) -> int:
        assert x.response is not None
        return int(x.response.headers.get("x-ratelimit-remaining-tokens") or -1)

    async def test_an_estimate_is_reserved_and_the_true_number_kept(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            assert plugin.needs_usage
            first = call(body={"max_tokens": 595})
            await send(plugin, first, usage=Usage(100, 23, estimated=False))
            second = call(body={"max_tokens": 1})
            await send(plugin, second)

        assert self.left(first) == 1000 - 600
        assert self.left(second) == 1000 - 123 - 5

    async def test_more_than_the_estimate_is_counted_too(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            await send(plugin, call(body={}), usage=Usage(2000, 0, estimated=False))

            assert refused(await send(plugin, call(body={})))

    async def test_a_request_that_never_left_costs_nothing(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            for _ in range(3):
                assert (await send(plugin, call(body={"max_tokens": 900}))).answer is None

    async def test_a_provider_that_refuses_costs_nothing(self, runtime: Runtime) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            for _ in range(3):
                x = call(body={"max_tokens": 900})
                x.usage = Usage(estimated=False)
                assert (await play(plugin, x, response=make_response(400))).answer is None

    async def test_what_makes_no_model_work_is_not_refused_for_tokens(
        self, runtime: Runtime
    ) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            await send(plugin, call(body={}), usage=Usage(1000, 0, estimated=False))
            assert refused(await send(plugin, call(body={})))

            models = call(method="GET", target="/v1/models")
            assert (await send(plugin, models)).answer is None
            assert (await send(plugin, call(target="/v1/files", body="x"))).answer is None

    @pytest.mark.parametrize(("setting", "asked"), [("add", True), ("as_sent", False)])
    async def test_a_stream_is_asked_for_its_usage(
        self, runtime: Runtime, setting: str, *, asked: bool
    ) -> None:
        config = {"limits": [self.LIMIT], "stream_usage": setting}
        async with running(RateLimit, config, runtime) as plugin:
            x = call(body={"stream": True})
            await send(plugin, x)

        assert x.usage_asked is asked

    async def test_an_estimate_over_the_limit_passes_where_nothing_else_was_used(
        self, runtime: Runtime
    ) -> None:
        async with running(RateLimit, {"limits": [self.LIMIT]}, runtime) as plugin:
            huge = {"max_tokens": 100_000}
            played = await send(plugin, call(body=huge), usage=Usage(5, 5, estimated=False))
            assert played.answer is None
            assert refused(await send(plugin, call(body=huge))).reason is Reason.RATE_LIMITED


class TestBytes:
    async def test_request_and_answer_are_counted_at_the_end(self, runtime: Runtime) -> None:
        limit = {"per": "ip", "bytes": 100, "window": "60s"}
        async with running(RateLimit, {"limits": [limit]}, runtime) as plugin:
            assert plugin.requires == frozenset()
            await send(plugin, call(), bytes_out=99)
            assert (await send(plugin, call(), bytes_out=1)).answer is None
            assert refused(await send(plugin, call()))


class TestStreams:
    CONFIG: Mapping[str, Any] = {"limits": [{"per": "user", "streams": 1}]}

    async def test_a_stream_counts_while_it_runs(self, runtime: Runtime) -> None:
        async with running(RateLimit, self.CONFIG, runtime) as plugin:
            first = call(body={"stream": True})
            assert plugin.on_request(first) is None
            assert refused(await send(plugin, call(body={"stream": True})))
            assert (await send(plugin, call(body={"stream": False}))).answer is None
            plugin.on_complete(first)
            assert (await send(plugin, call(body={"stream": True}))).answer is None

    async def test_a_stream_of_a_killed_worker_counts_until_its_lease_ends(
        self, runtime: Runtime, store: Store
    ) -> None:
        async with running(RateLimit, self.CONFIG, runtime) as plugin:
            plugin.on_request(call(body={"stream": True}))
            store.now_us = 59_999_999
            assert refused(await send(plugin, call(body={"stream": True})))
            store.now_us = 60_000_000
            assert (await send(plugin, call(body={"stream": True}))).answer is None

    async def test_the_client_may_ask_again_soon(self, runtime: Runtime) -> None:
        async with running(RateLimit, self.CONFIG, runtime) as plugin:
            plugin.on_request(call(body={"stream": True}))
            reject = refused(await send(plugin, call(body={"stream": True})))

        assert reject.retry_after_s == 1
        assert reject.message.startswith("1 streams at once are allowed")
