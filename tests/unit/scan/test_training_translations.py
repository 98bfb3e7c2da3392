"""Generated catalogues of translations."""

from __future__ import annotations

from random import Random

from training.injection.corpus import GRAMMARS
from training.injection.grammar import Grammar
from training.injection.rows import Row
from training.injection.translations import COUNT, Translations


def rows(seed: int) -> list[Row]:
    grammar, random = Grammar(*GRAMMARS), Random(seed)  # noqa: S311  # a seed makes a run repeatable
    return list(Translations(lambda rule: grammar.sample(rule, random), random).rows())


def test_all_are_harmless_and_differ() -> None:
    made = rows(1)
    assert made == rows(1)
    assert len({row.text for row in made}) == len(made) == COUNT
    assert {(row.label, row.bare, row.span) for row in made} == {(0, False, None)}
    assert {row.role for row in made} == {"tool", "user"}


def test_each_has_a_line_for_each_of_several_languages() -> None:
    for row in rows(2)[:300]:
        assert len(row.text.splitlines()) >= 4, row.text
