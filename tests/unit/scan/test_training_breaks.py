"""Generated texts that break off what was asked, and their harmless twins."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from training.injection.breaks import ASIDES, ATTACKS, LINES, TWINS, WITHIN, Breaks
from training.injection.corpus import GRAMMARS
from training.injection.grammar import Grammar
from training.injection.rows import Row

LONG = ["How do I plant tomatoes in May?", "Is there a train to Bonn today?"]
REQUESTS = [*LONG, "Why?"]


def rows(seed: int) -> list[Row]:
    grammar, random = Grammar(*GRAMMARS), Random(seed)  # noqa: S311  # a seed makes a run repeatable
    return list(Breaks(lambda rule: grammar.sample(rule, random), REQUESTS, random).rows())


@pytest.fixture(scope="module")
def sample() -> list[Row]:
    return rows(1)


def test_the_same_seed_gives_the_same_rows(sample: list[Row]) -> None:
    assert rows(1) == sample


def test_every_family_has_its_rows(sample: list[Row]) -> None:
    attacks = {f"own {rule}": count for rule, count in ATTACKS}
    twins = {f"own {rule}": count for rule, count in TWINS}
    found = Counter((row.family, row.label) for row in sample)
    assert found == {
        **{(family, 1): count for family, count in attacks.items()},
        ("own break within", 1): WITHIN,
        ("own break below", 1): LINES,
        **{(family, 0): count for family, count in twins.items()},
        ("own fine within", 0): ASIDES,
        ("own fine below", 0): LINES,
    }


def test_all_are_texts_of_users(sample: list[Row]) -> None:
    assert {(row.role, row.bare) for row in sample} == {("user", False)}


def test_what_stands_within_a_request_leaves_both_of_its_ends(sample: list[Row]) -> None:
    ends = {(request.split()[0], request.split()[-1]) for request in LONG}
    for row in sample:
        if row.family.endswith("within"):
            assert (row.text.split()[0], row.text.split()[-1]) in ends, row.text


def test_every_rule_is_spelled_out(sample: list[Row]) -> None:
    assert not [row.text for row in sample if "<break" in row.text or "<fine" in row.text]


def test_texts_vary(sample: list[Row]) -> None:
    attacks = [row.text for row in sample if row.label]
    assert len(set(attacks)) > 0.95 * len(attacks)
