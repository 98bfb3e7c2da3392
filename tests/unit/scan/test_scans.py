"""Texts with few digits are looked through by a part of the patterns, and come to the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Runtime
from gateway.scan.engine import Engine
from gateway.scan.gate import DIGITS_MIN, digits_least
from gateway.scan.patterns import ReadyPattern
from gateway.scan.scans import digits_in
from gateway.scan.search import Search
from gateway_plugins.dlp.config import DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.rules import Rules
from gateway_plugins.threat import Threats
from tests.expression_texts import spelled

_CONFIG = DlpConfig.model_validate({})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(
        [
            *patterns_for(_CONFIG, Rules(_CONFIG)),
            *Threats(Threats.Config(), Runtime()).patterns,
        ]
    )


def test_no_match_has_fewer_digits_than_its_pattern_needs(engine: Engine) -> None:
    random = Random(5)  # noqa: S311  # texts of a test
    needing = [ready for ready in engine.ready.values() if ready.needs_digits]

    assert len(needing) > len(engine.ready) // 5
    for ready in engine.ready.values():
        for _ in range(20):
            match = spelled(ready.body, random, random.choice((0, 3)))
            assert digits_in(match.encode()) >= digits_least(ready.body), ready.pattern.name


def _matches(ready: ReadyPattern, data: bytes, places: list[int] | None) -> int:
    text = data.decode()
    return len(Search(text, data, {ready: places}).run(ready, 0, 8, len(text)))


def _few_digits(ready: ReadyPattern, random: Random) -> bytes:
    """A match and what it needs nearby; most digits are left out where there are many."""
    parts = [spelled(ready.near, random, 0)] if ready.near is not None else []
    text = " ".join([*parts, spelled(ready.body, random, 1), "and then 12 more"])
    data = text.encode("utf-8", "replace")
    return data if digits_in(data) < DIGITS_MIN else data.translate(None, b"012345678")[:200]


def test_a_text_with_few_digits_has_the_candidates_of_all_that_may_be_in_it(engine: Engine) -> None:
    random = Random(6)  # noqa: S311  # texts of a test
    every = list(engine.ready.values())
    needing = [ready for ready in every if ready.needs_digits and not ready.asks_digits]
    seen = 0
    for ready in every:
        data = _few_digits(ready, random)
        if digits_in(data) >= DIGITS_MIN:
            continue
        of_all, of_words = (
            gates.candidates(data) for gates in (engine._gates, engine._gates_of_words)
        )
        assert of_words == {r: at for r, at in of_all.items() if not r.needs_digits}
        assert engine.scans.candidates(data) == of_words
        assert not any(_matches(each, data, None) for each in needing), data
        seen += bool(of_words)
    assert seen > len(every) // 3


@given(st.binary(max_size=600))
def test_digits_are_counted(data: bytes) -> None:
    assert digits_in(data) == sum(byte in b"0123456789" for byte in data)
