"""What may be written below `receipt`, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.receipt.config import ReceiptConfig


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"durability": "strict", "on_ledger_failure": "serve_and_mark_gap"},
        {"commitment": "sha256", "retention": "ten-years", "receipt_mode": "directive"},
        {"session": {"header": None, "metadata": "thread"}},
        {"agent": {"header": "x-agent", "default": "did:web:agents.example.com:7"}},
        {"human": {"claim": "email_did", "default": "nobody"}, "include_content": True},
    ],
)
def test_good_configurations_are_read(config: dict[str, Any]) -> None:
    read = ReceiptConfig.model_validate(config)

    assert read == ReceiptConfig.model_validate(read.model_dump())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"durability": "fsync"}, "'strict', 'batched' or 'async'"),
        ({"on_ledger_failure": "ignore"}, "'refuse' or 'serve_and_mark_gap'"),
        ({"commitment": "none"}, "'salted' or 'sha256'"),
        ({"retention": "Ten Years"}, "a retention class has"),
        ({"session": {"header": "X-Session"}}, "write it in small letters"),
        ({"agent": {"default": ""}}, "a name has 1 to 256"),
        ({"human": {"default": "two words"}}, "a name has 1 to 256"),
        ({"content": True}, "Extra inputs are not permitted"),
    ],
)
def test_bad_configurations_are_refused_with_a_reason(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReceiptConfig.model_validate(config)
