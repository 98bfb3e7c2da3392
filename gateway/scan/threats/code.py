r"""Where a text in Markdown is code, which whoever shows it does not run.

Only what every reader of CommonMark takes for code counts: a fence on a line of its own (section
4.5), a span of backticks that is closed (section 6.1). Whatever could be read in two ways ends the
trust, and from there on nothing is code any more:

    1. a tag or a comment outside of code: in an HTML block backticks mean nothing
    2. an escaped backtick, which opens no span
    3. a fence within an open span, or one that is indented by four columns or more
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

SPAN_CHARACTERS_MAX: Final = 1000
"""How far the end of a span may be from a place in it that asks to be code."""

_TOKEN: Final = re.compile(r"\n|[ \t]+|`+|~+|<[A-Za-z/!?]|[^\s`~\\<]+|.", re.DOTALL)
TOKENS_MAX: Final = 20_000
"""Words and signs of a text with code in it that are read; behind them nothing is code."""
_FENCE_MIN: Final = 3
_INDENT_MAX: Final = 3


class Range(NamedTuple):
    """Code from `start` to `stop`."""

    start: int
    stop: int
    fence: bool


class CodeMap(NamedTuple):
    """What of a part is code; `open_at` is where a span began that is not closed yet.

    From `decided` on the part is a run of signs that the next part may go on with.
    """

    ranges: list[Range]
    open_at: int | None
    decided: int

    def holds(self, place: int) -> bool:
        """Whether the character at `place` is code for sure."""
        index = bisect_right(self.ranges, place, key=_start_of) - 1
        if index < 0:
            return False
        code = self.ranges[index]
        near = code.fence or code.stop - place <= SPAN_CHARACTERS_MAX
        return place < code.stop and near


def _start_of(code: Range) -> int:
    return code.start


class CodeReader:
    """Reads a text part by part; a copy reads the same part again.

    A run of signs at the end of a part is not looked at again: of what went before it is known how
    long it was.
    """

    __slots__ = (
        "_fence", "_fence_size", "_indent", "_left", "_line_start", "_pending", "_run", "_run_size",
        "_ticks", "_trusted",
    )  # fmt: skip

    def __init__(self) -> None:
        self._fence = ""
        self._fence_size = 0
        self._ticks = 0
        self._pending = False  # a fence is told by the rest of its line
        self._run = ""
        self._run_size = 0
        self._indent = 0
        self._line_start = True
        self._trusted = True
        self._left = TOKENS_MAX

    def copy(self) -> CodeReader:
        """A reader in the same state."""
        twin = CodeReader()
        twin._fence, twin._fence_size, twin._ticks = self._fence, self._fence_size, self._ticks
        twin._run, twin._run_size = self._run, self._run_size
        twin._pending, twin._trusted = self._pending, self._trusted
        twin._indent, twin._line_start = self._indent, self._line_start
        twin._left = self._left
        return twin

    def read(self, text: str, *, final: bool = False) -> CodeMap:
        """The code of the next part; `final` says that no other follows."""
        if not self._trusted:
            return CodeMap([], None, len(text))
        if not (self._fence or self._ticks or self._run_size or _has_signs(text)):
            self._note_line(text)
            return CodeMap([], None, len(text))
        return self._read(text, final=final)

    def _note_line(self, text: str) -> None:
        begin = text.rfind("\n") + 1
        if begin:
            self._line_start, self._indent = True, 0
        if self._line_start:
            line = text[begin:]
            self._line_start = not line.strip(" \t")
            self._indent += 4 if "\t" in line else len(line)

    def _read(self, text: str, *, final: bool) -> CodeMap:
        ranges: list[Range] = []
        begun = at = 0
        size = len(text)
        if self._run_size:
            at = size - len(text.lstrip(self._run))
            self._run_size += at
            if at == size and not final:
                return self._map(ranges, 0, size, 0)
            self._left -= 1
            if self._takes(self._run, self._run_size, escapes=False):
                ranges.append(Range(0, at, fence=False))
            self._run_size = 0
            if not self._trusted:
                return CodeMap(ranges, None, size)
        for token in _TOKEN.finditer(text, at):
            found, at = token[0], token.start()
            first = found[0]
            if first in "`~" and token.end() == size and not final:
                self._run, self._run_size = first, len(found)
                return self._map(ranges, begun, size, at)
            self._left -= 1
            if self._left < 0:
                self._trusted = False
                return CodeMap(ranges, None, size)
            if first == "\n":
                if self._ends_line():
                    ranges.append(Range(begun, at, fence=True))
                continue
            if first in " \t":
                self._indent += len(found) if first == " " and "\t" not in found else 4
                continue
            was_open = bool(self._fence or self._ticks)
            escapes = first == "\\" and text[at + 1 : at + 2] == "`"
            closed = self._takes(first, len(found), escapes=escapes)
            if not self._trusted:
                return CodeMap(ranges, None, size)
            if closed:
                ranges.append(Range(begun, token.end(), fence=False))
            elif not was_open and (self._fence or self._ticks):
                begun = at
        return self._map(ranges, begun, size, size)

    def _map(self, ranges: list[Range], begun: int, size: int, decided: int) -> CodeMap:
        if self._fence:
            ranges.append(Range(begun, size, fence=True))
        return CodeMap(ranges, begun if self._ticks else None, decided)

    def _ends_line(self) -> bool:
        """Whether a fence ends with this line."""
        closed = False
        if self._fence and self._pending:
            self._fence, self._pending, closed = "", False, True
        elif self._pending:
            self._fence, self._fence_size = "`", self._ticks
            self._ticks, self._pending = 0, False
        elif self._line_start:
            self._ticks = 0  # a blank line ends what is not closed
        self._line_start, self._indent = True, 0
        return closed

    def _takes(self, first: str, size: int, *, escapes: bool) -> bool:
        """A word or a sign, by its first character and its length; whether it closes a span."""
        closed = False
        if self._fence:
            # Within a fence only its like on a line of its own counts.
            closes = self._line_start and self._indent <= _INDENT_MAX and first == self._fence
            self._pending = closes and size >= self._fence_size
        else:
            closed = self._plain(first, size, escapes=escapes)
        self._line_start = False
        return closed

    def _plain(self, first: str, size: int, *, escapes: bool) -> bool:
        """Outside of a fence; whether a span is closed. Within a span nothing is escaped."""
        begins = self._line_start and first in "`~" and size >= _FENCE_MIN
        if begins and (self._ticks or self._indent > _INDENT_MAX):
            self._trusted = False
        elif begins and first == "~":
            self._fence, self._fence_size = first, size
        elif first == "`" and self._ticks:
            if size == self._ticks:
                self._ticks, self._pending = 0, False
                return True
            if self._pending:
                self._pending = False  # backticks in its line: no fence, but a span
        elif first == "`":
            self._ticks, self._pending = size, begins
        elif not self._ticks and (escapes or (first == "<" and size > 1)):
            self._trusted = False
        return False


def _has_signs(text: str) -> bool:
    """Whether anything in it may begin or end code, or the trust in it."""
    return "`" in text or "~" in text or "\\" in text or "<" in text


def code_map(text: str) -> CodeMap:
    """The code of a whole text."""
    return CodeReader().read(text, final=True)


def undecided(text: str) -> int:
    """Characters at the end of a part that are read with the next one: the half of a sign."""
    return 1 if text and text[-1] in "\\<" else 0
