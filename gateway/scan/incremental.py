"""The score of a text that arrives piece by piece, in a bounded memory.

The text is judged in blocks that depend on the text alone, never on the pieces in which it came. So
the score is the same for every split, and a piece costs what is new in it: a block of some five
hundred characters is normalised, read decoded together with the one before, and shown to a pass
that goes on from where it was.
"""

from __future__ import annotations

from gateway.scan.classifier import Classifier, Head, feed, load, sigmoid
from gateway.scan.injection import (
    BAND,
    PASSAGE_CHARS_MAX,
    allowance,
    allowance_of,
    head_of,
    margin,
    phrases_in,
)
from gateway.scan.normalise import normalise
from gateway.scan.views import views

BLOCK_CHARS = 512
"""A block ends at the last space before that many characters; where there is none, right there."""
_RECENT_WORDS = 300
"""A phrase counts for a window that ends no more words ago; the kept text holds fewer."""


class StreamScore:
    """The score of one channel. `score` is the highest of the text so far, from 0 to 1.

    It is 0.5 at the threshold that was chosen when the model was made.
    """

    __slots__ = (
        "_before",
        "_chars",
        "_head",
        "_less",
        "_margin",
        "_model",
        "_parts",
        "_pass",
        "_recent",
        "_size",
    )

    def __init__(self, role: str, model: Classifier | None = None) -> None:
        self._head: Head = head_of(role)
        self._model = model or load()
        self._parts: list[str] = []
        self._size = 0
        self._chars = 0
        self._before = self._recent = ""
        self._margin = -2 * BAND
        self._pass = self._model.begin(self._head)
        self._less = allowance_of(role)

    @property
    def score(self) -> float:
        """The highest score so far."""
        return sigmoid(self._margin - self._less)

    @property
    def chars(self) -> int:
        """How many characters have come."""
        return self._chars + self._size

    @property
    def judged(self) -> int:
        """How many of them are in the score."""
        return self._chars

    def add(self, text: str) -> bool:
        """One more piece; whether something was judged, so that the score may have grown."""
        self._parts.append(text)
        self._size += len(text)
        if self._size < BLOCK_CHARS:
            return False
        waiting = "".join(self._parts)
        at, size = 0, len(waiting)
        while size - at >= BLOCK_CHARS:
            stop = at + BLOCK_CHARS
            stop = waiting.rfind(" ", at, stop) + 1 or stop
            self._judge(waiting[at:stop])
            at = stop
        self._parts, self._size = [waiting[at:]], size - at
        return True

    def end(self) -> None:
        """The text has ended: what waited for the end of its block is judged."""
        waiting = "".join(self._parts)
        self._parts, self._size = [], 0
        if waiting:
            self._judge(waiting)

    def _judge(self, block: str) -> None:
        plain = normalise(block).text
        self._chars += len(block)
        feed(self._pass, plain)
        self._recent = (self._recent + plain)[-PASSAGE_CHARS_MAX:]
        strongest = self._model.best(self._pass, self._head)
        limit = self._model.thresholds[self._head]
        found = strongest.logit - limit - allowance(self._chars)
        is_recent = strongest.first + strongest.words + _RECENT_WORDS >= self._pass.words
        if found > -BAND and is_recent and phrases_in(self._recent, self._head):
            found += BAND
        for view in views(self._before + block):
            found = max(found, margin(view.text, self._head, self._model))
        self._margin = max(self._margin, found)
        self._before = block
