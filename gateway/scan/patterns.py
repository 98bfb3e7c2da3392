"""A pattern made ready: what confirms it, what searches for it among many, what bounds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from gateway.plugin.pattern import BEFORE_CHARACTERS, Pattern
from gateway.scan.expression import (
    DIGITS,
    LENGTH_MAX,
    ExpressionError,
    Node,
    Ranges,
    bounded,
    character_class,
    for_re2,
    has_value,
    inverted,
    lengths,
    only_ascii,
    parse,
    re2_class,
    trailing_run,
    union,
)
from gateway.scan.gate import for_hyperscan, names_nothing
from gateway.scan.holdback import HoldBack, LiveForm

Spans: TypeAlias = list[tuple[int, int]]
Match: TypeAlias = Callable[[bytes, int, int], Spans]
_BACKSLASH: Final = ord("\\")
_MEMORY_BYTES_MAX: Final = 8_388_608


class ReadyPattern:
    """A pattern with everything that a scan asks of it."""

    __slots__ = (
        "__weakref__",
        "_inside",
        "_near",
        "_outside",
        "_run",
        "apart",
        "body",
        "closing",
        "closing_live",
        "gate",
        "gate_bytes_max",
        "gate_is_weak",
        "left",
        "length_bytes_max",
        "length_max",
        "looks_ahead",
        "narrowed",
        "near",
        "near_gate",
        "pattern",
        "right",
        "run",
        "run_escapes",
    )

    def __init__(self, pattern: Pattern) -> None:
        """Raises ExpressionError."""
        self.pattern = pattern
        body, run = parse(pattern.expression), pattern.run
        self.run: Ranges = character_class(run) if run else ()
        if not run:
            split = trailing_run(body)
            if split is not None:
                body, self.run = split
        self.run_escapes = any(first <= _BACKSLASH <= last for first, last in self.run)
        self.body: Node = bounded(body)
        least, self.length_max = lengths(self.body)
        if not least:
            raise ExpressionError("it matches nothing at all; write what must be there")
        if self.length_max > LENGTH_MAX:
            raise ExpressionError(
                f"its longest match has {self.length_max} characters and {LENGTH_MAX} are the "
                "most; bound the repetitions"
            )
        self.left: Ranges = character_class(pattern.left) if pattern.left else ()
        self.apart: Ranges = character_class(pattern.apart) if pattern.apart else ()
        self.right: Ranges = (
            character_class(pattern.right) if pattern.right and not self.run else ()
        )
        self.closing = bounded(parse(pattern.closing)) if pattern.closing else None
        self.closing_live = (
            HoldBack([LiveForm(self.closing, (), (), lengths(self.closing)[1], looks_ahead=False)])
            if self.closing is not None
            else None
        )
        self.narrowed = has_value(self.body)
        if self.narrowed and self.run and not for_re2(self.body).endswith(")"):
            raise ExpressionError("a run continues the value, so that the value must come last")
        self.length_bytes_max = self.length_max * (1 if only_ascii(self.body) else 4)
        self.looks_ahead = bool(self.right) or r"\b" in for_re2(self.body)
        hint = bounded(parse(pattern.hint)) if pattern.hint else None
        never = inverted(union(inverted(self.left), self.apart)) if self.left else ()
        self.gate = for_hyperscan(hint or self.body, () if hint else never)
        self.gate_is_weak = names_nothing(hint or self.body)
        self.near = bounded(parse(pattern.near)) if pattern.near else None
        self.near_gate = for_hyperscan(self.near, ()) if self.near is not None else b""
        self.gate_bytes_max = self.length_bytes_max + 4
        self._inside: Match | None = None
        self._outside: Match | None = None
        self._run: Match | None = None
        self._near: Match | None = None

    def prepare(self) -> None:
        """Compiles what confirms it, and loads what its validator needs: no text waits for it."""
        if self._inside is None:
            self._compile()
        prepare = getattr(self.pattern.validator, "prepare", None)
        if prepare is not None:
            prepare()

    @property
    def live_form(self) -> LiveForm:
        """What the hold-back of a stream needs."""
        return LiveForm(self.body, self.left, self.apart, self.length_max, self.looks_ahead)

    def search(self, data: bytes, start: int, stop: int) -> Spans:
        """The first match whose body begins at `start` or later: the whole, the body, the value.

        The first span is (-1, -1) if there is none. `data` is UTF-8.
        """
        inside = self._inside or self._compile()
        if self.apart:
            first = _back(data, start, 2)
            spans = (inside if first else self._outside or inside)(data, first, stop)
            if 0 <= spans[1][0] < start:
                # It begins too early; no body begins with a separator, so one step back will do.
                spans = inside(data, _back(data, start, 1), stop)
            return spans
        if not self.left:
            return inside(data, start, stop)
        if start:
            return inside(data, _back(data, start, 1), stop)
        return (self._outside or inside)(data, 0, stop)

    def _compile(self) -> Match:
        body = f"({for_re2(self.body)})"
        right = f"(?:$|{re2_class(inverted(self.right))})" if self.right else ""
        before = self._before("")
        self._inside = inside = compiled(f"{before}{body}{right}")
        self._outside = compiled(f"{self._before('^|')}{body}{right}") if before else inside
        return inside

    def _before(self, begin: str) -> str:
        """What may stand before a body; `begin` is `^|` where that may be the beginning."""
        if not self.apart:
            return f"(?:{begin}{re2_class(inverted(self.left))})" if self.left else ""
        free = inverted(union(self.left, self.apart))
        no_digit = re2_class(inverted(DIGITS))
        # What `left` forbids stays forbidden.
        allowed = inverted(union(inverted(self.apart), self.left))
        separator = f"(?:{begin}{no_digit}){re2_class(allowed)}"
        return f"(?:{begin}{re2_class(free)}|{separator})"

    def accepts(self, value: str, before: str) -> bool:
        """Whether the value counts, after what stands before it."""
        pattern = self.pattern
        if self.near is not None:
            near = self._near
            if near is None:
                near = self._near = compiled(for_re2(self.near))
            data = before[-BEFORE_CHARACTERS:].encode("utf-8", "replace")
            if near(data, 0, len(data))[0][0] < 0:
                return False
        validator = pattern.validator
        return validator is None or validator(value, before[-BEFORE_CHARACTERS:])

    def run_end(self, data: bytes, place: int) -> tuple[int, int]:
        """Where a run that begins at `place` ends: before what closes it, and behind that."""
        match = self._run
        if match is None:
            closing = f"({for_re2(self.closing)})?" if self.closing is not None else "()"
            run = re2_class(self.run)
            if self.run_escapes:
                run = rf"(?:{re2_class(_without_backslash(self.run))}|\\[nrt])"
            match = self._run = compiled(f"({run}*){closing}", anchored=True)
        spans = match(data, place, len(data))
        return spans[1][1], spans[0][1]


def _back(data: bytes, place: int, characters: int) -> int:
    """The place so many characters of UTF-8 before."""
    for _ in range(characters):
        place = max(0, place - 1)
        while place and data[place] & 0xC0 == 0x80:  # noqa: PLR2004  # within a character
            place -= 1
    return place


def _without_backslash(ranges: Ranges) -> Ranges:
    """A backslash continues a run only as part of the escape of a line or tab."""
    others = inverted(ranges)
    return inverted(tuple(sorted((*others, (_BACKSLASH, _BACKSLASH)))))


def compiled(expression: str, *, anchored: bool = False) -> Match:
    """The match function of an expression in RE2. Raises ExpressionError.

    It is the extension's own: the package's layer above it costs as much again, and keeps every
    expression in a cache of its own.
    """
    from re2 import (  # type: ignore[import-untyped]  # noqa: PLC0415  # only where a policy looks for something
        _re2,
    )

    options = _re2.RE2.Options()
    options.max_mem = _MEMORY_BYTES_MAX
    options.log_errors = False
    program = _re2.RE2(expression.encode(), options)
    if not program.ok():
        raise ExpressionError(f"not linear in time: {program.error()}")
    anchor = _re2.RE2.Anchor.ANCHOR_START if anchored else _re2.RE2.Anchor.UNANCHORED
    return partial(program.Match, anchor)
