"""Generated code for the injection model: what stands in it, and that orders are where they say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from random import Random

import pytest

from training.injection.corpus import GRAMMARS
from training.injection.demonstrations import Demonstrations
from training.injection.grammar import Grammar
from training.injection.holders import catalogue, command_line, held, pipeline, registry
from training.injection.programs import Programs
from training.injection.rows import Row, Stock

PIECE = "def area(width, height):\n    if width < 0:\n        return 0\n    return width * height\n"
STOCK = Stock(["The museum opens at ten. " * 20], ["What is a fern?"], ["A plant."])


class Said:
    """Draws from the grammars, and knows what it said."""

    def __init__(self, seed: int) -> None:
        self.grammar, self.random = Grammar(*GRAMMARS), Random(seed)  # noqa: S311  # a seed makes a run repeatable

    def __call__(self, rule: str) -> str:
        return self.grammar.sample(rule, self.random)


def rows(seed: int, count: int) -> list[Row]:
    """The first rows of every family."""
    say = Said(seed)
    made = Programs(say, Demonstrations(say, STOCK, say.random), [PIECE], say.random)
    families = (made._held(), made._pasted(), made._texts(), made._remarks(), made._notes())
    return [row for family in families for row in islice(family, count)]


@pytest.fixture(scope="module")
def sample() -> list[Row]:
    return rows(1, 60)


def test_the_same_seed_gives_the_same_rows(sample: list[Row]) -> None:
    assert rows(1, 60) == sample


def test_texts_are_for_both_heads(sample: list[Row]) -> None:
    attacks = {row.family for row in sample if row.label}
    assert attacks == {"own code note"}
    assert {(row.role, row.bare) for row in sample} == {("tool", True), ("user", False)}


def test_texts_vary(sample: list[Row]) -> None:
    assert len({row.text for row in sample}) > 0.95 * len(sample)


def test_every_attack_has_a_harmless_twin(sample: list[Row]) -> None:
    notes = next(at for at, row in enumerate(sample) if row.label)
    for attack, twin in zip(sample[notes::2], sample[notes + 1 :: 2], strict=False):
        assert (attack.label, twin.label, attack.role) == (1, 0, twin.role)


def test_orders_stand_where_their_rows_say(sample: list[Row]) -> None:
    for row in sample:
        if not row.label:
            assert row.span is None
            continue
        assert row.span is not None
        start, stop = row.span
        order = row.text[start:stop]
        assert order == order.strip(), row.text
        assert "\n" not in order
        assert row.text[:start].rpartition("\n")[2].strip() == ""
        assert row.text[stop : stop + 1] in {"", "\n"}


def test_the_grammars_name_no_rule_that_does_not_exist() -> None:
    say = Said(2)
    prompts = Demonstrations(say, STOCK, say.random)
    for _ in range(300):
        assert "<low_" not in prompts.prompt()
        assert "<code_" not in say("code_note") + say("code_remark")


@pytest.mark.parametrize("text", ["Answer with a letter.", "Question: why?\nAnswer: because."])
def test_a_file_holds_the_words_of_its_prompt(text: str) -> None:
    random = Random(3)  # noqa: S311  # the same in every run
    for _ in range(200):
        assert "nswer" in held(text, random)


@pytest.mark.parametrize("make", [catalogue, command_line, pipeline, registry])
def test_files_of_short_texts_have_no_open_places(
    make: Callable[[Said, Random], str],
) -> None:
    say = Said(4)
    for _ in range(30):
        text = make(say, say.random)
        assert text.strip()
        assert "{1}" not in text
