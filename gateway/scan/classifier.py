"""How much a text tries to command a model: a sparse linear model over n-grams, in windows.

One table look-up per n-gram, running sums over the words, and the highest window of three widths.
What a text is decides which head judges it: `user` for what people and operators write to the
model, `tool` for data that is read on their behalf, where every order is out of place.

There are two ways to the same sums: numpy over the whole text, and `sweep`, one pass over its
characters, which is far quicker where it is compiled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.errors import SealgateError
from gateway.scan import sweep
from gateway.scan.alphabet import SIZE, folded
from gateway.scan.ngrams import PIECE_CHARS, Grams, grams, word_places
from gateway.scan.passage import place
from gateway.scan.tables import Tables

Head: TypeAlias = Literal["user", "tool"]
Window: TypeAlias = tuple[int, int, int]
"""The sum of the weights of a window, its first word, and how many words it has."""

WIDTHS = (20, 64, 200)
"""Words in a window; a text with fewer is one window."""
SLOT_BITS = 20
"""Bits of a hash that are its place in the table; the low 16 bits are its fingerprint."""
MODEL = Path(__file__).with_name("injection.model")
MAGIC = b"sealgate-injection-1\n"

_COMPILED = not sweep.__file__.endswith(".py")
_FED_CHARS = 1 << 14
_REACH_WORDS = 6
"""Words at the end of a piece whose n-grams may reach beyond it: four, and one that is cut."""
_SPANS = (1, 2, 3, 4, 3, 2, 1, 2)
"""Words that an n-gram of each family spans, for explanations."""
_NOTHING_LOGIT = -20.0
_BYTES_OF_ASCII, _BYTES_OF_WIDE = 1, 4


class ModelError(SealgateError):
    """The model's file is not what was built."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a passage, where it begins in it, and what it adds to the score, in logits."""

    text: str
    weight: float
    start: int = 0


@dataclass(frozen=True, slots=True)
class Strongest:
    """A window: its score in logits, its first word, and how many words it has.

    `known` is the share of the words of the whole text that the model has a weight for.
    """

    logit: float
    first: int
    words: int
    known: float = 1.0

    def place(self, text: str) -> tuple[int, int]:
        """Where in the normalised text its characters stand."""
        if _COMPILED:
            data, width = bytes_of(text)
            return place(load().tables, data, width, self.first, self.words)
        starts, stops = word_places(text)
        if not len(starts):
            return 0, 0
        last = min(self.first + self.words, len(starts)) - 1
        return int(starts[self.first]), int(stops[last])


_NOTHING = Strongest(_NOTHING_LOGIT, 0, 1)


class Classifier:
    """The model in memory; a text is flagged above the `thresholds`, which are logits."""

    def __init__(
        self,
        table: NDArray[np.uint32],
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
        self._table = table
        self._tables: Tables | None = None

    def strongest(self, text: str, head: Head) -> Strongest:
        """The window of the normalised `text` that is most of an attack."""
        return self._swept(text, head) if _COMPILED else self.computed(text, head)

    def begin(self, head: Head) -> sweep.Sweep:
        """A pass that nothing was fed to yet."""
        return sweep.Sweep(self.tables, tool=head == "tool")

    @property
    def tables(self) -> Tables:
        """What a pass reads."""
        tables = self._tables
        if tables is None:
            tables = self._tables = _tables(self._table)
            # The same four megabytes, read by numpy.
            self._table = np.frombuffer(tables.slots, dtype="<u4")
        return tables

    def _swept(self, text: str, head: Head) -> Strongest:
        one = self.begin(head)
        feed(one, text)
        return self.best(one, head)

    def best(self, one: sweep.Sweep, head: Head) -> Strongest:
        """The strongest window of what a pass was fed so far."""
        words, known = int(one.words), int(one.known)
        return self._pick(one.windows(), head, known / words if words else 1.0)

    def computed(self, text: str, head: Head) -> Strongest:
        """What `strongest` says, by numpy."""
        weights, known = self._weights(text, head)
        words = len(weights)
        if not words:
            return _NOTHING
        sums = np.zeros(words + 1)
        np.cumsum(weights, out=sums[1:])
        found: list[Window] = []
        for width in WIDTHS:
            size = min(width, words)
            windows = sums[size:] - sums[:-size]
            first = int(windows.argmax())
            found.append((int(windows[first]), first, size))
            if words <= width:
                break
        return self._pick(found, head, known / words)

    def _pick(self, windows: list[Window], head: Head, known: float) -> Strongest:
        best, scale, bias = _NOTHING_LOGIT, self.scales[head], self.biases[head]
        at = (0, 1)
        for total, first, size in windows:
            logit = total * scale / size**0.5 + bias
            if logit > best:
                best, at = logit, (first, size)
        return Strongest(best, *at, known)

    def _weights(self, text: str, head: Head) -> tuple[NDArray[np.float64], int]:
        """The weight of each word, which is that of the n-grams that begin in it.

        A long text is hashed in pieces. Each ends some words before the text that was hashed, and
        the next begins with the word before, so that no n-gram is cut, counted twice or forgotten.
        """
        parts: list[NDArray[np.float64]] = []
        known, offset, begin = 0, 0, 0
        while True:
            found = grams(text[offset : offset + PIECE_CHARS])
            words = len(found.starts)
            is_last = offset + PIECE_CHARS >= len(text)
            end = words if is_last else words - _REACH_WORDS
            fits = end > begin
            if words:
                until = end if fits or is_last else words
                weights, hits = self._known(found, head)
                parts.append(weights[begin:until])
                known += int(np.count_nonzero((hits >= begin) & (hits < until)))
            if is_last:
                break
            # A piece of a few words beyond all length is taken as it is cut.
            offset += int(found.starts[end - 1]) if fits else PIECE_CHARS
            begin = 1 if fits else 0
        every = np.concatenate(parts) if parts else np.zeros(0)
        return np.clip(every, sweep.LEAST, sweep.MOST), known

    def _known(self, found: Grams, head: Head) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """The weight of each word of a piece, and the words that are known by themselves."""
        hits, weights = self._hits(found, head)
        words = len(found.starts)
        owners = found.words.take(hits)
        sums = np.bincount(owners, weights=weights, minlength=words).astype(np.float64, copy=False)
        return sums, hits[: int(np.searchsorted(hits, words))]

    def _hits(self, found: Grams, head: Head) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Which hashes the model knows, and their weights."""
        hashes = found.hashes
        entries = self._table.take((hashes >> _SLOT_SHIFT).astype(np.intp))
        hits = (((entries ^ hashes) & _FINGERPRINT) == 0).nonzero()[0]
        entries = entries.take(hits)
        if head == "tool":
            entries = entries << _EIGHT
        return hits, entries.view(np.int32) >> _TOP

    def explain(self, text: str, head: Head, window: Strongest, count: int) -> tuple[Part, ...]:
        """The parts of a window that weigh most, heaviest first."""
        start, stop = window.place(text)
        passage = text[start:stop][:PIECE_CHARS]
        found = grams(passage)
        if not len(found.starts):
            return ()
        hits, weights = self._hits(found, head)
        scale = self.scales[head] / window.words**0.5
        return tuple(_parts(passage, found, hits, weights * scale)[:count])


_SLOT_SHIFT = np.uint32(32 - SLOT_BITS)
_FINGERPRINT = np.uint32(0xFFFF)
_EIGHT, _TOP = np.uint32(8), np.int32(24)


def sigmoid(logit: float) -> float:
    """From logits to a share between 0 and 1."""
    return 1 / (1 + exp(-min(max(logit, -30.0), 30.0)))


def feed(one: sweep.Sweep, text: str) -> None:
    """Shows a pass a normalised text, which ends where a word ends.

    Long ones in pieces between spaces: compiled code keeps other threads waiting while it runs.
    """
    at, size = 0, len(text)
    while at < size:
        stop = at + _FED_CHARS
        if stop < size:
            stop = text.rfind(" ", at, stop) + 1 or stop
        piece = text[at:stop]
        one.feed(*bytes_of(piece))
        at = stop


def bytes_of(text: str) -> tuple[bytes, int]:
    """A text as a pass reads it, and its bytes per character."""
    if text.isascii():
        return text.encode("latin-1"), _BYTES_OF_ASCII
    return text.encode("utf-32-le", "surrogatepass"), _BYTES_OF_WIDE


def _tables(table: NDArray[np.uint32]) -> Tables:
    characters = folded()
    return Tables(
        table.astype("<u4").tobytes(),
        np.packbits(table != 0, bitorder="little").tobytes(),
        characters.kind.tobytes(),
        characters.value.astype("<u4").tobytes(),
        characters.leet.astype("<u4").tobytes(),
        SIZE - 1,
    )


def _parts(
    text: str, found: Grams, hits: NDArray[np.intp], weights: NDArray[np.float64]
) -> list[Part]:
    """What the n-grams of a passage stand for, summed by text."""
    ends = np.cumsum(found.sizes)
    last = len(found.starts) - 1
    totals: dict[str, float] = {}
    places: dict[str, int] = {}
    for hit, weight in zip(hits.tolist(), weights.tolist(), strict=True):
        word, family = int(found.words[hit]), int(np.searchsorted(ends, hit, side="right"))
        stop = min(last, word + _SPANS[family] - 1)
        start = int(found.starts[word])
        shown = text[start : int(found.stops[stop])]
        if weight:
            totals[shown] = totals.get(shown, 0.0) + weight
            places.setdefault(shown, start)
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [Part(shown, round(weight, 3), places[shown]) for shown, weight in ordered]


def packed(
    hashes: NDArray[np.uint32], user: NDArray[np.int8], tool: NDArray[np.int8]
) -> NDArray[np.uint32]:
    """The table: fingerprint, the tool head's weight and the user head's, by place."""
    table = np.zeros(1 << SLOT_BITS, dtype=np.uint32)
    weights = (user.view(np.uint8).astype(np.uint32) << np.uint32(24)) | (
        tool.view(np.uint8).astype(np.uint32) << np.uint32(16)
    )
    table[hashes >> _SLOT_SHIFT] = weights | (hashes & _FINGERPRINT)
    return table


def read(data: bytes) -> Classifier:
    """A classifier from the bytes of its file; a file that was changed is refused."""
    head, _, body = data.removeprefix(MAGIC).partition(b"\n")
    if not data.startswith(MAGIC):
        raise ModelError("the injection model's file is not of this version; install it again")
    facts = orjson.loads(head)
    count = facts["count"]
    if hashlib.sha256(body).hexdigest() != facts["sha256"] or len(body) != count * 6:
        raise ModelError("the injection model's file is damaged; install it again")
    hashes = np.frombuffer(body, dtype="<u4", count=count)
    user = np.frombuffer(body, dtype=np.int8, count=count, offset=count * 4)
    tool = np.frombuffer(body, dtype=np.int8, count=count, offset=count * 5)
    return Classifier(
        packed(hashes, user, tool),
        scales=facts["scales"],
        biases=facts["biases"],
        thresholds=facts["thresholds"],
        digest=facts["sha256"],
    )


@cache
def load() -> Classifier:
    """The shipped model, read once."""
    return read(MODEL.read_bytes())
