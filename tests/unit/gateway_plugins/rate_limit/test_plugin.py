"""What is taken, refused, told and settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from gateway.plugin import (
    PRINCIPAL,
    Demand,
    Exchange,
    Grant,
    Outcome,
    Plugin,
    Principal,
    Reason,
    Reject,
    ResponseView,
    Runtime,
    StoreUnavailableError,
    Usage,
)
from gateway.plugin.testing import Played, make_exchange, make_headers, make_response, play, running
from gateway.settings import Dialect
from gateway.state.memory import MemoryStore
from gateway_plugins.rate_limit import RateLimit

PER_KEY = {"per": "key", "requests": 2, "window": "60s"}
WALL = 1_795_305_600.0
"""2026-11-22T00:00:00Z"""


class Store(MemoryStore):
    """In memory, with a clock of the test's; `away` makes it fail, `late` makes it wait."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_us)
        self.now_us = 0
        self.away = False
        self.late = False
        self.tags: list[str] = []
        self.taken: list[Sequence[Demand]] = []
        self.promised: list[tuple[asyncio.Future[Grant], Grant]] = []

    def take(self, tag: str, demands: Sequence[Demand], *, lease: bool = False) -> Any:
        self.tags.append(tag)
        self.taken.append(demands)
        if self.away and not lease:
            raise StoreUnavailableError
        grant = super().take(tag, demands)
        grant.leased = self.away
        if not self.late:
            return grant
        answer: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self.promised.append((answer, grant))
        return answer

    def answer(self) -> None:
        for answer, grant in self.promised:
            if answer.cancelled():
                self.settle(grant, [0] * len(grant.standings))
            else:
                answer.set_result(grant)
        self.promised.clear()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def runtime(store: Store) -> Runtime:
    return Runtime(counters=lambda _: store, wall=lambda: WALL)


def call(
    key_id: str = "k1",
    *,
    tenant: str = "acme",
    limits: tuple[Mapping[str, Any], ...] = (),
    body: Any = None,
    principal: Principal | None = None,
    **more: Any,
) -> Exchange:
    x = make_exchange(body=None if body is None else orjson.dumps(body), **more)
    x.policy, x.route = "p", "demo"
    x.provide(PRINCIPAL, principal or Principal(tenant, "ann", "key", key_id, limits=limits))
    return x


async def send(
    plugin: Plugin, x: Exchange, *, usage: Usage | None = None, bytes_out: int = 0
) -> Played:
    """One whole exchange, answered by the upstream with 200."""
    x.usage = usage
    x.bytes_out = bytes_out
    x.bytes_in = len(x.request.body or b"")
    return await play(plugin, x, response=make_response())


def refused(played: Played) -> Reject:
    assert isinstance(played.answer, Reject), played
    return played.answer


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
        odd = ({"requests": "many", "window": "60s"},)
        async with running(RateLimit, {"limits": [PER_KEY]}, runtime) as plugin:
            assert "cannot be read" in refused(await send(plugin, call(limits=odd))).message

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
        async with running(RateLimit, TestStreams.CONFIG, runtime) as plugin:
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
