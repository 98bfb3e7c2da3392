"""How much a text tries to command a model: a sparse linear model over n-grams, in windows.

One table look-up per n-gram, running sums over the words, and the highest window of three widths.
What a text is decides which head judges it: `user` for what people and operators write to the
model, `tool` for data that is read on their behalf, where every order is out of place.

There are three ways to the same sums: `_sweep.c`, one pass over the characters; and where no C
compiler was, numpy over whole texts and `sweep` for those that arrive in pieces.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from math import exp, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import orjson

from gateway.errors import SealgateError
from gateway.scan.alphabet import folded
from gateway.scan.listing import Listing
from gateway.scan.passage import place
from gateway.scan.sweep import Sweep
from gateway.scan.tables import Tables, present

try:
    from gateway.scan import _sweep

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:
    from gateway.scan.vectors import Vectors

Head: TypeAlias = Literal["user", "tool"]
Window: TypeAlias = tuple[int, int, int]
"""The sum of the weights of a window, its first word, and how many words it has."""

MODEL = Path(__file__).with_name("injection.model")
MAGIC = b"sealgate-injection-1\n"

_FED_CHARS = 1 << 14
_EXPLAINED_CHARS = 1 << 13
_NOTHING_LOGIT = -20.0


class Pass(Protocol):
    """One pass for one head: see `Sweep`."""

    @property
    def words(self) -> int: ...
    @property
    def known(self) -> int: ...
    def feed(self, text: str, /) -> None: ...
    def windows(self) -> list[Window]: ...


class ModelError(SealgateError):
    """The model's file is not what was built."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a passage, where it begins in it, and what it adds to the score, in logits."""

    text: str
    weight: float
    start: int = 0


class Strongest:
    """A window: its score in logits, its first word, and how many words it has; never changed.

    `known` is the share of the words of the whole text that the model has a weight for.
    """

    # Not a dataclass: one is made for every text, and a compiled class of its own takes a fifth.
    __slots__ = ("first", "known", "logit", "words")

    def __init__(self, logit: float, first: int, words: int, known: float = 1.0) -> None:
        self.logit = logit
        self.first = first
        self.words = words
        self.known = known


class Classifier:
    """The model in memory; a text is flagged above the `thresholds`, which are logits."""

    def __init__(
        self,
        entries: bytes,
        present: bytes,
        *,
        scales: dict[Head, float],
        biases: dict[Head, float],
        thresholds: dict[Head, float],
        digest: str,
    ) -> None:
        self.scales = scales
        self.biases = biases
        self.thresholds = thresholds
        self.digest = digest
        chars = folded()
        parts = entries, present, chars.kind, chars.value, chars.leet
        self._native: _sweep.Tables | None = _sweep.Tables(*parts) if NATIVE else None
        self._parts = parts
        self._tables: Tables | None = None
        self._vectors: Vectors | None = None

    @property
    def tables(self) -> Tables:
        """What the plain forms read; made when they are first used."""
        if self._tables is None:
            self._tables = Tables(*self._parts)
        return self._tables

    def strongest(self, text: str, head: Head) -> Strongest:
        """The window of the normalised `text` that is most of an attack."""
        if self._native is None:
            return self.computed(text, head)
        one = self.begin(head)
        feed(one, text)
        return self.best(one, head)

    def begin(self, head: Head) -> Pass:
        """A pass that nothing was fed to yet."""
        if self._native is None:
            return Sweep(self.tables, tool=head == "tool")
        return _sweep.Sweep(self._native, tool=head == "tool")

    def best(self, one: Pass, head: Head) -> Strongest:
        """The strongest window of what a pass was fed so far."""
        return self._pick(one.windows(), one.words, one.known, head)

    def computed(self, text: str, head: Head) -> Strongest:
        """What `strongest` says, by numpy."""
        vectors = self._vectors
        if vectors is None:
            from gateway.scan.vectors import Vectors  # noqa: PLC0415  # numpy, only where it is used

            vectors = self._vectors = Vectors(self.tables)
        return self._pick(*vectors.windows(text, tool=head == "tool"), head)

    def _pick(self, windows: list[Window], words: int, known: int, head: Head) -> Strongest:
        best, scale, bias = _NOTHING_LOGIT, self.scales[head], self.biases[head]
        best_first, best_size = 0, 1
        for total, first, size in windows:
            logit = total * scale / sqrt(size) + bias
            if logit > best:
                best, best_first, best_size = logit, first, size
        return Strongest(best, best_first, best_size, known / words if words else 1.0)

    def place(self, text: str, window: Strongest) -> tuple[int, int]:
        """Where in the normalised text the characters of a window stand."""
        if self._native is None:
            return place(self.tables.kinds, text, window.first, window.words)
        return self._native.place(text, window.first, window.words)

    def explain(self, text: str, head: Head, window: Strongest, count: int) -> tuple[Part, ...]:
        """The parts of a window that weigh most, heaviest first."""
        start, stop = self.place(text, window)
        passage = text[start:stop][:_EXPLAINED_CHARS]
        scale = self.scales[head] / sqrt(window.words)
        totals: dict[str, float] = {}
        places: dict[str, int] = {}
        for begin, end, weight in self.listed(passage, head):
            shown = passage[begin:end]
            totals[shown] = totals.get(shown, 0.0) + weight * scale
            places.setdefault(shown, begin)
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Part(shown, round(sum_, 3), places[shown]) for shown, sum_ in ordered[:count])

    def listed(self, passage: str, head: Head) -> list[tuple[int, int, int]]:
        """Each n-gram of a normalised text that has a weight: where it begins and ends, the weight.

        For explanations; see `Listing`.
        """
        if self._native is None:
            listing = Listing(self.tables, tool=head == "tool")
            listing.feed(passage)
            return list(listing.found())
        return self._native.listing(passage, head == "tool")


def sigmoid(logit: float) -> float:
    """From logits to a share between 0 and 1."""
    return 1 / (1 + exp(-min(max(logit, -30.0), 30.0)))


def feed(one: Pass, text: str) -> None:
    """Shows a pass a normalised text, which ends where a word ends.

    Long ones in pieces between spaces, so that no step takes long.
    """
    at, size = 0, len(text)
    while at < size:
        stop = at + _FED_CHARS
        if stop < size:
            stop = text.rfind(" ", at, stop) + 1 or stop
        one.feed(text[at:stop])
        at = stop


def read(data: bytes) -> Classifier:
    """A classifier from the bytes of its file; a file that was changed is refused."""
    head, _, body = data.removeprefix(MAGIC).partition(b"\n")
    if not data.startswith(MAGIC):
        raise ModelError("the injection model's file is not of this version; install it again")
    facts = orjson.loads(head)
    count = facts["count"]
    if hashlib.sha256(body).hexdigest() != facts["sha256"] or len(body) != count * 6:
        raise ModelError("the injection model's file is damaged; install it again")
    try:
        places = (_sweep.present if NATIVE else present)(body[: count * 4])
    except ValueError:
        raise ModelError("the injection model's hashes are not in order; train it again") from None
    entries = bytearray(count * 4)
    entries[0::4], entries[1::4] = body[0 : count * 4 : 4], body[1 : count * 4 : 4]
    entries[2::4], entries[3::4] = body[count * 5 :], body[count * 4 : count * 5]
    return Classifier(
        bytes(entries),
        places,
        scales=facts["scales"],
        biases=facts["biases"],
        thresholds=facts["thresholds"],
        digest=facts["sha256"],
    )


@cache
def load() -> Classifier:
    """The shipped model, read once."""
    return read(MODEL.read_bytes())
