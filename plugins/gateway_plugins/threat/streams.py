"""One channel of a streamed answer: held back as far as it must be, judged before it is whole.

| channel          | what is held                                                              |
|------------------|---------------------------------------------------------------------------|
| what is shown    | what may become a finding; one in backticks that nothing has closed yet   |
| arguments, JSON  | nothing, until the piece that makes them whole: half a call calls nobody  |
| arguments, other | what may become a finding                                                 |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.plugin import JSON_REST, THE_REST, ChannelScanner, Finding, TextStream
from gateway.scan.threats.code import SPAN_CHARACTERS_MAX, CodeMap, CodeReader, undecided
from gateway.scan.threats.judge import Judge, Score

ARGUMENTS_CHARACTERS_MAX: Final = 1_048_576
"""Arguments are put together up to here; longer ones are judged as text from there on."""

RESTS: Final = (THE_REST, JSON_REST)
"""What was not looked through, because too much stands before it."""

_STRUCTURE: Final = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
_NONE: Final[list[Score]] = []


class AnswerChannel:
    """What a client shows: findings outside of code count.

    The first `_waiting` characters of what is held were scanned already; `_findings` stand there.
    """

    __slots__ = ("_code", "_findings", "_judge", "_scanner", "_sure", "_waiting")

    def __init__(self, scanner: ChannelScanner, judge: Judge) -> None:
        self._scanner = scanner
        self._judge = judge
        self._code = CodeReader()
        self._waiting = 0
        self._findings: list[Finding] = []
        self._sure: list[Finding] = []

    def feed(self, text: TextStream) -> list[Score]:
        """Holds back in `text` what must be, and scores what is sure by now."""
        whole, waiting = text.text, self._waiting
        inner = TextStream(
            text.channel,
            whole[waiting:],
            final=text.final,
            role=text.role,
            kind=text.kind,
            fresh=max(0, text.fresh - waiting),
        )
        found, safe = self._scanner.feed(inner)
        self._findings += [_moved(each, waiting) for each in found if not each.continued]
        safe += waiting
        region = whole[:safe]
        stop = safe if text.final else safe - undecided(region)
        reader = self._code.copy() if self._findings else self._code
        code = reader.read(region[:stop], final=text.final)
        fresh = False
        if self._findings:
            stop, fresh = self._settle(code, stop, final=text.final)
            self._code.read(region[:stop])
        self._waiting = safe - stop
        text.hold(len(whole) - stop)
        return self._judge.scores(self._sure) if fresh else _NONE

    def _settle(self, code: CodeMap, stop: int, *, final: bool) -> tuple[int, bool]:
        """How much may go, and whether a finding became sure; others are code, or wait."""
        waiting: list[Finding] = []
        fresh = False
        decided = code.decided
        for finding in self._findings:
            place = finding.start
            if finding.pattern in RESTS:
                self._sure.append(finding)
                fresh = True
                continue
            if place < decided and code.holds(place):
                continue
            is_open = code.open_at is not None and place >= code.open_at
            if not final and (
                place >= decided or (is_open and decided - place <= SPAN_CHARACTERS_MAX)
            ):
                waiting.append(finding)
            else:
                self._sure.append(finding)
                fresh = True
        cut = min([stop, *(finding.start for finding in waiting)])
        self._findings = [_moved(finding, -cut) for finding in waiting]
        return cut, fresh


def _moved(finding: Finding, by: int) -> Finding:
    if not by:
        return finding
    return Finding(finding.pattern, finding.start + by, finding.stop + by, finding.value)


class ArgumentsChannel:
    """The arguments of a call, judged with the piece that makes them whole."""

    __slots__ = ("_depth", "_judge", "_make", "_parts", "_quoted", "_scanner", "_size", "_slash",
                 "_sure")  # fmt: skip

    def __init__(self, judge: Judge, make: Callable[[], ChannelScanner]) -> None:
        self._judge = judge
        self._make = make
        self._scanner: ChannelScanner | None = None
        self._sure: list[Finding] = []
        self._parts: list[str] = []
        self._size = 0
        self._depth = 0
        self._quoted = False
        self._slash = False

    def feed(self, text: TextStream) -> list[Score]:
        """Scores what is whole by now; holds back where it cannot be told what is."""
        if self._scanner is None and not self._parts:
            head = text.text.lstrip()[:1]
            if head and head not in "{[":
                self._scanner = self._make()
        if self._scanner is not None:
            return self._feed_text(text)
        fresh = text.text
        self._parts.append(fresh)
        self._size += len(fresh)
        if not self._is_whole(fresh) and not text.final:
            if self._size > ARGUMENTS_CHARACTERS_MAX:
                self._scanner = self._make()
                return self._judged()
            return _NONE
        return self._judged()

    def _judged(self) -> list[Score]:
        arguments = "".join(self._parts)
        self._parts, self._size = [], 0
        return self._judge.arguments(arguments) if arguments.strip() else _NONE

    def _feed_text(self, text: TextStream) -> list[Score]:
        scanner = self._scanner or self._make()
        found, safe = scanner.feed(text)
        text.hold(len(text.text) - safe)
        if not found:
            return _NONE
        self._sure += found
        return self._judge.scores(self._sure)

    def _is_whole(self, fresh: str) -> bool:
        """Whether the outermost bracket is closed behind `fresh`."""
        start = 0
        if self._slash and fresh:
            start, self._slash = 1, False
        closed = False
        for token in _STRUCTURE.finditer(fresh, start):
            sign = token[0]
            if sign == '"':
                self._quoted = not self._quoted
            elif not self._quoted and sign in "{[":
                self._depth += 1
            elif not self._quoted and sign in "}]":
                self._depth -= 1
                closed = self._depth <= 0
        if self._quoted and len(fresh) > start:
            tail = fresh[start:]
            self._slash = (len(tail) - len(tail.rstrip("\\"))) % 2 == 1
        return closed
