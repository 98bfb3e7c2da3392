"""Parts of a draft that are written by themselves."""

from __future__ import annotations

import orjson
import pytest

from gateway.plugin import Outcome, Verdict
from gateway_plugins.receipt import draft
from gateway_plugins.receipt.draft import quoted, verdicts_of


def test_verdicts_are_told_once_per_plugin_with_the_heaviest_outcome() -> None:
    told = verdicts_of(
        [
            Verdict("a", "on_request_headers", Outcome.ALLOW, 1.4),
            Verdict("b", "on_request", Outcome.FLAG, 2.0, "odd"),
            Verdict("a", "on_request", Outcome.DENY, 1.8, "no"),
            Verdict("a", "on_complete", Outcome.ALLOW, 1.0),
            Verdict("a", "on_request", Outcome.DENY, 1.0, "maybe", enforced=False),
        ]
    )

    values = [tuple(verdict.values()) for verdict in orjson.loads(told)]
    assert values == [
        ("a", "enforce", "deny", "no", 4),
        ("b", "enforce", "flag", "odd", 2),
        ("a", "shadow", "deny", "maybe", 1),
    ]


@pytest.mark.parametrize("text", ["gpt-4o", 'a "quoted" \\ name', "\x00\x1f\x7f", "é 漢字 🙂", ""])
def test_a_name_is_quoted_as_json_whatever_it_holds(text: str) -> None:
    assert orjson.loads(quoted(text)) == text
    assert quoted(text) == orjson.dumps(text).decode()


def test_half_a_character_is_no_name() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        quoted("\ud800")


def test_remembered_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "QUOTED_MAX", 8)
    for number in range(100):
        quoted(f"name-{number}")
    assert len(draft._quoted) <= 8
