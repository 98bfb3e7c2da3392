"""The matcher in C finds what RE2 finds: the same bodies and values, wherever the search begins."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugin import Runtime
from gateway.plugin.pattern import Budget, OverBudgetError, Pattern
from gateway.scan.confirm import next_body
from gateway.scan.expression import (
    Boundary,
    Chars,
    Choice,
    ExpressionError,
    Node,
    Ranges,
    Repeat,
    Series,
    Value,
    bounded,
    for_re2,
    has_value,
    lengths,
    parse,
)
from gateway.scan.patterns import NATIVE, ReadyPattern, compiled
from gateway.scan.program import TooLongError, program, standing_before
from gateway.scan.re2_body import Re2Body
from gateway.scan.search import Search
from gateway_plugins.dlp.config import DlpConfig
from gateway_plugins.dlp.patterns import patterns_for
from gateway_plugins.dlp.rules import Rules
from gateway_plugins.threat import Threats
from tests.expression_texts import spelled

needs_c = pytest.mark.skipif(not NATIVE, reason="this build has no C")

_CONFIG = DlpConfig.model_validate({})
READY = [
    ReadyPattern(pattern)
    for pattern in (
        *patterns_for(_CONFIG, Rules(_CONFIG)),
        *Threats(Threats.Config(), Runtime()).patterns,
    )
]
PASSWORD = next(ready for ready in READY if ready.pattern.name == "password-constant")
FILLERS = " .-a0é指\x80\xff"
ODD = " aZ09_.:=/\"'é指\u200bÀ😀\n-\x00"


def matcher(*parts: Any, judge: Any = None) -> Any:
    from gateway.scan._matcher import Matcher  # noqa: PLC0415  # only in a compiled build

    return Matcher(*program(*parts), judge)


def within(body: Node, judge: Any) -> Any:
    """With a judge that is told where the value stands."""
    from gateway.scan._matcher import Matcher  # noqa: PLC0415  # only in a compiled build

    return Matcher(*program(body), judge, True)  # C takes it by position


def changed(text: str, random: Random) -> str:
    at = random.randint(0, len(text))
    return random.choice(
        (text, text[:at] + text[at + 1 :], text[:at] + random.choice(ODD) + text[at:])
    )


def spoiled(node: Node, random: Random) -> bytes:
    """Matches of a tree, each changed or not, one behind the other."""
    parts = [random.choice(("", *ODD)) + changed(spelled(node, random), random) for _ in range(3)]
    return "".join(parts).encode("utf-8", "replace")


def same(looker: Any, plain: Re2Body, data: bytes, *, narrowed: bool) -> None:
    size = len(data)
    text = data.decode()
    for part in ("", text[: len(text) // 3], text[: len(text) // 2]):
        start = len(part.encode())
        ours = next_body(looker, data, start, size, size)
        theirs = next_body(plain, data, start, size, size)
        assert ours[: 4 if narrowed else 2] == theirs[: 4 if narrowed else 2], (data, start)


@needs_c
@pytest.mark.parametrize("ready", READY, ids=lambda ready: ready.pattern.name)
def test_every_pattern_is_found_as_re2_finds_it(ready: ReadyPattern) -> None:
    random = Random(ready.pattern.name)  # noqa: S311  # texts of a test
    plain = ready.re2_body()
    assert not isinstance(ready.confirmation.looker, Re2Body)
    found = matcher(ready.body, standing_before(ready.left, ready.apart), ready.right)
    for _ in range(40):
        same(found, plain, spoiled(ready.body, random), narrowed=ready.narrowed)


def apart(node: Node, random: Random) -> bytes:
    """Matches of a tree, spoiled, with runs of one character between them."""
    between = [random.choice(FILLERS) * random.randint(0, 90) for _ in range(4)]
    return b"".join(fill.encode() + spoiled(node, random)[:300] for fill in between)


@needs_c
@pytest.mark.parametrize("wide", [True, False], ids=["wide", "narrow"])
def test_what_stands_far_apart_is_found_as_re2_finds_it(wide: bool) -> None:
    from gateway.scan import _matcher  # noqa: PLC0415  # only in a compiled build

    random = Random(7)  # noqa: S311  # texts of a test
    _matcher.use_wide(wide)
    try:
        for ready in READY:
            found = matcher(ready.body, standing_before(ready.left, ready.apart), ready.right)
            for _ in range(6):
                data = apart(ready.body, random).decode("utf-8", "ignore").encode()
                same(found, ready.re2_body(), data, narrowed=ready.narrowed)
    finally:
        _matcher.use_wide(True)


@needs_c
@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["k=ab ", "k=a", "k=é ", "k=", "b", " "]), max_size=40).map("".join)
)
def test_what_is_rejected_by_itself_is_passed_over(text: str) -> None:
    body, data = parse("k=(?P<value>[abké=]{1,3})"), text.encode()
    judged, plain = matcher(body, judge=lambda value: "b" not in value), matcher(body)

    def places(found: Any) -> list[tuple[int, ...]]:
        told, at = [], 0
        while (place := found.search(data, at, len(data))) is not None:
            at = place[0] + (place[1] >= 0)
            told += [place] if place[1] >= 0 else []
        return told

    def counts(place: tuple[int, ...]) -> bool:
        value = data[place[2] : place[3]]
        return not value.isascii() or b"b" not in value

    assert places(judged) == [place for place in places(plain) if counts(place)]


@needs_c
@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["k=" * 12, "k=", "a" * 15, "é", " ", "k" * 30, "=!", "b"]), max_size=25
    ).map("".join),
    st.integers(0, 20),
)
def test_runs_within_one_another_are_told_alike(text: str, least: int) -> None:
    """What the last run took is known: with a judge that turns down one search sees many."""
    data, seen = text.encode(), []
    body = parse(rf"k(?:=|k)(?P<value>[^ !]{{{least},40}})b?")

    def judge(data: bytes, start: int, stop: int) -> bool:
        seen.append((start, stop))
        return False

    found: tuple[int, ...] | None = (-1, 0)
    searches = within(body, judge)
    while found is not None:
        found = searches.search(data, found[0] + 1, len(data))
    alone = matcher(body)
    for start, stop in seen:
        begins = start - 2
        assert alone.search(data[begins:], 0, 1)[2:] == (start - begins, stop - begins)


@needs_c
def test_what_a_judge_raises_comes_out() -> None:
    def judge(value: str) -> bool:
        raise LookupError(value)

    with pytest.raises(LookupError):
        matcher(parse("k=a"), judge=judge).search(b"k=a", 0, 3)


@needs_c
def test_values_that_are_rejected_are_counted() -> None:
    search = Search(text := "aPW:abcdef " * 400, text.encode(), {PASSWORD: None}, Budget(20))
    with pytest.raises(OverBudgetError):
        search.run(PASSWORD, 0, 1, len(text))


@needs_c
def test_every_run_ends_where_re2_ends_it() -> None:
    random = Random(1)  # noqa: S311  # texts of a test
    pieces = [
        *ODD,
        "\\n",
        "\\r",
        "\\t",
        "\\\\",
        "-----END",
        "-----END RSA PRIVATE KEY-----",
        "A" * 9,
    ]
    with_run = [ready for ready in READY if ready.run]
    assert len(with_run) > 3
    for ready in with_run:
        plain = ready.re2_run()
        for _ in range(60):
            text = "".join(random.choices([*pieces, "AbCd/+", "x=", "\\n" * 3], k=8))
            data = text.encode()
            spans = plain.search(data, 0, len(data))
            assert ready.confirmation.run_end(data, 0) == (spans[2][1], spans[1][1]), data


CHARS = st.sampled_from([
    *[Chars(((97, 97),)), Chars(((98, 98),)), Chars(((97, 98),)), Chars(((48, 57),))],
    *[Chars(((32, 47), (0xE9, 0xE9))), Chars(((0x80, 0x10FFFF),)), Chars(())],
    Chars(((0, 0x10FFFF),)),
])  # fmt: skip
TREES: st.SearchStrategy[Node] = st.recursive(
    CHARS | st.just(Boundary()),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda items: Series(tuple(items)))
        | st.lists(inner, min_size=2, max_size=4).map(lambda items: Choice(tuple(items)))
        | st.builds(
            lambda item, least, more, greedy: Repeat(item, least, least + more, greedy),
            *(inner, st.integers(0, 3), st.integers(0, 4), st.booleans()),
        )
    ),
    max_leaves=8,
)
CLASSES: st.SearchStrategy[Ranges] = st.sampled_from([(), ((48, 57), (97, 122)), ((97, 97),)])
TEXTS = st.lists(st.sampled_from("aaabb01 .-é€\U0001f600"), max_size=14).map("".join)


@needs_c
@settings(deadline=None, max_examples=600)
@given(TREES, TREES, st.booleans(), CLASSES, CLASSES, st.lists(TEXTS, min_size=1, max_size=4))
def test_any_expression_is_found_as_re2_finds_it(  # noqa: PLR0917  # what is given
    one: Node, other: Node, narrowed: bool, left: Ranges, right: Ranges, texts: list[str]
) -> None:
    body = Series((one, Value(other))) if narrowed else Series((one, other))
    if not lengths(body)[0]:
        body = Series((body, Chars(((97, 98),))))
    found = matcher(body, standing_before(left, ()), right)
    ready = ReadyPattern(Pattern("x", "x", "x", left="", right=""))
    ready.body, ready.left, ready.right, ready.narrowed = body, left, right, has_value(body)
    plain = ready.re2_body()
    for text in texts:
        same(found, plain, text.encode(), narrowed=narrowed)


@needs_c
@settings(deadline=None)
@given(st.sampled_from(["a", "ab", "aab", "ba1", "a€"]), st.integers(1, 400), st.booleans())
def test_what_takes_many_steps_is_found_all_the_same(unit: str, many: int, ends: bool) -> None:
    expression = r"(?:[ab]{0,9}?[ab€]{0,7}a?){1,9}(?:a{0,5}b{0,5}){2,6}(?P<value>[ab]{0,9})c"
    body = bounded(parse(expression))
    plain = Re2Body(compiled(f"({for_re2(body)})"))
    data = (unit * many + ("c" if ends else "")).encode()
    same(matcher(body), plain, data, narrowed=True)


@needs_c
@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", " ", "$", "{", "x1", "\n", "é"]), max_size=6).map("".join)
)
def test_anchors_are_those_of_re2(text: str) -> None:
    for expression in (r"^\$[({]|^a$|b$", r"^(?:a|b){1,3}$", r"(?i)^X\d", r"$", r"^\W+a"):
        found = matcher(parse(expression, anchors=True))
        spans = compiled(expression)(text.encode(), 0, len(text.encode()))
        body = found.search(text.encode(), 0, len(text.encode()) + 1)
        assert (body is None) == (spans[0][0] < 0)
        assert body is None or body[:2] == spans[0]


def test_anchors_are_refused_where_streams_are_searched() -> None:
    with pytest.raises(ExpressionError, match="an anchor"):
        parse("(?:a|^b)")


def test_an_expression_of_too_many_steps_is_left_to_re2() -> None:
    with pytest.raises(TooLongError):
        program(bounded(parse("(?:(?:ab){900}c){30}")))
    words = "|".join("".join(letters) for letters in product("abcdefgh", repeat=5))
    ready = ReadyPattern(Pattern("long", "x", f"(?:{words})"))
    assert isinstance(ready.confirmation.looker, Re2Body)


@needs_c
def test_steps_that_make_no_sense_are_refused() -> None:
    from gateway.scan._matcher import Matcher  # noqa: PLC0415  # only in a compiled build

    steps, classes, tables, before, required = program(parse(r"a[bc]\d"))
    for wrong in (
        (steps[:-1], classes, tables, before, required),
        (steps, [], tables, before, required),
        (steps, classes, [], before, required),
        (steps, classes, tables, (9, -1), required),
        (steps, classes, tables, before, (b"short", 1, 2)),
        (steps, classes, tables, before, (tables[0], 2, 1)),
        (steps[-28:], classes, tables, before, required),
        (b"", classes, tables, before, required),
    ):
        with pytest.raises(ValueError, match=r"step|class|required"):
            Matcher(*wrong)
    with pytest.raises(TypeError):
        Matcher(steps, classes, tables, before, None).search("a", 0, 1)  # type: ignore[arg-type]  # a text
