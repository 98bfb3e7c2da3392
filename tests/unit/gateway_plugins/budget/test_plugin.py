"""What is reserved, refused, told and settled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.plugin import PRINCIPAL, Exchange, Outcome, Principal, Reason, Reject
from gateway.plugin.testing import make_exchange, make_response, play, running
from gateway_plugins.budget import Budget
from tests.captured_logs import captured
from tests.unit.gateway_plugins.budget.ledgers import Clock, Store, asked, runtime_of, used

GLOBAL: dict[str, Any] = {"per": "global", "tokens": 1000, "period": "day"}
MONEY: dict[str, Any] = {"per": "tenant", "money": "1.00", "period": "month"}
ALICE = Principal("acme", "alice", "key", "k1")
BOB = Principal("acme", "bob", "key", "k2")
EVE = Principal("evil", "alice", "key", "k3")


@pytest.fixture
def store() -> Store:
    return Store()


def config(*budgets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"budgets": list(budgets) or [GLOBAL], "alerts": [], **more}


async def ask(plugin: Budget, x: Exchange) -> Reject | None:
    """The request alone; the exchange goes on."""
    step = plugin.on_request(x)
    return step if step is None or isinstance(step, Reject) else await step


async def test_a_request_reserves_its_estimate_and_is_settled_at_what_it_used(
    store: Store,
) -> None:
    async with running(Budget, config(), runtime_of(store)) as plugin:
        x = asked(max_tokens=100)
        assert await ask(plugin, x) is None
        body = orjson.dumps({"model": "gpt-4o", "messages": [], "max_tokens": 100})
        reserved = store.used()
        used(x, 30, 40)
        plugin.on_complete(x)

    assert 100 + len(body) // 4 < reserved < 200
    assert store.used() == 70


async def test_an_answer_without_a_limit_reserves_the_configured_share(store: Store) -> None:
    settings = config(reserve_output_tokens=500)
    async with running(Budget, settings, runtime_of(store)) as plugin:
        await ask(plugin, asked())
        without = store.used()
        await ask(plugin, asked(max_tokens=10**6))

    assert 500 < without < 520
    assert store.used() - without < 530


async def test_what_was_never_sent_is_given_back(store: Store) -> None:
    async with running(Budget, config(), runtime_of(store)) as plugin:
        x = asked()
        await ask(plugin, x)
        plugin.on_complete(x)

    assert store.used() == 0


async def test_all_budgets_are_reserved_or_none(store: Store) -> None:
    small = {"per": "model", "tokens": 1000, "period": "hour"}
    settings = config(GLOBAL | {"tokens": 10**6}, small)
    async with running(Budget, settings, runtime_of(store)) as plugin:
        first, second = asked(max_tokens=800), asked(max_tokens=800)
        assert await ask(plugin, first) is None
        reserved = store.used()
        refused = await ask(plugin, second)

    assert refused is not None
    assert refused.reason is Reason.BUDGET_EXHAUSTED
    assert "1000 tokens per hour (tokens-per-model-hour)" in refused.message
    assert store.used() == reserved


async def test_one_estimate_alone_never_makes_a_request_impossible(store: Store) -> None:
    settings = config(GLOBAL | {"tokens": 50})
    async with running(Budget, settings, runtime_of(store)) as plugin:
        x = asked()
        assert await ask(plugin, x) is None
        used(x, 10, 20)
        plugin.on_complete(x)
        assert await ask(plugin, asked()) is not None

    assert store.used() == 30


async def test_money_is_counted_at_the_price_of_the_model_that_answered(store: Store) -> None:
    settings = config(GLOBAL | {"tokens": 10**9}, MONEY | {"per": "global"})
    async with running(Budget, settings, runtime_of(store)) as plugin:
        x = asked(model="gpt-4o")
        await ask(plugin, x)
        used(x, 100, 10, cached_tokens=40, model="gpt-4o-mini-2024-07-18")
        plugin.on_complete(x)

    # 60 x 0.15 + 40 x 0.075 + 10 x 0.60 millionths
    assert store.used(1) == 9 + 3 + 6
    assert store.used(0) == 110


async def test_a_model_that_only_the_answer_names_strangely_keeps_its_price(store: Store) -> None:
    async with running(Budget, config(MONEY | {"per": "global"}), runtime_of(store)) as plugin:
        x = asked(model="gpt-4o")
        await ask(plugin, x)
        used(x, 100, 0, model="my-own-name-for-it")
        plugin.on_complete(x)

    assert store.used() == 250


@pytest.mark.parametrize(
    ("more", "path", "reason"),
    [
        ({}, "/v1/chat/completions", Reason.PRICE_UNKNOWN),
        ({"unknown_model": "free"}, "/v1/chat/completions", None),
        ({"unknown_model": "price", "unknown_price": {"input": "1"}}, "/v1/responses", None),
        ({}, "/v1/moderations", None),
    ],
)
async def test_a_model_without_a_price_is_what_the_policy_says(
    store: Store, more: dict[str, Any], path: str, reason: Reason | None
) -> None:
    settings = config(MONEY | {"per": "global"}, **more)
    async with running(Budget, settings, runtime_of(store)) as plugin:
        refused = await ask(plugin, asked(model="who-knows", path=path))

    assert (refused.reason if refused is not None else None) is reason


async def test_a_free_model_is_not_refused_for_money_that_is_spent(store: Store) -> None:
    settings = config(MONEY | {"per": "global"}, unknown_model="free")
    async with running(Budget, settings, runtime_of(store)) as plugin:
        x = asked(model="gpt-4o")
        await ask(plugin, x)
        used(x, 10**9, 0)
        plugin.on_complete(x)
        assert await ask(plugin, asked(model="gpt-4o")) is not None
        assert await ask(plugin, asked(model="of-my-own")) is None


async def test_tenants_and_users_have_budgets_of_their_own(store: Store) -> None:
    budget = GLOBAL | {"per": "user"}
    async with running(Budget, config(budget), runtime_of(store)) as plugin:
        keys = set()
        for principal in (ALICE, BOB, EVE):
            await ask(plugin, asked(principal=principal))
            tag, (demand,) = store.taken[-1]
            keys.add((tag, demand.key))

    assert len(keys) == 3
    assert plugin.requires == {PRINCIPAL}


async def test_a_key_has_the_budgets_that_it_carries(store: Store) -> None:
    own = Principal("acme", "a", "key", "k9", limits=(
        {"requests": 5, "window": "60s"}, {"tokens": 600, "period": "day"},
    ))  # fmt: skip
    settings = config(GLOBAL | {"tokens": 10**6}, reserve_output_tokens=500)
    async with running(Budget, settings, runtime_of(store)) as plugin:
        assert await ask(plugin, asked(principal=own)) is None
        refused = await ask(plugin, asked(principal=own))
        assert await ask(plugin, asked(principal=ALICE)) is None

    assert refused is not None
    assert "600 tokens per day (tokens-per-key-day)" in refused.message
    assert store.taken[1][0] == "key/k9"


@pytest.mark.parametrize(
    "limit", [{"period": "day"}, {"money": "5", "currency": "EUR", "period": "day"}]
)
async def test_a_key_with_a_budget_that_cannot_be_read_is_refused(
    store: Store, limit: dict[str, Any]
) -> None:
    own = Principal("acme", "a", "key", "k9", limits=(limit,))
    async with running(Budget, config(), runtime_of(store)) as plugin:
        refused = await ask(plugin, asked(principal=own))

    assert refused is not None
    assert refused.reason is Reason.PLUGIN_FAILED


@pytest.mark.parametrize(
    ("method", "path", "amount"),
    [("GET", "/v1/models", None), ("DELETE", "/v1/files/x", None), ("POST", "/v1/files", 0)],
)
async def test_what_makes_no_model_work_reserves_nothing(
    store: Store, method: str, path: str, amount: int | None
) -> None:
    async with running(Budget, config(), runtime_of(store)) as plugin:
        x = make_exchange(method, path, body=b"--boundary")
        x.policy = "p"
        assert await ask(plugin, x) is None

    asked_for = [demand.amount for _, demands in store.taken for demand in demands]
    assert asked_for == ([] if amount is None else [amount])


async def test_a_calendar_budget_begins_anew_and_a_rolling_one_does_not(store: Store) -> None:
    clock = Clock()
    rolling = GLOBAL | {"per": "model", "rolling": True}
    async with running(Budget, config(GLOBAL, rolling), runtime_of(store, clock)) as plugin:
        x = asked()
        await ask(plugin, x)
        used(x, 300, 0)
        plugin.on_complete(x)
        clock.now += 13 * 3600
        store.now_us += 13 * 3600 * 10**6
        await ask(plugin, asked(max_tokens=1))
        after = [store.used(0), store.used(1)]
        store.now_us += 12 * 3600 * 10**6
        clock.now += 12 * 3600
        await ask(plugin, asked(max_tokens=1))

    assert after[0] < 50
    assert 300 < after[1] < 350
    assert store.used(1) < 100


async def test_a_changed_amount_keeps_the_count(store: Store) -> None:
    async with running(Budget, config(), runtime_of(store)) as before:
        x = asked()
        await ask(before, x)
        used(x, 400, 0)
        before.on_complete(x)
    async with running(Budget, config(GLOBAL | {"tokens": 420}), runtime_of(store)) as after:
        assert await ask(after, asked(max_tokens=100)) is not None


async def test_uses_of_one_name_share_their_count(store: Store) -> None:
    keys = []
    for policy in ("one", "two"):
        async with running(Budget, config(name="shared"), runtime_of(store)) as plugin:
            x = asked()
            x.policy = policy
            await ask(plugin, x)
            keys.append((store.taken[-1][0], store.taken[-1][1][0].key))

    assert keys[0] == keys[1]


async def test_answers_tell_what_is_left_of_the_fullest_budget(store: Store) -> None:
    budgets = (GLOBAL, MONEY | {"per": "global", "money": "100"})
    async with running(Budget, config(*budgets), runtime_of(store)) as plugin:
        x = asked(max_tokens=900)
        played = await play(plugin, x, response=make_response())

    assert x.response is not None
    told = {name: value for name, value in x.response.headers if "budget" in name}
    assert told["x-sealgate-budget"] == "tokens-per-global-day"
    assert told["x-sealgate-budget-limit"] == "1000 tokens"
    assert 50 < int(told["x-sealgate-budget-remaining"].removesuffix(" tokens")) < 100
    assert told["x-sealgate-budget-reset"] == str(12 * 3600)
    assert played.outcomes["on_complete"] is Outcome.ALLOW


async def test_money_is_told_as_people_write_it(store: Store) -> None:
    async with running(
        Budget, config(MONEY | {"per": "global", "money": "0.5"}), runtime_of(store)
    ) as plugin:
        x = asked(max_tokens=100)
        await play(plugin, x, response=make_response())

    assert x.response is not None
    assert x.response.headers.get("x-sealgate-budget-limit") == "0.50 USD"
    left = x.response.headers.get("x-sealgate-budget-remaining", "")
    assert left.startswith("0.498")


async def test_headers_can_be_left_out(store: Store) -> None:
    async with running(Budget, config(headers=False), runtime_of(store)) as plugin:
        assert plugin.skips_hooks == {"on_response_headers"}


async def test_a_stream_is_asked_for_its_usage_unless_it_is_to_be_sent_as_it_came(
    store: Store,
) -> None:
    for setting, edited in (("add", True), ("as_sent", False)):
        async with running(Budget, config(stream_usage=setting), runtime_of(store)) as plugin:
            x = asked(stream=True)
            await ask(plugin, x)

        assert (x.request.body_edited, x.usage_asked) == (edited, edited)


async def test_a_store_that_is_away_closes_or_lends(store: Store) -> None:
    store.away = True
    async with running(Budget, config(), runtime_of(store)) as plugin:
        refused = await ask(plugin, asked())
    async with running(Budget, config(on_outage="lease"), runtime_of(store)) as plugin:
        x = asked()
        lent = await ask(plugin, x)

    assert refused is not None
    assert refused.reason is Reason.STORE_UNAVAILABLE
    assert lent is None
    assert x.take_flag() == ("leased", {})


async def test_a_store_over_the_network_is_waited_for(store: Store) -> None:
    store.late = True
    async with running(Budget, config(GLOBAL | {"tokens": 60}), runtime_of(store)) as plugin:
        first, second = (asyncio.ensure_future(ask(plugin, asked())) for _ in range(2))
        await asyncio.sleep(0)
        await store.answer()
        answers = await first, await second

    assert answers[0] is None
    assert answers[1] is not None


async def test_a_client_that_leaves_while_the_store_is_asked_leaves_nothing_behind(
    store: Store,
) -> None:
    store.late = True
    async with running(Budget, config(), runtime_of(store)) as plugin:
        waiting = asyncio.ensure_future(ask(plugin, asked()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await store.answer()

    assert store.used() == 0


async def test_a_large_body_is_read_for_its_model_step_by_step(store: Store) -> None:
    settings = config(GLOBAL | {"per": "model", "tokens": 10**9})
    async with running(Budget, settings, runtime_of(store)) as plugin:
        x = asked(note="word " * 100_000)
        step = plugin.on_request(x)
        assert step is not None
        assert not isinstance(step, Reject)
        assert await step is None  # type: ignore[misc]  # an awaitable of a Step, as the core waits for it

    assert x.model == "gpt-4o"


async def test_a_body_that_names_two_models_is_not_priced_by_one(store: Store) -> None:
    async with running(Budget, config(MONEY | {"per": "global"}), runtime_of(store)) as plugin:
        x = make_exchange(body=b'{"model":"gpt-4o-mini","model":"gpt-4"}')
        refused = await ask(plugin, x)

    assert refused is not None
    assert refused.reason is Reason.AMBIGUOUS_REQUEST


def test_prices_in_another_currency_than_the_budget_are_told_when_the_policy_is_loaded() -> None:
    written = Budget.Config.model_validate(config(MONEY | {"currency": "EUR"}))

    with pytest.raises(ValueError, match=r"the prices are in USD .* give prices in EUR"):
        Budget(written, runtime_of(Store()))


OWN = """
version: 1
currency: USD
groups: [{provider: o, source: s, as_of: 2026-11-01, prices: [{models: [mine], input: "%s"}]}]
"""


async def test_the_price_file_is_followed_and_a_broken_one_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "prices.yaml"
    await asyncio.to_thread(file.write_text, OWN % 1)
    written = Budget.Config.model_validate(config(MONEY | {"per": "global"}, price_file=str(file)))
    plugin = await asyncio.to_thread(Budget, written, runtime_of(store))
    await plugin.start()
    costs = []
    for text in (OWN % 20, "version: 9", (OWN % 30).replace("USD", "EUR"), OWN % 400):
        await asyncio.to_thread(file.write_text, text)
        with captured("sealgate.plugin") as lines:
            await plugin._pricing.book.refresh()
            await plugin._pricing.book.refresh()
        x = asked(model="mine")
        before = store.used() if store.taken else 0
        await ask(plugin, x)
        used(x, 100, 0)
        plugin.on_complete(x)
        costs.append((store.used() - before, len(lines)))
    await plugin.stop()

    # Each fault is told once.
    assert costs == [(2_000, 0), (2_000, 1), (2_000, 1), (40_000, 0)]
