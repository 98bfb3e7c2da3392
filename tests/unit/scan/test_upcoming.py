"""Texts that are full of values: told up to a limit, in time that grows with the text alone."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from gateway.plugin import THE_REST, Budget, OverBudgetError, Pattern, TextStream
from gateway.scan.binding import engine_for
from gateway.scan.re2_body import Re2Body
from gateway.scan.scanner import UseScanner

WORD = Pattern("word", "word", r"zebra|quartz")
TOKEN = Pattern("token", "token", r"eyJ[a-z]{4}\.", run=r"a-z.")
ACROSS = Pattern("across", "across", r"\.x(?P<value>[!,] ?[a-z]{3,40})", left="", right="")


@cache
def scanner(values_max: int = 512) -> UseScanner:
    patterns = [WORD, TOKEN, ACROSS]
    engine = engine_for(patterns)
    return UseScanner(patterns, {"request": engine, "response": engine}, values_max)


def told(text: str, values_max: int) -> list[tuple[str, int, int]]:
    return [(f.pattern.name, f.start, f.stop) for f in scanner(values_max).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zebra zebra zebra.", [("word", 0, 5), ("word", 6, 11), ("rest", 11, 18)]),
        ("zebra zebra", [("word", 0, 5), ("word", 6, 11)]),
        ("zebra and no more", [("word", 0, 5)]),
        ("eyJabcd.abc zebra tail", [("token", 0, 11), ("word", 12, 17), ("rest", 17, 22)]),
        ("zebra eyJabcd.abc tail", [("word", 0, 5), ("token", 6, 17), ("rest", 17, 22)]),
        ("zebra ｚebra\u200b\u200b", [("word", 0, 5), ("word", 6, 11), ("rest", 11, 13)]),
    ],
)
def test_behind_the_last_value_that_is_told_is_the_rest(
    text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert told(text, 2) == expected


@pytest.mark.parametrize("size", [1, 3, 4096, 100_000])
def test_a_stream_tells_the_same_whatever_its_pieces(size: int) -> None:
    text = "a zebra, eyJabcd.abc; .x!quartz " * 400
    channel = scanner(700).channel("response")
    out, held = "", ""
    for at in [*range(0, len(text), size), len(text)]:
        stream = TextStream("c", held + text[at : at + size], final=at == len(text))
        found, safe = channel.feed(stream)
        last = 0
        for each in found:
            out += (
                stream.text[last : each.start] + ""
                if each.continued
                else (stream.text[last : each.start] + f"[{each.pattern.name}]")
            )
            last = each.stop
        out += stream.text[last:safe]
        held = stream.text[safe:]

    whole, last = "", 0
    for each in scanner(700).find(text, "response"):
        whole += text[last : each.start] + f"[{each.pattern.name}]"
        last = each.stop
    assert out + held == whole + text[last:]
    assert whole.endswith("[rest]")


@pytest.mark.parametrize(
    "unit",
    ["eyJabcd.abc ", "eyJabcd.x!eyJabcd.abc ", "zebra ", "eyJabcd.abc.x, zebra ", "eyJabcd." * 9],
)
def test_a_text_twice_as_long_takes_twice_as_many_looks(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs used to sort everything behind them anew: 64 kB of tokens took half a second."""
    looks = Counter[int]()
    search = Re2Body.search

    def counted(self: Re2Body, data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
        looks[len(data)] += 1
        return search(self, data, start, stop)

    monkeypatch.setattr(Re2Body, "search", counted)
    for repeats in (100, 200):
        scanner(1_000_000).find(unit * repeats)
        channel = scanner(1_000_000).channel("response")
        channel.feed(TextStream("c", unit * repeats, final=True))

    few, many = sorted(looks)[-2:]
    assert looks[many] <= 2.5 * looks[few] + 50


def test_a_text_that_is_full_of_candidates_goes_over_the_budget() -> None:
    text = "zebra " * 40

    with pytest.raises(OverBudgetError):
        scanner().find(text, budget=Budget(30))
    with pytest.raises(OverBudgetError):
        scanner().present("zebras, but no animal", budget=Budget(0))
    assert not scanner().knows(text)

    assert len(scanner().find(text)) == 40


def test_of_many_matches_the_first_is_enough_to_be_present() -> None:
    assert [p.name for p in scanner().present("zebra " * 3000, budget=Budget(3))] == ["word"]


def test_patterns_are_present_though_another_one_names_the_value() -> None:
    text = ".x!quartz"

    assert len(scanner().find(text)) == 1
    assert {p.name for p in scanner().present(text)} == {"word", "across"}


def test_the_rest_has_no_value() -> None:
    rest = scanner(1).find("zebra zebra")[-1]

    assert rest.pattern is THE_REST
    assert rest.value == ""
