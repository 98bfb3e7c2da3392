"""How much of a text may yet become part of a match."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Pattern, Runtime
from gateway.scan.automaton import Automaton
from gateway.scan.engine import make_ready
from gateway.scan.holdback import NATIVE, HoldBack, Remembered, tables
from gateway_plugins.dlp.config import DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.rules import Rules
from gateway_plugins.threat import Threats
from tests.expression_texts import spelled

needs_c = pytest.mark.skipif(not NATIVE, reason="this build has no C")

PATTERNS = [
    Pattern("mail", "mail", r"[a-z]{1,9}@[a-z]{1,9}\.[a-z]{2,3}"),
    Pattern("key", "key", r"sk-[a-z0-9]{4}", left=r"\w-", right=""),
    Pattern("card", "card", r"\d{4}(?:[ -]?\d{4}){3}", apart=" -"),
]


def hold_back() -> HoldBack:
    return HoldBack([make_ready(pattern).live_form for pattern in PATTERNS])


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("", ""),
        ("The answer is ", ""),
        ("The answer", "answer"),
        ("write to jane@", "jane@"),
        ("write to jane@exa", "jane@exa"),
        ("jane@exa.org", "jane@exa.org"),  # a letter may follow
        ("jane@exa.org ", ""),
        # Repetitions above four are taken for unbounded, up to the length of the longest match.
        ("far too long a localpartthatis@", "localpartthatis@"),
        ("and alocalpartthatisevenlonger@", ""),
        ("my sk", "sk"),
        ("my sk-ab1", "sk-ab1"),
        ("my sk-ab12", ""),  # over, and nothing is asked of what follows
        ("no risk", "risk"),
        ("card 4111 1111", "4111 1111"),
        ("card 4111 1111 ", "4111 1111 "),
        ("9999 4111 1111 1111 1111 ", ""),
    ],
)
def test_what_waits(text: str, held: str) -> None:
    earliest = hold_back().earliest(text, 0)

    assert text[earliest:] == held


def test_nothing_before_the_floor_is_looked_at() -> None:
    assert hold_back().earliest("jane@exa", 5) == 5


@given(st.text(alphabet="ab@. -1sk", max_size=30), st.text(alphabet="ab@. -1sk", max_size=12))
def test_no_match_across_an_end_begins_before_what_waits(text: str, more: str) -> None:
    """The promise that streams rest on, against another engine."""
    earliest = hold_back().earliest(text, 0)
    forms = [
        r"(?<!\w)[a-z]{1,9}@[a-z]{1,9}\.[a-z]{2,3}(?!\w)",
        r"(?<![\w-])sk-[a-z0-9]{4}",
        r"(?<!\w)(?<!\d[ -])\d{4}(?:[ -]?\d{4}){3}(?!\w)",
    ]
    whole = text + more
    for form in forms:
        for start in range(len(text)):
            match = re.compile(form).match(whole, start)
            before = re.compile(form).match(text, start)
            if match is not None and (before is None or before.end() != match.end()):
                assert start >= earliest


def test_the_memory_of_steps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.scan.holdback.STEPS_MAX", 8)
    small, large = hold_back(), hold_back()

    for text in ("jane@exa", "sk-ab1", "4111 11", "zebra quartz @ x", "risk sk"):
        assert small.earliest(text, 0) == large.earliest(text, 0)


@given(st.text(alphabet="ab@. -1sk", max_size=30))
def test_a_text_with_other_letters_before_is_read_alike(text: str) -> None:
    """Plain texts are read by bytes, all others by characters."""
    before = "\u00e9 "

    assert hold_back().earliest(before + text, len(before)) == len(before) + hold_back().earliest(
        text, 0
    )


def test_a_dictionary_in_other_letters_waits_for_its_words() -> None:
    words = [chr(0x4E00 + 3 * n) + chr(0x4E01 + 3 * n) for n in range(500)]
    held = HoldBack([make_ready(Pattern("words", "words", "|".join(words))).live_form])

    assert [held.earliest(f"say {word[0]}", 0) for word in words] == [4] * len(words)
    assert {held.earliest(f"say {word} ", 0) for word in words} == {7}


ODD = ("", "", " ", "a", "7 ", "-", "\u0660", "\u0416", "\u6307", "\U0001f600", "\ud800")


def unfinished(patterns: list[Pattern], random: Random, size: int) -> str:
    """Beginnings of matches, one behind the other, with something between them or not."""
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        match = spelled(
            make_ready(random.choice(patterns)).body, random, random.choice((0, 6, 200))
        )
        parts.append(match[: random.randint(1, len(match))] + random.choice(ODD))
    return "".join(parts)


@needs_c
@pytest.mark.parametrize("many", [1, 5, 40, 1_000])
def test_both_forms_are_the_same(many: int) -> None:
    """With all patterns the texts have more sets than are kept: their room starts anew."""
    config = DlpConfig.model_validate({})
    random = Random(many)  # noqa: S311  # texts to compare, the same each time
    known = [*patterns_for(config, Rules(config)), *Threats(Threats.Config(), Runtime()).patterns]
    patterns = random.sample(known, min(many, len(known)))
    forms = [make_ready(pattern).live_form for pattern in patterns]
    native, plain = HoldBack(forms), Remembered(Automaton(forms))

    for size in (10, 30, 60, 100, 300, 1_000, 3_000):
        text = unfinished(patterns, random, size)
        for end in [random.randint(0, len(text)) for _ in range(20)]:
            for floor in (0, max(0, end - 40), end):
                shown = text[:end]
                assert native.earliest(shown, floor) == plain.earliest(shown, floor), repr(shown)


@needs_c
@given(st.text(max_size=200), st.integers(0, 200))
def test_both_forms_read_any_character(text: str, floor: int) -> None:
    forms = [make_ready(pattern).live_form for pattern in PATTERNS]

    assert HoldBack(forms).earliest(text, floor) == Remembered(Automaton(forms)).earliest(
        text, floor
    )


INDEXES = {0, 2, 5, 6, 7, 10, 11}
"""The tables of which every number is an index of another."""


@needs_c
@pytest.mark.parametrize("number", range(12))
def test_tables_that_lead_to_nothing_are_refused(number: int) -> None:
    from gateway.scan._live import Live  # noqa: PLC0415  # only in a compiled build

    automaton = Automaton([make_ready(pattern).live_form for pattern in PATTERNS])
    known = tables(automaton)
    assert Live(automaton.positions, known).earliest("jane@", 0) == 0

    with pytest.raises(ValueError, match="tables of the wrong size"):
        Live(automaton.positions, (*known[:number], known[number] + b"\xff", *known[number + 1 :]))
    if number in INDEXES:
        wrong = b"\xff" * len(known[number])
        with pytest.raises(ValueError, match="a table leads"):
            Live(automaton.positions, (*known[:number], wrong, *known[number + 1 :]))
