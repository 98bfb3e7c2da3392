"""Where the words of a text stand, counted as `sweep` counts them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gateway.scan.alphabet import DROP, SINGLE, WORD


def places(kinds: bytes, text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends; `kinds` is as in `Tables`."""
    last = len(kinds) - 1
    begin, end = -1, 0
    for at, char in enumerate(text):
        kind = kinds[min(ord(char), last)]
        if kind == WORD:
            begin = at if begin < 0 else begin
            end = at + 1
        elif kind != DROP:
            if begin >= 0:
                yield begin, end
                begin = -1
            if kind == SINGLE:
                yield at, at + 1
    if begin >= 0:
        yield begin, end


def place(kinds: bytes, text: str, first: int, words: int) -> tuple[int, int]:
    """Where `words` words from the word `first` on stand; (0, 0) where there is no such word."""
    window = islice(places(kinds, text), first, first + words)
    begin, end = next(window, (0, 0))
    for _, stop in window:
        end = stop
    return begin, end
