"""What models cost, to the millionth."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Usage
from gateway.providers.prices import (
    FILE_BYTES_MAX,
    FREE,
    Price,
    PriceTable,
    Rates,
    built_in,
    parse_prices,
    rates_of,
    read_prices,
)

TABLE = PriceTable([built_in()])
TOKENS = st.integers(0, 10**7)
OWN = """
version: 1
currency: USD
groups:
  - provider: ours
    source: the contract
    as_of: 2026-11-01
    prices:
      - {models: ["GPT-4o"], input: "1", output: "2"}
      - {models: ["*"], routes: [internal], input: "0"}
"""


@pytest.mark.parametrize(
    ("model", "input_price", "output_price"),
    [
        ("gpt-4o", "2.50", "10"),
        ("gpt-4o-2024-08-06", "2.50", "10"),
        ("gpt-4o-2024-05-13", "5", "15"),
        ("GPT-4o-mini", "0.15", "0.60"),
        ("gpt-4.1-mini-2025-04-14", "0.40", "1.60"),
        ("gpt-5", "1.25", "10"),
        ("text-embedding-3-small", "0.02", "0"),
        ("claude-sonnet-4-5-20250929", "3", "15"),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "3", "15"),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", "0.25", "1.25"),
        ("claude-opus-4-1-20250805", "15", "75"),
        ("claude-opus-4-5", "5", "25"),
        ("claude-3-5-haiku-latest", "0.80", "4"),
        ("gemini-2.5-flash", "0.30", "2.50"),
        ("gemini-2.5-flash-lite", "0.10", "0.40"),
        ("gemini-2.5-pro", "1.25", "10"),
    ],
)
def test_the_table_knows_the_models_of_the_providers(
    model: str, input_price: str, output_price: str
) -> None:
    found = TABLE.find(model, "openai")

    assert found is not None
    assert (found.input, found.output) == (
        int(Decimal(input_price) * 1_000_000),
        int(Decimal(output_price) * 1_000_000),
    )


@pytest.mark.parametrize("model", ["", "gpt-4o-ultra", "gpt-9", "claude", "gemini-3-pro", "llama3"])
def test_a_model_that_it_does_not_know_gets_no_price_of_another(model: str) -> None:
    assert TABLE.find(model, "openai") is None


def test_servers_of_ones_own_cost_nothing() -> None:
    assert [TABLE.find("anything", route) for route in ("ollama", "vllm", "demo")] == [FREE] * 3


def test_every_group_says_where_and_when_its_prices_were_read() -> None:
    for group in built_in().groups:
        assert group.source
        assert group.as_of.year >= 2026


def test_a_file_of_ones_own_goes_first() -> None:
    table = PriceTable([parse_prices(OWN, "own"), built_in()])

    assert table.find("gpt-4o", "openai") == Rates(1_000_000, 2_000_000, 1_000_000, 1_000_000)
    assert table.find("whatever", "internal") == FREE
    assert table.find("gpt-4.1", "openai") == TABLE.find("gpt-4.1", "openai")


def test_prices_of_two_currencies_are_not_mixed() -> None:
    table = PriceTable([parse_prices(OWN.replace("USD", "EUR"), "own"), built_in()])

    assert table.currency == "EUR"
    assert table.find("gpt-4.1", "openai") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not YAML"),
        ("version: 2", "version"),
        (OWN.replace('"1"', "1.5"), "write the amount as a text"),
        (OWN.replace("models:", "model:"), "groups.0.prices.0"),
        ("[]", "valid dictionary"),
    ],
)
def test_a_faulty_file_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)

    with pytest.raises(ValueError, match=told):
        read_prices(file)


def test_a_file_that_is_not_there_or_far_too_large_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: FileNotFoundError"):
        read_prices(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="is larger than"):
        read_prices(large)


@given(plain=TOKENS, cached=TOKENS, written=TOKENS, output=TOKENS)
def test_a_cost_is_exact_and_rounded_up_once(
    plain: int, cached: int, written: int, output: int
) -> None:
    price = Price(input="0.15", output="0.6", cached="0.075", cache_write="0.1875")
    usage = Usage(plain + cached + written, output, cached, written)
    exact = (
        plain * Decimal("0.15")
        + cached * Decimal("0.075")
        + written * Decimal("0.1875")
        + output * Decimal("0.6")
    )

    assert rates_of(price).cost(usage) == exact.to_integral_value(ROUND_CEILING)


def test_a_long_prompt_has_its_own_prices() -> None:
    found = TABLE.find("gemini-2.5-pro", "gemini")
    assert found is not None

    assert found.cost(Usage(200_000, 0)) == 250_000
    assert found.cost(Usage(200_001, 0)) == 500_003


def test_a_cache_that_reports_more_than_the_prompt_is_no_credit() -> None:
    assert Rates(1_000_000, 0, 0, 0).cost(Usage(5, 0, cached_tokens=50)) == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.providers.prices.MODELS_MAX", 10)
    table = PriceTable([built_in()])
    for number in range(100):
        table.find(f"m{number}", "openai")

    assert len(table._known) <= 10
