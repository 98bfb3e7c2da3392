"""What a policy may write below `budget`, and what it is told otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.providers.prices import micro_of
from gateway_plugins.budget.config import BudgetConfig, BudgetLimit

DAY = {"period": "day"}


@pytest.mark.parametrize(
    ("text", "micro"),
    [("100.00", 100_000_000), ("0.000001", 1), ("3", 3_000_000), ("1e2", 100_000_000)],
)
def test_money_is_whole_millionths(text: str, micro: int) -> None:
    assert micro_of(text) == micro


@pytest.mark.parametrize("text", ["0.0000001", "-1", "abc", "", "NaN", "Infinity", "1,50"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        micro_of(text)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({}, "either tokens or money"),
        ({"tokens": 5, "money": "5"}, "either tokens or money"),
        ({"money": 5.5}, 'write the amount as a text: "5.5"'),
        ({"money": "0"}, "the amount is between"),
        ({"money": "1000000000"}, "the amount is between"),
        ({"tokens": 0}, "greater than or equal to 1"),
        ({"money": "5", "currency": "usd"}, "three capital letters"),
        ({"tokens": 5, "timezone": "Berlin"}, "no time zone"),
        ({"tokens": 5, "timezone": "../etc/passwd"}, "no time zone"),
        ({"tokens": 5, "timezone": "Europe/Berlin", "rolling": True}, "no calendar"),
        ({"tokens": 5, "period": "year"}, "'minute', 'hour', 'day', 'week' or 'month'"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_told_with_the_cure(
    limit: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        BudgetLimit.model_validate(DAY | limit)


@pytest.mark.parametrize("money", ["12.50", 12])
def test_an_amount_is_a_text_or_a_whole_number(money: object) -> None:
    limit = BudgetLimit.model_validate({"money": money, "period": "month"})

    assert limit.unit == "money"
    assert limit.capacity in {12_500_000, 12_000_000}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"key_limits": False}, "nothing to count"),
        ({"unknown_model": "price"}, "go together"),
        ({"unknown_price": {"input": "1"}}, "go together"),
        ({"budgets": [{"per": "key", "tokens": n, "period": "day"} for n in (1, 2)]},
         "two budgets of tokens per key and day"),
        ({"alerts": [0]}, "greater than or equal to 1"),
        ({"alerts": [101]}, "less than or equal to 100"),
        ({"name": "Not A Name"}, "a name has"),
        ({"budgets": [{"per": "nobody", "tokens": 5, "period": "day"}]}, "nothing to count by"),
    ],
)  # fmt: skip
def test_a_configuration_that_makes_no_sense_is_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        BudgetConfig.model_validate(config)
