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
