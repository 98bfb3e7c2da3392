"""Texts that match an expression, made at random: for tests, and for what a scan costs at worst."""

from __future__ import annotations

from random import Random

from gateway.scan.expression import Chars, Choice, Node, Repeat, Series, Value

_MORE: int = 6
_SPAN: int = 80


def spelled(node: Node, random: Random, more: int = _MORE) -> str:
    """A text that matches a tree; of each repetition at most so many more than there must be."""
    if isinstance(node, Chars):
        spans = [span for span in node.ranges if span[1] >= ord(" ")] or node.ranges
        first, last = random.choice(spans or ((33, 33),))
        first = max(first, min(last, ord(" ")))
        return chr(random.randint(first, min(last, first + _SPAN)))
    if isinstance(node, Series):
        return "".join(spelled(item, random, more) for item in node.items)
    if isinstance(node, Choice):
        return spelled(random.choice(node.items), random, more)
    if isinstance(node, Repeat):
        most = node.least + more if node.most is None else min(node.most, node.least + more)
        times = random.randint(node.least, most)
        return "".join(spelled(node.item, random, more) for _ in range(times))
    return spelled(node.item, random, more) if isinstance(node, Value) else ""
