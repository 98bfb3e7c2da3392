"""The scan: candidates, confirmation, what is remembered, what is kept on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.plugin import Pattern
from gateway.scan.binding import engine_for
from gateway.scan.engine import Engine, check_pattern
from gateway.scan.expression import ExpressionError
from gateway.scan.scanner import UseScanner

NUMBER = Pattern("number", "number", r"\d{4}", apart=" -")
WORD = Pattern("word", "word", r"zebra|quartz")
NEAR = Pattern("near", "near", r"\d{3}", near="(?i:code)")
LONG_NEAR = Pattern("long", "long", r"\d{3}[ -]\d{3}", near="(?i:code)")


def scanner(*patterns: Pattern) -> UseScanner:
    engine = engine_for(patterns)
    return UseScanner(patterns, {"request": engine, "response": engine})


def values(text: str, *patterns: Pattern) -> list[tuple[str, str]]:
    return [(f.pattern.name, f.value) for f in scanner(*patterns).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a zebra, 1234", [("word", "zebra"), ("number", "1234")]),
        ("zebras", []),
        ("12345", []),
        ("9 1234", []),
        ("x 1234 5678", [("number", "1234")]),
        ("über1234 é1234", [("number", "1234")]),  # é is no ASCII word character
        ("Code is 123", [("near", "123")]),
        ("nothing is 123", []),
    ],
)
def test_what_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert values(text, NUMBER, WORD, NEAR) == expected


@pytest.mark.parametrize(
    "text", ["code 123-456", "code 123 456", "code: 1 123-456 1", "Code 123-４５６"]
)
def test_a_text_with_digits_is_asked_for_what_needs_them(text: str) -> None:
    assert [name for name, _ in values(text, LONG_NEAR)] == ["long"]


def test_a_text_without_digits_is_asked_for_what_needs_none() -> None:
    engine = engine_for([NEAR, LONG_NEAR, WORD])
    asked = engine.scans.candidates(b"code 123, 12-34 zebra")

    assert sorted(ready.pattern.name for ready in asked) == ["near", "word"]


@pytest.mark.parametrize("crowded", [False, True])
def test_a_crowded_pattern_finds_the_same(*, crowded: bool) -> None:
    pattern = Pattern("hex", "hex", r"\d{6,9}", apart=" -", crowded=crowded)

    assert values("a123456, 1234567; é123456,12345678", pattern) == [
        ("hex", "1234567"), ("hex", "123456"), ("hex", "12345678"),
    ]  # fmt: skip


def test_a_crowded_pattern_is_not_asked_within_words() -> None:
    found = {
        crowded: engine_for([Pattern("hex", "hex", r"\d{6}", crowded=crowded)]).scans.candidates(
            b"deadbeef123456"
        )
        for crowded in (False, True)
    }

    assert found[False]
    assert not found[True]


def test_a_run_of_one_character_is_not_full_of_hits() -> None:
    """Each would be a call back, for nothing."""
    long = Pattern("long", "long", r"[12]\d{11}(?:19|2\d)\d{4}[\dA]")

    assert not engine_for([long]).scans.candidates(b"a" + b"1" * 1000 + b"2" * 1000)
    assert values("b 111111111111191111A", long) == [("long", "111111111111191111A")]


def test_what_is_searched_for_alike_is_searched_for_once() -> None:
    check = {"hint": r"\d{12}", "crowded": True}
    one, other = Pattern("a", "a", r"\d{13}", **check), Pattern("b", "b", r"\d{12}X", **check)
    engine = engine_for([one, other])

    assert values("1234567890123 123456789012X", one, other) == [
        ("a", "1234567890123"),
        ("b", "123456789012X"),
    ]
    assert {ready.gate for ready in engine.ready.values()} == {engine.ready[one].gate}
    assert engine.database_bytes == engine_for([one]).database_bytes


def test_many_hits_come_to_the_same_as_few() -> None:
    text = "zebra " * 100

    assert len(values(text, WORD)) == 100


def test_values_that_overlap_are_one_named_by_rank() -> None:
    long = Pattern("long", "long", r"\d{4}-zebra", rank=60)
    high = Pattern("high", "high", r"zebra-\w{3}", left="", rank=10)

    assert values("1234-zebra-abc", long, high) == [("high", "1234-zebra-abc")]


def test_a_use_gets_its_own_findings_alone() -> None:
    engine = engine_for([NUMBER, WORD])
    use = UseScanner([WORD], {"request": engine, "response": engine})

    assert [f.pattern.name for f in use.find("zebra 1234")] == ["word"]


def test_a_text_is_remembered_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.scan.scans.REMEMBERED_CHARACTERS_MAX", 1000)
    use = UseScanner([WORD], {"request": Engine([WORD])})
    use.find("zebra")

    assert use.knows("zebra")
    for number in range(200):
        use.find(f"text {number}")
    assert not use.knows("zebra")


def test_a_compiled_database_is_kept_and_a_damaged_one_made_anew(tmp_path: Path) -> None:
    Engine([WORD], tmp_path)
    (kept,) = (tmp_path / "patterns").iterdir()
    good = kept.read_bytes()

    kept.write_bytes(good[:-5] + b"wrong")
    damaged = Engine([WORD], tmp_path)

    assert damaged.scans.whole("a zebra").hits
    assert kept.read_bytes() == good
    assert kept.stat().st_mode & 0o077 == 0 or kept.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("expression", ["a?", "x{2000}", "(?:a{500}){500}"])
def test_a_pattern_that_cannot_be_used_is_named(expression: str) -> None:
    with pytest.raises(ExpressionError, match='pattern "mine"'):
        check_pattern(Pattern("mine", "mine", expression))
