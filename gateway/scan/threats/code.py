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

_TOKEN: Final = re.compile(r"\n|[ \t]+|`+|~{3,}|<[A-Za-z/!?]|[^\s`~\\<]+|.", re.DOTALL)
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
    """What of a part is code; `open_at` is where a span began that is not closed yet."""

    ranges: list[Range]
    open_at: int | None

    def holds(self, place: int) -> bool:
        """Whether the character at `place` is code for sure."""
        index = bisect_right(self.ranges, place, key=_start_of) - 1
        if index < 0:
            return False
        code = self.ranges[index]
        near = code.fence or code.stop - place <= SPAN_CHARACTERS_MAX
        return place < code.stop and near


_NO_CODE: Final = CodeMap([], None)


def _start_of(code: Range) -> int:
    return code.start


class CodeReader:
    """Reads a text part by part; a copy reads the same part again."""

    __slots__ = ("_fence", "_indent", "_left", "_line_start", "_pending", "_ticks", "_trusted")

    def __init__(self) -> None:
        self._fence = ""
        self._ticks = ""
        self._pending = False  # a fence is told by the rest of its line
        self._indent = 0
        self._line_start = True
        self._trusted = True
        self._left = TOKENS_MAX

    def copy(self) -> CodeReader:
        """A reader in the same state."""
        twin = CodeReader()
        twin._fence, twin._ticks = self._fence, self._ticks
        twin._pending, twin._trusted = self._pending, self._trusted
        twin._indent, twin._line_start = self._indent, self._line_start
        twin._left = self._left
        return twin

    def read(self, text: str) -> CodeMap:
        """The code of the next part."""
        if not self._trusted:
            return _NO_CODE
        if not self._fence and not self._ticks and not _has_signs(text):
            self._note_line(text)
            return _NO_CODE
        return self._read(text)

    def _note_line(self, text: str) -> None:
        begin = text.rfind("\n") + 1
        if begin:
            self._line_start, self._indent = True, 0
        if self._line_start:
            line = text[begin:]
            self._line_start = not line.strip(" \t")
            self._indent += len(line) if "\t" not in line else 4

    def _read(self, text: str) -> CodeMap:
        ranges: list[Range] = []
        begun = 0
        for token in _TOKEN.finditer(text):
            found, at = token[0], token.start()
            self._left -= 1
            if self._left < 0:
                self._trusted = False
                return CodeMap(ranges, None)
            if found == "\n":
                if self._fence and self._pending:
                    ranges.append(Range(begun, at, fence=True))
                    self._fence, self._pending = "", False
                elif self._pending:
                    self._fence, self._ticks, self._pending = self._ticks, "", False
                elif self._line_start:
                    self._ticks = ""  # a blank line ends what is not closed
                self._line_start, self._indent = True, 0
                continue
            if found[0] in " \t":
                self._indent += len(found) if found[0] == " " and "\t" not in found else 4
                continue
            was_open = bool(self._fence or self._ticks)
            escapes = found == "\\" and text[at + 1 : at + 2] == "`"
            closed = self._fenced(found) if self._fence else self._plain(found, escapes=escapes)
            if not self._trusted:
                return CodeMap(ranges, None)
            if closed:
                ranges.append(Range(begun, token.end(), fence=False))
            elif not was_open and (self._fence or self._ticks):
                begun = at
            self._line_start = False
        if self._fence:
            ranges.append(Range(begun, len(text), fence=True))
        return CodeMap(ranges, begun if self._ticks else None)

    def _fenced(self, found: str) -> bool:
        """Within a fence only its like on a line of its own counts."""
        closes = self._line_start and self._indent <= _INDENT_MAX and found[0] == self._fence[0]
        self._pending = closes and len(found) >= len(self._fence)
        return False

    def _plain(self, found: str, *, escapes: bool) -> bool:
        """Outside of a fence; whether a span is closed. Within a span nothing is escaped."""
        first = found[0]
        begins = self._line_start and first in "`~" and len(found) >= _FENCE_MIN
        if begins and (self._ticks or self._indent > _INDENT_MAX):
            self._trusted = False
        elif begins and first == "~":
            self._fence = found
        elif first == "`" and self._ticks:
            if found == self._ticks:
                self._ticks, self._pending = "", False
                return True
            if self._pending:
                self._pending = False  # backticks in its line: no fence, but a span
        elif first == "`":
            self._ticks, self._pending = found, begins
        elif not self._ticks and (escapes or (first == "<" and len(found) > 1)):
            self._trusted = False
        return False


def _has_signs(text: str) -> bool:
    """Whether anything in it may begin or end code, or the trust in it."""
    return "`" in text or "~" in text or "\\" in text or "<" in text


def code_map(text: str) -> CodeMap:
    """The code of a whole text."""
    return CodeReader().read(text)


def undecided(text: str) -> int:
    """Characters at the end of a part that the next part may make more of."""
    if not text or text[-1] not in "`~\\<":
        return 0
    rest = text.rstrip("`~")
    if rest and rest[-1] == "\\" and len(rest) < len(text):
        rest = rest[:-1]  # it escapes what follows, and is read together with it
    return len(text) - len(rest) or 1
