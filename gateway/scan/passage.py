"""Where some words of a text stand, counted as `sweep` counts them; made to be compiled as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.scan.tables import DROP, SINGLE, WORD, Tables, wide

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64


def place(tables: Tables, data: bytes, width: int, first: int, words: int) -> tuple[int, int]:
    """Where `words` words from the word `first` on begin and end in `data`, in characters.

    `width` is as in `Sweep.feed`. (0, 0) where there is no such word.
    """
    kinds, last = tables.kinds, tables.last
    step: i64 = width
    stop: i64 = len(data)
    left: i64 = first
    begin: i64 = -1
    end: i64 = 0
    count: i64 = words
    at: i64 = 0
    within = False
    while at < stop:
        code: i64 = data[at]
        if step > 1:
            code = wide(data, at, last)
        kind: i64 = kinds[code]
        at += step
        if kind == DROP:
            continue
        if kind == SINGLE or (kind == WORD and not within):
            if left <= 0:
                if count == 0:
                    break
                count -= 1
                if begin < 0:
                    begin = at - step
            left -= 1
        within = kind == WORD
        if begin >= 0 and (within or kind == SINGLE):
            end = at
    return (0, 0) if begin < 0 else (begin // step, end // step)
