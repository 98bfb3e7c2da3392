"""What is searched for among many: a part of every match, on bytes, as short as it tells enough.

Whether there is a candidate is all that the search has to say; the confirmation sees the rest. So
a searching expression is a run of the items that an expression is made of: from the first one, or
from the first that tells something, to where enough is certain. It is never narrower than the tree.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from gateway.scan.expression import (
    ASCII_LAST,
    LAST,
    Boundary,
    Chars,
    Choice,
    Node,
    Ranges,
    Repeat,
    Series,
    Value,
    intersection,
    inverted,
    lengths,
    union,
)

ENOUGH_BITS: Final = 36.0
"""What a searching expression should tell, by the weights below."""
ENOUGH_BYTES: Final = 32
SHORT_BYTES: Final = 3
SKIP_BITS: Final = 9.0
"""What must be told by the rest, if weak items at the beginning are left out."""
_NAMING_BITS: Final = 4.0
_WEAK_BITS: Final = 1.0
"""A letter: it is quicker to look for digits, and for signs."""
_WEIGHTS: Final = ((2, 5.5), (4, 4.0), (10, 1.5), (26, 1.0))
"""Bits of one character out of a set of at most so many; larger sets tell half a bit."""
DIGITS_GATE: Final = rb"[0-9](?:[ -]?[0-9]){4}"
"""Five digits, with a space or a dash between two of them at most."""
DIGITS_MIN: Final = 5
"""What it finds has so many."""
_DIGITS: Final = "0123456789"
_SPELLED_MAX: Final = 4
"""So many characters are spelled out in UTF-8; of more, any bytes will do."""
_PUNCTUATION_BITS: Final = 3.0
_SPACE_BITS: Final = 1.0


def for_hyperscan(node: Node, left: Ranges = ()) -> bytes:
    """An expression that some part of every match fulfils; `left` is what may not stand before.

    A character that may be other than ASCII counts as one or more bytes of UTF-8. What stands
    before is the confirmation's to ask, and asked here only where texts are full of what looks like
    a match but for that: it makes an automaton of its own of most expressions.
    """
    items = _flat(node)
    start = _first_telling(items)
    before = f"(?:^|{_bytes_class(inverted(left))})" if left and not start else ""
    return (before + _written(items[start:])).encode("ascii")


def is_short(node: Node) -> bool:
    """Whether matches of what is searched for may be so short that a text is full of them.

    Then it is cheaper to ask only whether there is one.
    """
    items = _flat(node)
    return _written_least(items[_first_telling(items) :]) <= SHORT_BYTES


def _written_least(items: list[Node]) -> int:
    """The bytes of the shortest match of what `_written` gives for them."""
    bits, size = 0.0, 0
    last = max((n for n, item in enumerate(items) if _least(item)), default=0)
    for number, item in enumerate(items):
        bits += _bits(item)
        least = _least(item)
        if number == last or bits >= ENOUGH_BITS or size + least >= ENOUGH_BYTES:
            return size + _shortest_least(item)
        size += least
    return size


def _shortest_least(item: Node) -> int:
    if isinstance(item, Repeat) and not isinstance(item.item, Chars):
        return _written_least(_flat(item.item)) if item.least else 0
    if isinstance(item, Choice):
        return min(_written_least(_flat(branch)) for branch in item.items)
    return min(_least(item), ENOUGH_BYTES)


def fills_runs(node: Node) -> bool:
    """Whether one character repeated is found, so that a run of it is full of hits."""
    items = _flat(node)
    return bool(_alike(_searched(items[_first_telling(items) :])))


def _alike(items: list[Node]) -> Ranges:
    """The characters of which a repetition matches one item after the other."""
    found: Ranges = ((0, LAST),)
    for item in items:
        found = intersection(found, _repeated(item))
    return found


def _repeated(node: Node) -> Ranges:
    if isinstance(node, Chars):
        return node.ranges
    if isinstance(node, Repeat):
        return _repeated(node.item) if node.least else ((0, LAST),)
    if isinstance(node, Choice):
        return reduce(union, map(_repeated, node.items))
    if isinstance(node, Boundary):
        return ()
    return _alike(_flat(node))


def has_digits(node: Node) -> bool:
    """Whether whatever matches `node` holds something that DIGITS_GATE finds."""
    run, was_apart = 0, False
    for item in _flat(node):
        once = item if isinstance(item, Repeat) else Repeat(item, 1, 1)
        inner = once.item
        if _is_one_of(inner, _DIGITS):
            run += once.least
            was_apart = was_apart and not once.least
        elif _is_one_of(inner, " -") and once.most == 1 and not was_apart:
            was_apart = True
        else:
            run, was_apart = 0, False
        if run >= DIGITS_MIN:
            return True
        if once.least and isinstance(inner, Choice) and all(map(has_digits, inner.items)):
            return True
    return False


def digits_least(node: Node) -> int:
    """ASCII digits that every match of `node` has at least."""
    if isinstance(node, Repeat):
        return digits_least(node.item) * node.least
    if isinstance(node, Value):
        return digits_least(node.item)
    if isinstance(node, Series):
        return sum(map(digits_least, node.items))
    if isinstance(node, Choice):
        return min(map(digits_least, node.items))
    return int(_is_one_of(node, _DIGITS))


def begins_as(node: Node, hint: Node) -> bool:
    """Whether every match of `node` surely begins with a match of `hint`.

    It may be so and not be seen: only a `hint` of a fixed length is looked at.
    """
    wanted, is_whole = _opening(hint)
    given, _ = _opening(node)
    if not is_whole or len(given) < len(wanted):
        return False
    pairs = zip(given, wanted, strict=False)
    return all(union(chars, among) == union(among, ()) for chars, among in pairs)


def _opening(node: Node) -> tuple[list[Ranges], bool]:
    """The sets of the first characters, as far as each has its place; whether that is all of it."""
    if isinstance(node, Chars):
        return [node.ranges], True
    if isinstance(node, Value):
        return _opening(node.item)
    if isinstance(node, Repeat):
        found, is_whole = _opening(node.item)
        if not is_whole:
            return (found if node.least else []), False
        return found * node.least, node.most == node.least
    if isinstance(node, Choice):
        openings = [_opening(item) for item in node.items]
        shortest = min(len(found) for found, _ in openings)
        same = all(is_whole and len(found) == shortest for found, is_whole in openings)
        columns = zip(*(found[:shortest] for found, _ in openings), strict=True)
        return [reduce(union, column) for column in columns], same
    if isinstance(node, Series):
        found = []
        for item in node.items:
            more, is_whole = _opening(item)
            found += more
            if not is_whole:
                return found, False
        return found, True
    return [], True


def _is_one_of(node: Node, characters: str) -> bool:
    return isinstance(node, Chars) and all(
        chr(point) in characters for first, last in node.ranges for point in range(first, last + 1)
    )


def names_nothing(node: Node) -> bool:
    """Whether every character of it comes out of a large set, such as digits.

    Then whole texts may be full of candidates, and it is cheaper to ask only whether there is one.
    """
    if isinstance(node, Chars):
        return _bits(node) < _NAMING_BITS
    if isinstance(node, Value):
        return names_nothing(node.item)
    if isinstance(node, Repeat):
        return not node.least or names_nothing(node.item)
    if isinstance(node, Series | Choice):
        return all(names_nothing(item) for item in node.items)
    return True


def _flat(node: Node) -> list[Node]:
    if isinstance(node, Value):
        return _flat(node.item)
    if isinstance(node, Series):
        return [inner for item in node.items for inner in _flat(item)]
    return [node]


def _first_telling(items: list[Node]) -> int:
    """Where to begin: behind weak items of any length, if what follows them tells enough."""
    start = 0
    while start < len(items) and _is_weak(items[start]):
        start += 1
    while start and start < len(items) and not _least(items[start]):
        start += 1
    rest = sum(_bits(item) for item in items[start:])
    return start if rest >= SKIP_BITS else 0


def _is_weak(item: Node) -> bool:
    inner = item.item if isinstance(item, Repeat) else item
    return isinstance(inner, Chars) and _bits(inner) <= _WEAK_BITS


def _least(node: Node) -> int:
    return lengths(node)[0]


def _bits(node: Node) -> float:
    """What the shortest match tells."""
    if isinstance(node, Chars):
        if node.ranges and node.ranges[-1][1] <= ord("/"):
            return _SPACE_BITS if node.ranges[0][0] <= ord(" ") else _PUNCTUATION_BITS
        size = sum(last - first + 1 for first, last in node.ranges)
        return next((bits for most, bits in _WEIGHTS if size <= most), 0.5)
    if isinstance(node, Value):
        return _bits(node.item)
    if isinstance(node, Repeat):
        return node.least * _bits(node.item)
    if isinstance(node, Series):
        return sum(_bits(item) for item in node.items)
    if isinstance(node, Choice):
        return min(_bits(item) for item in node.items)
    return 0.0


def _written(items: list[Node]) -> str:
    """The items up to where enough is certain; the last one in its shortest form."""
    searched = _searched(items)
    return "".join([*map(_bytes_of, searched[:-1]), *map(_shortest, searched[-1:])])


def _searched(items: list[Node]) -> list[Node]:
    """The items up to where enough is certain."""
    bits, size = 0.0, 0
    last = max((n for n, item in enumerate(items) if _least(item)), default=0)
    for number, item in enumerate(items[:last]):
        bits += _bits(item)
        size += _least(item)
        if bits >= ENOUGH_BITS or size >= ENOUGH_BYTES:
            return items[: number + 1]
    return items[: last + 1]


def _shortest(item: Node) -> str:
    """Some beginning of every match of `item`."""
    if isinstance(item, Repeat):
        least = min(item.least, ENOUGH_BYTES)
        if not isinstance(item.item, Chars):
            return _written(_flat(item.item)) if item.least else ""
        text = _bytes_of(item.item)
        return text if least == 1 else f"(?:{text}){{{least}}}"
    if isinstance(item, Choice):
        return "(?:" + "|".join(_written(_flat(branch)) for branch in item.items) + ")"
    return _bytes_of(item)


def _bytes_of(node: Node) -> str:
    if isinstance(node, Chars):
        return _bytes_of_chars(node.ranges)
    if isinstance(node, Boundary):
        return r"\b"
    if isinstance(node, Value):
        return _bytes_of(node.item)
    if isinstance(node, Series):
        return "".join(_bytes_of(item) for item in node.items)
    if isinstance(node, Choice):
        return "(?:" + "|".join(_bytes_of(item) for item in node.items) + ")"
    if isinstance(node.item, Chars) and not _is_ascii(node.item.ranges):
        most = "" if node.most is None else str(4 * node.most)
        return f"{_bytes_class(node.item.ranges)}{{{node.least},{most}}}"
    return f"(?:{_bytes_of(node.item)}){{{node.least},{'' if node.most is None else node.most}}}"


def _bytes_of_chars(ranges: Ranges) -> str:
    if _is_ascii(ranges):
        return _bytes_class(ranges)
    if sum(last - first + 1 for first, last in ranges) > _SPELLED_MAX:
        return f"{_bytes_class(ranges)}{{1,4}}"
    points = [point for first, last in ranges for point in range(first, last + 1)]
    spelled = [
        "".join(f"\\x{byte:02x}" for byte in chr(p).encode("utf-8", "replace")) for p in points
    ]
    return spelled[0] if len(spelled) == 1 else f"(?:{'|'.join(spelled)})"


def _is_ascii(ranges: Ranges) -> bool:
    return not ranges or ranges[-1][1] <= ASCII_LAST


def _bytes_class(ranges: Ranges) -> str:
    spans = [
        f"\\x{first:02x}-\\x{min(last, ASCII_LAST):02x}"
        for first, last in ranges
        if first <= ASCII_LAST
    ]
    if not _is_ascii(ranges):
        spans.append("\\x80-\\xff")
    return f"[{''.join(spans)}]"
