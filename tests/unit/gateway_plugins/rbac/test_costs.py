"""Roles that bound what one request may cost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.plugin import Exchange, Runtime
from gateway.price_book import PriceBook
from gateway.providers.prices import Rates
from gateway.settings import Dialect
from gateway_plugins.rbac import Rbac
from tests.unit.gateway_plugins.rbac.test_plugin import answer, caller, refusal, request, roles

CHEAP = roles(cheap={"allow": [{"permissions": ["chat.*", "embeddings.*"], "cost_max": "0.001"}]})
OWN = """
version: 1
currency: %s
groups: [{provider: o, source: s, as_of: 2026-11-01, prices: [{models: [mine], input: "%s"}]}]
"""


def asks(model: str = "gpt-4o", target: str = "/v1/chat/completions", **body: Any) -> Exchange:
    """A prompt of some 12 tokens, at $2.50 and $10 per million for gpt-4o."""
    return request(caller("cheap"), target, body={"model": model, **body})


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"max_tokens": 90}, True),
        ({"max_tokens": 101}, False),
        ({"max_tokens": 40, "n": 2}, True),
        ({"max_tokens": 40, "n": 3}, False),
        ({"max_tokens": 1, "text": "x" * 2_000}, False),
        ({}, False),
        ({"model": "gpt-4o-mini", "max_tokens": 1_500}, True),
        ({"model": "gpt-4o-mini", "max_tokens": 1_500, "models": ["gpt-4o"]}, False),
        ({"max_tokens": 1, "max_output_tokens": 200}, False),
        ({"max_tokens": "many"}, False),
    ],
)
async def test_a_request_may_cost_so_much_and_no_more(body: dict[str, Any], allowed: bool) -> None:
    found = await answer(asks(**body), CHEAP)
    assert (found is None) is allowed
    assert allowed or found == refusal("chat.create is needed for gpt-4o")


async def test_a_request_without_a_bound_is_counted_as_the_policy_assumes() -> None:
    assert await answer(asks(), CHEAP | {"assumed_output_tokens": 90}) is None
    assert await answer(asks(), CHEAP | {"assumed_output_tokens": 101}) is not None
    assert await answer(asks(max_tokens=101), CHEAP | {"assumed_output_tokens": 1}) is not None


async def test_embeddings_have_no_answer_to_bound() -> None:
    x = asks("text-embedding-3-small", "/v1/embeddings", input="a text")
    assert await answer(x, CHEAP) is None


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ({}, False),
        ({"unknown_model": "free"}, True),
        ({"unknown_model": "price", "unknown_price": {"input": "1", "output": "10"}}, True),
        ({"unknown_model": "price", "unknown_price": {"input": "1", "output": "30"}}, False),
    ],
)
async def test_what_an_unknown_model_costs_the_policy_says(
    more: dict[str, Any], allowed: bool
) -> None:
    found = await answer(asks("nobody-knows", max_tokens=50), CHEAP | more)
    assert (found is None) is allowed


async def test_the_model_of_the_path_has_its_price() -> None:
    target = "/v1beta/models/gemini-2.5-pro:generateContent"
    for tokens, allowed in ((50, True), (500, False)):
        body = {"model": "gpt-4o-mini", "generationConfig": {"maxOutputTokens": tokens}}
        x = request(caller("cheap"), target, body=body, dialect=Dialect.GEMINI)
        assert (await answer(x, CHEAP) is None) is allowed


def book(rbac: Rbac) -> PriceBook:
    assert rbac._costs is not None
    return rbac._costs.book


async def test_prices_of_ones_own_go_first_and_are_followed(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    written = Rbac.Config.model_validate(CHEAP | {"price_file": str(file)})

    async def price(text: str) -> Rates | None:
        await asyncio.to_thread(file.write_text, OWN % ("USD", text), encoding="utf-8")
        if made:
            await book(made[0]).refresh()
        else:
            made.append(await asyncio.to_thread(Rbac, written, Runtime()))
        return book(made[0]).find("mine", "openai")

    made: list[Rbac] = []
    first, second = await price("1"), await price("1000000")
    assert first is not None
    assert second is not None
    assert (first.input, second.input) == (1_000_000, 1_000_000_000_000)


def test_a_role_in_another_currency_than_the_prices_is_told_when_the_policy_is_loaded() -> None:
    entry = {"permissions": ["chat.*"], "cost_max": "1", "currency": "EUR"}
    config = Rbac.Config.model_validate(roles(cheap={"allow": [entry]}))
    with pytest.raises(ValueError, match=r'prices are in USD and the role "cheap" .* EUR'):
        Rbac(config, Runtime())


@pytest.mark.parametrize("config", [{"unknown_model": "price"}, {"unknown_price": {"input": "1"}}])
def test_a_price_of_unknown_models_needs_both(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="go together"):
        Rbac.Config.model_validate(config)
