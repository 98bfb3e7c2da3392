"""A pattern made ready: what confirms it, what searches for it among many, what bounds it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from gateway.plugin.pattern import Pattern, Validator
from gateway.scan.confirm import Confirmation, Looker
from gateway.scan.expression import (
    DIGITS,
    LENGTH_MAX,
    WORDS,
    ExpressionError,
    Node,
    Ranges,
    bounded,
    character_class,
    for_re2,
    has_value,
    intersection,
    inverted,
    lengths,
    only_ascii,
    parse,
    re2_class,
    trailing_run,
    union,
)
from gateway.scan.gate import (
    DIGITS_MIN,
    begins_as,
    digits_least,
    fills_runs,
    for_hyperscan,
    has_digits,
    is_short,
    names_nothing,
)
from gateway.scan.holdback import HoldBack, LiveForm
from gateway.scan.program import TooLongError, program, run_program, standing_before
from gateway.scan.re2_body import Match, Re2Body

try:
    from gateway.scan._matcher import Matcher

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_BACKSLASH: Final = ord("\\")
_MARGINS: Final = b"\n \0\t;,.:-"
"""Characters that do not belong to a word: the beginning of a text is like one of them."""
_MEMORY_BYTES: Final = (1_048_576, 8_388_608)
"""What a pattern may take for states, of which it makes more with every new text; the second where
it does not even fit into the first."""


class ReadyPattern:
    """A pattern with everything that a scan asks of it."""

    __slots__ = (
        "__weakref__",
        "_confirmation",
        "apart",
        "asks_digits",
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
        "needs_digits",
        "pattern",
        "rank",
        "right",
        "run",
        "run_escapes",
    )

    def __init__(self, pattern: Pattern) -> None:
        """Raises ExpressionError."""
        self.pattern = pattern
        self.rank = pattern.rank
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
        if pattern.crowded and hint and not begins_as(self.body, hint):
            raise ExpressionError(
                "the hint of a crowded pattern must be how each match begins, character by "
                "character; give another one, or none"
            )
        self.gate_is_weak = (
            pattern.seldom
            or names_nothing(hint or self.body)
            or hasattr(pattern.validator, "screen")
            or is_short(hint or self.body)
        )
        is_crowded = pattern.crowded or (not (hint or self.gate_is_weak) and fills_runs(self.body))
        self.gate = for_hyperscan(hint or self.body, self._never() if is_crowded else ())
        self.near = bounded(parse(pattern.near)) if pattern.near else None
        self.near_gate = for_hyperscan(self.near) if self.near is not None else b""
        self.asks_digits = self.near is not None and has_digits(hint or self.body)
        of_hint = digits_least(hint) if hint is not None else 0
        self.needs_digits = self.asks_digits or max(digits_least(self.body), of_hint) >= DIGITS_MIN
        self.gate_bytes_max = self.length_bytes_max + 4
        self._confirmation: Confirmation | None = None

    def prepare(self) -> None:
        """Compiles what confirms it, and loads what its validator needs: no text waits for it."""
        if self._confirmation is None:
            self._confirmation = self._compile()
        prepare = getattr(self.pattern.validator, "prepare", None)
        if prepare is not None:
            prepare()

    @property
    def confirmation(self) -> Confirmation:
        """What confirms it."""
        if self._confirmation is None:
            self._confirmation = self._compile()
        return self._confirmation

    @property
    def live_form(self) -> LiveForm:
        """What the hold-back of a stream needs."""
        return LiveForm(self.body, self.left, self.apart, self.length_max, self.looks_ahead)

    def _compile(self) -> Confirmation:
        looker: Looker | None = _matcher(
            self.body,
            standing_before(self.left, self.apart),
            self.right,
            self.pattern.validator,
        )
        near: Looker | None = None
        if self.near is not None:
            near = _matcher(self.near) or Re2Body(compiled(f"({for_re2(self.near)})"))
        self._margin()  # raises where nothing may stand before
        return Confirmation(
            looker or self.re2_body(),
            self._looker_for_run() if self.run else None,
            near,
            self.pattern.validator,
            narrowed=self.narrowed,
        )

    def re2_body(self) -> Re2Body:
        """How RE2 looks for its bodies. Raises ExpressionError."""
        body = for_re2(self.body)
        before = self._before()
        right = f"(?:$|{re2_class(inverted(self.right))})" if self.right else ""
        # Where a screen says where bodies begin, and one character stands before them.
        told = hasattr(self.pattern.validator, "screen") and bool(self.left)
        plain = told and not (self.apart or self.narrowed)
        return Re2Body(
            compiled(f"{before}({body}){right}"),
            compiled(f"{before}(?:{body}){right}", anchored=True) if plain else None,
            looks_back=bool(self.left),
            takes_right=bool(self.right),
            margin=self._margin(),
            is_apart=bool(self.apart),
        )

    def _looker_for_run(self) -> Looker:
        run = _without_backslash(self.run) if self.run_escapes else self.run
        if NATIVE:
            return Matcher(*run_program(run, self.closing, escapes=self.run_escapes))
        return self.re2_run()

    def re2_run(self) -> Re2Body:
        """How RE2 looks for the end of a run, and for what closes it."""
        closing = f"(?:{for_re2(self.closing)})?" if self.closing is not None else ""
        run = re2_class(self.run)
        if self.run_escapes:
            run = rf"(?:{re2_class(_without_backslash(self.run))}|\\[nrt])"
        return Re2Body(compiled(f"(({run}*){closing})", anchored=True))

    def _before(self) -> str:
        """What may stand before a body."""
        before = standing_before(self.left, self.apart)
        if before is None:
            return ""
        free, allowed = before
        if not self.apart:
            return re2_class(free)
        return f"(?:{re2_class(free)}|{re2_class(inverted(DIGITS))}{re2_class(allowed)})"

    def _never(self) -> Ranges:
        """The characters of words that stand before no body, whatever stands before them.

        Of others little is to be had, and what many patterns ask alike is searched for once.
        """
        never = inverted(union(inverted(self.left), self.apart)) if self.left else ()
        return intersection(never, WORDS)

    def _margin(self) -> bytes:
        """The first character that may stand before a body, is no digit and no letter."""
        for point in _MARGINS:
            if not any(first <= point <= last for first, last in union(self.left, self.apart)):
                return bytes((point,))
        raise ExpressionError("nothing may stand before it; leave a separator in `left`")


def looker(expression: str) -> Looker:
    """What looks for an expression of RE2 anywhere in a text. Raises ExpressionError."""
    return _matcher(parse(expression, anchors=True)) or Re2Body(compiled(f"({expression})"))


def _matcher(
    body: Node,
    before: tuple[Ranges, Ranges] | None = None,
    behind: Ranges = (),
    validator: Validator | None = None,
) -> Matcher | None:
    """What looks for it in C; None where nothing is compiled, or it would take too many steps."""
    if not NATIVE:
        return None
    within = getattr(validator, "within", None)
    judge = getattr(validator, "alone", None) if within is None else within
    try:
        return Matcher(*program(body, before, behind), judge, within is not None)
    except TooLongError:
        return None


def _without_backslash(ranges: Ranges) -> Ranges:
    """A backslash continues a run only as part of the escape of a line or tab."""
    others = inverted(ranges)
    return inverted(tuple(sorted((*others, (_BACKSLASH, _BACKSLASH)))))


def compiled(expression: str, *, anchored: bool = False) -> Match:
    """The match function of an expression in RE2. Raises ExpressionError.

    It is the extension's own: the package's layer above it costs as much again, and keeps every
    expression in a cache of its own.
    """
    from re2 import _re2  # noqa: PLC0415  # only where a policy looks for something

    re2: Any = _re2
    options = re2.RE2.Options()
    options.log_errors = False
    program: Any = None
    for memory_bytes in _MEMORY_BYTES:
        options.max_mem = memory_bytes
        program = re2.RE2(expression.encode(), options)
        if program.ok():
            break
    else:
        raise ExpressionError(f"not linear in time: {program.error()}")
    anchor = re2.RE2.Anchor.ANCHOR_START if anchored else re2.RE2.Anchor.UNANCHORED
    return partial(program.Match, anchor)
