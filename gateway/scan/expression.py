r"""Expressions as trees, so that one text gives everything that must agree.

From one tree come the expression that confirms (for RE2), the one that searches many at once (for
Hyperscan, on bytes, never narrower than the first) and the automaton that knows what may yet become
a match. All three see the same sets of characters: `\w`, `\d`, `\s` and `\b` are ASCII, and letters
in both cases are written out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as ops  # type: ignore[attr-defined]  # the standard library's own parser
from re import _parser as sre  # type: ignore[attr-defined]  # the standard library's own parser
from typing import Any, Final, Literal, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Code points, first and last of each range, in order."""

LAST: Final = 0x10FFFF
ASCII_LAST: Final = 0x7F
UNBOUNDED_WITHIN: Final = 256
"""What `*`, `+` and `{n,}` come to within an expression: there must be a longest match."""
REPEAT_MAX: Final = 1000
"""RE2's own limit of a counted repetition."""
LENGTH_MAX: Final = 8192
"""Characters of the longest match that an expression may have."""
POSITIONS_MAX: Final = 20_000

DIGITS: Final[Ranges] = ((48, 57),)
_SPACES: Final[Ranges] = ((9, 13), (32, 32))
WORDS: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))


class ExpressionError(ValueError):
    """The expression cannot be used; the text says what of it, and what to write."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Series:
    """One node after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several; the first that leads to a match."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`item` from `least` to `most` times; None is without bound."""

    item: Node
    least: int
    most: int | None
    greedy: bool = True


@dataclass(frozen=True, slots=True)
class Value:
    """The group that is the value."""

    item: Node


@dataclass(frozen=True, slots=True)
class Boundary:
    """The edge of an ASCII word; or of what is looked at, where no stream is searched for it."""

    of: Literal["word", "start", "end"] = "word"


Node: TypeAlias = Chars | Series | Choice | Repeat | Value | Boundary


def parse(expression: str, *, anchors: bool = False) -> Node:
    """The tree of an expression; `anchors` allows `^` and `$`. Raises ExpressionError."""
    try:
        tree = sre.parse(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ExpressionError(f"not a regular expression: {error}") from None
    value = tree.state.groupdict.get("value")
    node = _sequence(tree, tree.state.flags, value)
    if not anchors and _has_anchor(node):
        raise _refused("an anchor")
    return node


def _has_anchor(node: Node) -> bool:
    if isinstance(node, Series | Choice):
        return any(map(_has_anchor, node.items))
    if isinstance(node, Repeat | Value):
        return _has_anchor(node.item)
    return isinstance(node, Boundary) and node.of != "word"


def character_class(inside: str) -> Ranges:
    """What stands between the brackets of a class, as ranges. Raises ExpressionError."""
    node = parse(f"[{inside}]")
    if not isinstance(node, Chars):
        raise ExpressionError(f"not the inside of a character class: {inside}")
    return node.ranges


def union(one: Ranges, other: Ranges) -> Ranges:
    """The characters that are in either."""
    return _merged([*one, *other], fold=False)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """The characters that are in both."""
    return inverted(union(inverted(one), inverted(other)))


def inverted(ranges: Ranges) -> Ranges:
    """All other characters."""
    found: list[tuple[int, int]] = []
    begin = 0
    for first, last in ranges:
        if begin < first:
            found.append((begin, first - 1))
        begin = last + 1
    if begin <= LAST:
        found.append((begin, LAST))
    return tuple(found)


def _sequence(items: Any, flags: int, value: int | None) -> Node:
    nodes = [_node(op, argument, flags, value) for op, argument in items]
    return nodes[0] if len(nodes) == 1 else Series(tuple(nodes))


_REFUSED: Final = {
    ops.ASSERT: "look-around",
    ops.ASSERT_NOT: "look-around",
    ops.GROUPREF: "a back-reference",
    ops.GROUPREF_EXISTS: "a condition on a group",
    ops.ATOMIC_GROUP: "an atomic group",
    ops.POSSESSIVE_REPEAT: "a possessive repetition",
}


def _node(op: Any, argument: Any, flags: int, value: int | None) -> Node:  # a table
    fold = bool(flags & re.IGNORECASE)
    if op is ops.LITERAL:
        return Chars(_merged([(argument, argument)], fold=fold))
    if op is ops.NOT_LITERAL:
        return Chars(inverted(_merged([(argument, argument)], fold=fold)))
    if op is ops.ANY:
        return Chars(((0, LAST),) if flags & re.DOTALL else inverted(((10, 10),)))
    if op is ops.IN:
        return Chars(_class(argument, fold=fold))
    if op is ops.BRANCH:
        return Choice(tuple(_sequence(item, flags, value) for item in argument[1]))
    if op is ops.SUBPATTERN:
        group, added, removed, inner = argument
        node = _sequence(inner, (flags | added) & ~removed, value)
        return Value(node) if group is not None and group == value else node
    if op in {ops.MAX_REPEAT, ops.MIN_REPEAT}:
        least, most, inner = argument
        bound = None if most is ops.MAXREPEAT else int(most)
        item = _sequence(inner, flags, value)
        return Repeat(item, int(least), bound, greedy=op is ops.MAX_REPEAT)
    if op is ops.AT and argument is ops.AT_BOUNDARY:
        return Boundary()
    if op is ops.AT and argument in {ops.AT_BEGINNING, ops.AT_END}:
        return Boundary("end" if argument is ops.AT_END else "start")
    raise _refused("an anchor" if op is ops.AT else _REFUSED.get(op, str(op).lower()))


def _refused(what: str) -> ExpressionError:
    return ExpressionError(
        f"{what} cannot be searched for in a stream in linear time; "
        "write the characters themselves, or \\b for the edge of a word"
    )


def _class(items: Any, *, fold: bool) -> Ranges:
    found: list[tuple[int, int]] = []
    negated = False
    for op, argument in items:
        if op is ops.NEGATE:
            negated = True
        elif op is ops.LITERAL:
            found.append((argument, argument))
        elif op is ops.RANGE:
            found.append(argument)
        else:
            found += _category(argument)
    ranges = _merged(found, fold=fold)
    return inverted(ranges) if negated else ranges


_CATEGORIES: Final = {
    ops.CATEGORY_DIGIT: DIGITS,
    ops.CATEGORY_SPACE: _SPACES,
    ops.CATEGORY_WORD: WORDS,
    ops.CATEGORY_NOT_DIGIT: inverted(DIGITS),
    ops.CATEGORY_NOT_SPACE: inverted(_SPACES),
    ops.CATEGORY_NOT_WORD: inverted(WORDS),
}


def _category(argument: Any) -> Ranges:
    return _CATEGORIES[argument]


_FOLDED_SPAN_MAX: Final = 512
"""Ranges up to this size are folded letter by letter, larger ones in their ASCII part only."""


def _merged(ranges: list[tuple[int, int]], *, fold: bool) -> Ranges:
    if fold:
        ranges = [*ranges, *(pair for span in ranges for pair in _other_case(span))]
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _other_case(span: tuple[int, int]) -> list[tuple[int, int]]:
    first, last = span
    points = range(first, last + 1) if last - first < _FOLDED_SPAN_MAX else range(first, 128)
    others = [text for p in points for text in (chr(p).lower(), chr(p).upper())]
    return [(ord(text), ord(text)) for text in others if len(text) == 1]


# -- what can be told of a tree


def bounded(node: Node) -> Node:
    """The tree with a bound for every repetition."""
    if isinstance(node, Repeat):
        most = max(node.least, UNBOUNDED_WITHIN) if node.most is None else node.most
        return Repeat(bounded(node.item), node.least, most, node.greedy)
    if isinstance(node, Value):
        return Value(bounded(node.item))
    if isinstance(node, Series):
        return Series(tuple(bounded(item) for item in node.items))
    if isinstance(node, Choice):
        return Choice(tuple(bounded(item) for item in node.items))
    return node


def lengths(node: Node) -> tuple[int, int]:
    """Characters of the shortest and of the longest match of a bounded tree."""
    if isinstance(node, Chars):
        return 1, 1
    if isinstance(node, Boundary):
        return 0, 0
    if isinstance(node, Value):
        return lengths(node.item)
    if isinstance(node, Repeat):
        least, most = lengths(node.item)
        times = UNBOUNDED_WITHIN if node.most is None else node.most
        return least * node.least, most * times
    inner = [lengths(item) for item in node.items]
    if isinstance(node, Series):
        return sum(least for least, _ in inner), sum(most for _, most in inner)
    return min(least for least, _ in inner), max(most for _, most in inner)


def trailing_run(node: Node) -> tuple[Node, Ranges] | None:
    """The tree with its last, unbounded repetition of one set at its least, and that set."""
    if isinstance(node, Repeat):
        if node.most is None and node.greedy and isinstance(node.item, Chars):
            return Repeat(node.item, node.least, node.least), node.item.ranges
        return None
    if isinstance(node, Value):
        inner = trailing_run(node.item)
        return None if inner is None else (Value(inner[0]), inner[1])
    if isinstance(node, Series) and node.items:
        inner = trailing_run(node.items[-1])
        return None if inner is None else (Series((*node.items[:-1], inner[0])), inner[1])
    return None


def has_value(node: Node) -> bool:
    """Whether a group narrows the value."""
    if isinstance(node, Value):
        return True
    if isinstance(node, Repeat):
        return has_value(node.item)
    if isinstance(node, Series | Choice):
        return any(has_value(item) for item in node.items)
    return False


def only_ascii(node: Node) -> bool:
    """Whether every character of every match is ASCII."""
    if isinstance(node, Chars):
        return not node.ranges or node.ranges[-1][1] <= ASCII_LAST
    if isinstance(node, Repeat | Value):
        return only_ascii(node.item)
    if isinstance(node, Series | Choice):
        return all(only_ascii(item) for item in node.items)
    return True


# -- RE2


def for_re2(node: Node) -> str:
    """The tree in RE2's syntax; the value is its only group."""
    if isinstance(node, Chars):
        return re2_class(node.ranges)
    if isinstance(node, Boundary):
        return {"word": r"\b", "start": r"\A", "end": r"\z"}[node.of]
    if isinstance(node, Value):
        return f"({for_re2(node.item)})"
    if isinstance(node, Series):
        return "".join(for_re2(item) for item in node.items)
    if isinstance(node, Choice):
        return "(?:" + "|".join(for_re2(item) for item in node.items) + ")"
    return _grouped(for_re2(node.item), node.item) + _times(node)


def _times(node: Repeat) -> str:
    lazy = "" if node.greedy else "?"
    most = "" if node.most is None else str(node.most)
    short = {(0, "1"): "?", (0, ""): "*", (1, ""): "+"}.get((node.least, most))
    if short is None:
        short = f"{{{most}}}" if most == str(node.least) else f"{{{node.least},{most}}}"
    return short + lazy


def _grouped(text: str, node: Node) -> str:
    return text if isinstance(node, Chars | Choice | Value) else f"(?:{text})"


def re2_class(ranges: Ranges) -> str:
    """A class of RE2, or the one character."""
    if not ranges:
        return r"[^\x{0}-\x{10FFFF}]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return f"\\x{{{ranges[0][0]:X}}}"
    spans = [f"\\x{{{a:X}}}" if a == b else f"\\x{{{a:X}}}-\\x{{{b:X}}}" for a, b in ranges]
    return f"[{''.join(spans)}]"
