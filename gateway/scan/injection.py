"""Is this text an attack on the model? The answer for one text, with its reasons.

The text is normalised, read as written and decoded, scored by the model, and where the model is
near its threshold, the strongest passage is also searched for known phrases.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from gateway.scan.classifier import Classifier, Head, Part, Strongest, load, sigmoid
from gateway.scan.normalise import Normalised, normalise
from gateway.scan.signatures import matches
from gateway.scan.views import swapped, views

DATA_ROLES = frozenset({"tool", "document"})
"""What is read on behalf of the user: nobody gives orders there."""
OPERATOR_ROLES = frozenset({"system", "developer"})
TOOL_DESCRIPTION = "tool_description"
"""What a tool says of itself: data, in which its author tells the model how to use it."""
FLAGGED = 0.5
"""The score at the threshold that was chosen when the model was made, for either role."""

BAND = 2.5
"""Logits below the threshold from which phrases are searched for, and what a phrase adds."""
_KNOWN_MIN, _SWAPPED_CHARS_MAX = 0.45, 3000
"""Short texts of mostly unknown words are also read backwards and moved by 13 letters."""
_PASSAGE_CHARS = 200
"""Characters around the strongest passage that are searched as well."""
PASSAGE_CHARS_MAX = 2000
_ALLOWED_FROM_CHARS = 2400
_ALLOWANCE_MAX = 1.0
_OPERATOR_ALLOWANCE = 1.5
"""Logits more for system prompts and tools: their author commands the model by right."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How much a text is an attack: `score` from 0 to 1, above 0.5 flagged by default.

    `start` and `stop` are the strongest passage in the original text; `encoding` tells how it was
    hidden ("" if it was not); `phrases` and `parts` say why.
    """

    score: float
    start: int
    stop: int
    encoding: str
    phrases: tuple[str, ...]
    parts: tuple[Part, ...]


class _Reading:
    """One reading of a text, and what was found in it."""

    __slots__ = ("encoding", "margin", "phrases", "strongest", "text")

    def __init__(
        self,
        text: str,
        encoding: str,
        strongest: Strongest,
        phrases: tuple[str, ...],
        margin: float,
    ) -> None:
        self.text = text
        self.encoding = encoding
        self.strongest = strongest
        self.phrases = phrases
        self.margin = margin


def head_of(role: str) -> Head:
    """Which head judges what a role says."""
    return "tool" if role in DATA_ROLES or role == TOOL_DESCRIPTION else "user"


def allowance_of(role: str) -> float:
    """Logits by which a role's threshold is above its head's."""
    is_operators = role in OPERATOR_ROLES or role == TOOL_DESCRIPTION
    return _OPERATOR_ALLOWANCE if is_operators else 0.0


def score(text: str, role: str) -> float:
    """How much `text` is an attack, from 0 to 1; the short form of `judge`."""
    return sigmoid(margin(text, head_of(role), load()) - allowance_of(role))


def margin(text: str, head: Head, model: Classifier) -> float:
    """How far above its threshold `model` puts `text`, in logits; what `score` is made of."""
    return _strongest(normalise(text).text, head, model).margin


def judge(text: str, role: str, reasons: int = 6) -> Judgement:
    """How much `text` is an attack and why, with at most `reasons` parts."""
    head, model = head_of(role), load()
    plain = normalise(text)
    found = _strongest(plain.text, head, model)
    start, stop = _place(plain, found)
    parts = model.explain(found.text, head, found.strongest, reasons)
    return Judgement(
        sigmoid(found.margin - allowance_of(role)),
        start,
        stop,
        found.encoding,
        found.phrases,
        parts,
    )


def _strongest(text: str, head: Head, model: Classifier) -> _Reading:
    """The reading of the text that is most of an attack."""
    best = _read(text, "", head, model)
    others = views(text)
    if best.strongest.known < _KNOWN_MIN and len(text) <= _SWAPPED_CHARS_MAX:
        others += swapped(text)
    for view in others:
        reading = _read(normalise(view.text).text, view.encoding, head, model)
        if reading.margin > best.margin:
            best = reading
    return best


def _read(text: str, encoding: str, head: Head, model: Classifier) -> _Reading:
    strongest = model.strongest(text, head)
    margin = strongest.logit - model.thresholds[head] - allowance(len(text))
    phrases: tuple[str, ...] = ()
    if margin > -BAND:
        begin, end = model.place(text, strongest)
        start = max(0, begin - _PASSAGE_CHARS)
        stop = min(end + _PASSAGE_CHARS, start + PASSAGE_CHARS_MAX)
        phrases = phrases_in(text[start:stop], head)
        margin += BAND * bool(phrases)
    return _Reading(text, encoding, strongest, phrases, margin)


def phrases_in(passage: str, head: Head) -> tuple[str, ...]:
    """The names of the known phrases in a normalised passage."""
    return tuple(hit.name for hit in matches(passage, data=head == "tool"))


def allowance(chars: int) -> float:
    """Logits more that a long text may have: it has more windows, and the highest counts."""
    if chars <= _ALLOWED_FROM_CHARS:
        return 0.0
    return min(_ALLOWANCE_MAX, 0.4 * log(chars / _ALLOWED_FROM_CHARS))


def _place(plain: Normalised, found: _Reading) -> tuple[int, int]:
    if found.encoding:
        return 0, len(plain.original)
    return plain.origin(*load().place(found.text, found.strongest))
