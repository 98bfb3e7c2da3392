"""What a channel holds is looked at once, and no more is held than must be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from gateway.plugin import Pattern, TextStream
from gateway.scan.engine import Engine
from gateway.scan.fold import Folded, fold
from gateway.scan.scanner import UseScanner

PATTERNS = [
    Pattern("mail", "mail", r"[a-z]{1,16}@[a-z]{1,16}\.[a-z]{2,3}"),
    Pattern("card", "card", r"\d(?:[ -]?\d){12,18}", rank=10),
    Pattern(
        "key",
        "key",
        r"---BEGIN KEY---\s{0,4}[A-Za-z0-9+/=]{8}",
        left="",
        run=r"A-Za-z0-9+/=\s",
        closing=r"---END KEY---",
    ),
    Pattern("one", "one", r"uv", left="", right=""),
    Pattern("other", "other", r"vu", left="", right=""),
    Pattern("quoted", "quoted", r"(?i:pass)[:=]\"[^\"]{6,40}\""),
]
KEY = "---BEGIN KEY---\n" + "c2VjcmV0" * 8
SIZE = 16_384


class Work:
    """Characters that were folded, searched for candidates, or shown to RE2."""

    def __init__(self) -> None:
        self.characters = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> tuple[Work, UseScanner]:
    done = Work()
    from gateway.scan import patterns  # noqa: PLC0415  # it is what is counted

    real = patterns.compiled

    def counted(expression: str, *, anchored: bool = False) -> Any:
        match = real(expression, anchored=anchored)

        def counting(data: bytes, start: int, stop: int) -> Any:
            found = match(data, start, stop)
            # An anchored one ends where the match does.
            done.characters += max(0, found[0][1] - start) + 1 if anchored else stop - start
            return found

        return counting

    def scanned(scan: Any, data: bytes, *more: Any) -> None:
        done.characters += len(data)
        scan(data, *more)

    def folded(text: str, *, json: bool = False) -> Folded:
        done.characters += len(text)
        return fold(text, json=json)

    monkeypatch.setattr("gateway.scan.patterns.compiled", counted)
    monkeypatch.setattr("gateway.scan.folding.fold", folded)
    engine = Engine([Pattern(f"{p.name} counted", **_rest(p)) for p in PATTERNS])
    for gates in (engine._gates, engine._gates_of_words):
        database: Any = gates.database
        scan, scratch = database._prepare()
        database._local.scan = partial(scanned, scan), scratch
    return done, UseScanner(list(engine.ready), {"request": engine, "response": engine})


def _rest(pattern: Pattern) -> dict[str, Any]:
    names = ("kind", "expression", "rank", "left", "right", "run", "closing")
    return {name: getattr(pattern, name) for name in names}


def held_of(
    scanner: UseScanner, text: str, *, size: int = 8, kind: str = "text", whole_values: bool = False
) -> Iterator[str]:
    """What waits after each piece."""
    channel = scanner.channel(whole_values=whole_values)
    held = ""
    for at in range(0, len(text), size):
        shown = held + text[at : at + size]
        _, safe = channel.feed(TextStream("c", shown, kind=kind, fresh=len(held)))
        held = shown[safe:]
        yield held
    channel.feed(TextStream("c", held, final=True, kind=kind, fresh=len(held)))


def of_size(text: str, unit: str, size: int) -> str:
    return text + unit * (size // len(unit))


@pytest.mark.parametrize("whole_values", [False, True])
@pytest.mark.parametrize(
    ("begin", "unit", "kind"),
    [
        ("", "\u200b", "text"),
        ("jane", "\u200b", "text"),
        ("jane", "\U000e0100", "text"),
        ("", "a" + "\u200b" * 40, "text"),
        ("", "1\u00ad", "text"),
        (f"x {KEY}", "\u200b", "text"),
        (f"x {KEY}", "c2VjcmV0", "text"),
        (f"x {KEY}\u200b", "c2VjcmV0\u2060", "text"),
        ('{"a":"jane', r"\u200b", "tool_call_arguments"),
        (f'{{"a":"{KEY[:16]}'.replace("\n", r"\n"), r"c2Vj\u200b", "tool_call_arguments"),
        ("", "\ud83d", "text"),
        ("jane", "\u0301", "text"),
        ("", 'pass="', "text"),
        ("", "1111 ", "text"),
        ("", "uv", "text"),
    ],
)
def test_twice_the_text_is_twice_the_work(
    work: tuple[Work, UseScanner], begin: str, unit: str, kind: str, whole_values: bool
) -> None:
    done, scanner = work
    spent = []
    for size in (SIZE, 2 * SIZE):
        done.characters = 0
        text = of_size(begin, unit, size)
        list(held_of(scanner, text, kind=kind, whole_values=whole_values))
        spent.append(done.characters)

    assert spent[1] <= 2.2 * spent[0]


@pytest.mark.parametrize("waits", ["janeroe@corp.ex", "1111 1111 111", 'pass="hunter2 x'])
def test_what_waits_as_a_whole_is_not_searched(
    work: tuple[Work, UseScanner], waits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, scanner = work
    monkeypatch.setattr("gateway.scan.folding.fold", fold)
    channel = scanner.channel()

    for size in range(1, len(waits) + 1):
        _, safe = channel.feed(TextStream("c", waits[:size], kind="text", fresh=size - 1))
        assert safe == 0

    assert done.characters == 0


def scanner() -> UseScanner:
    engine = Engine(PATTERNS)
    return UseScanner(PATTERNS, {"request": engine, "response": engine})


@pytest.mark.parametrize("text", ["\u200b" * 200, "so. " + "\u200b" * 200, "\u00ad\u2060" * 80])
def test_invisible_characters_that_are_within_nothing_do_not_wait(text: str) -> None:
    assert set(held_of(scanner(), text, size=4)) == {""}


def test_invisible_characters_before_a_value_do_not_wait_with_it() -> None:
    assert list(held_of(scanner(), "\u200b\u200b\u200bjane", size=7)) == ["jane"]


def test_those_within_a_value_that_may_go_on_wait() -> None:
    assert list(held_of(scanner(), "jane\u200b\u200b\u200b", size=7)) == ["jane\u200b\u200b\u200b"]


@pytest.mark.parametrize("whole_values", [False, True])
@pytest.mark.parametrize("between", ["\u200b" * 3000, "\u00ad\U000e0100" * 2000])
def test_a_value_is_found_however_much_is_hidden_in_it(between: str, whole_values: bool) -> None:
    value = f"jane{between}@example.org"
    channel = scanner().channel(whole_values=whole_values)
    text = f"to {value}, so"
    held, found = "", []
    for at in range(0, len(text), 8):
        shown = held + text[at : at + 8]
        more, safe = channel.feed(TextStream("c", shown, kind="text", fresh=len(held)))
        found += [(shown[each.start : each.stop], each.value) for each in more]
        held = shown[safe:]

    assert found == [(value, "jane@example.org")]


def test_what_stands_behind_a_whole_value_goes_out_when_it_is_over() -> None:
    text = f"x {KEY}{'c2VjcmV0' * 900}---END KEY--- and so "

    waited = list(held_of(scanner(), text, size=len(text) - 24, whole_values=True))

    assert len(waited[0]) > 7000
    assert waited[1] == ""


@pytest.mark.parametrize("pairs", [3, 500, 2000])
def test_values_that_overlap_for_long_are_one_and_go_out_soon(pairs: int) -> None:
    channel = scanner().channel()
    value = "uv" * pairs
    text = value + " and so it goes on" * (pairs // 20 + 1)
    held, found, longest = "", [], 0
    for at in range(0, len(text), 8):
        shown = held + text[at : at + 8]
        more, safe = channel.feed(TextStream("c", shown, kind="text", fresh=len(held)))
        found += [each.value for each in more]
        held = shown[safe:]
        longest = max(longest, len(held))

    assert found == [value]
    assert longest <= max(len(value) * 5 // 4, len(value) + 16)
    assert len(held) < 16


def test_behind_runs_what_waits_is_not_looked_for_again() -> None:
    """A piece may be full of runs, and what follows all of them is the same."""
    patterns = [Pattern("run", "run", "KEY[0-9]{2}", left="", run="a-f")]
    engine = Engine(patterns)
    scanner = UseScanner(patterns, {"request": engine, "response": engine})
    hold_back: Any = scanner._hold_backs["response"]
    real, asked = hold_back._earliest, []

    def counted(text: str, floor: int) -> int:
        asked.append(floor)
        return int(real(text, floor))

    hold_back._earliest = counted
    found, safe = scanner.channel().feed(TextStream("c", "KEY12abc. " * 50 + "KE", kind="text"))

    assert (len(found), safe) == (50, 500)
    assert len(asked) == 1


def test_what_stands_within_a_run_is_not_looked_at(work: tuple[Work, UseScanner]) -> None:
    """A whole value is held to its end, and what else is in it belongs to it."""
    done, scanner = work
    spent = []
    for size in (SIZE, 2 * SIZE):
        channel = scanner.channel(whole_values=True)
        held = KEY + "uv" * size
        assert channel.feed(TextStream("c", held, kind="text")) == ([], 0)
        done.characters = 0
        found, _ = channel.feed(TextStream("c", held, final=True, kind="text", fresh=len(held)))
        assert [each.pattern.kind for each in found] == ["key"]
        spent.append(done.characters)

    # Candidates, and where the run ends; of what begins within it one batch is looked for, whatever
    # the size.
    assert spent[1] - spent[0] <= 4 * 2 * SIZE
