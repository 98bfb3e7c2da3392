"""How much a text tries to command a model: a sparse linear model over n-grams, in windows.

One table look-up per n-gram, prefix sums over the words, and the highest window of three widths.
What a text is decides which head judges it: `user` for what people and operators write to the
model, `tool` for data that is read on their behalf, where every order is out of place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import exp
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from gateway.errors import SealgateError
from gateway.scan.ngrams import PIECE_CHARS, Grams, grams

Head: TypeAlias = Literal["user", "tool"]

WIDTHS = (20, 64, 200)
"""Words in a window; a text with fewer is one window."""
SLOT_BITS = 20
"""Bits of a hash that are its place in the table; the low 16 bits are its fingerprint."""
MODEL = Path(__file__).with_name("injection.model")
MAGIC = b"sealgate-injection-1\n"

_OVERLAP_CHARS = 1536
_SPANS = (1, 2, 3, 4, 3, 2, 1, 2)
"""Words that an n-gram of each family spans, for explanations."""
_NOTHING_LOGIT = -20.0


class ModelError(SealgateError):
    """The model's file is not what was built."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the text and what it adds to the score (logits of the strongest window)."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Strongest:
    """A window: its score in logits, its characters in the text, and its words.

    `known` is the share of the words of the whole text that the model has a weight for.
    """

    logit: float
    start: int
    stop: int
    words: int
    known: float = 1.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece of the text, hashed, with the weights of the hashes that the model knows."""

    offset: int
    grams: Grams
    hits: NDArray[np.intp]
    weights: NDArray[np.int32]

    def sums(self) -> NDArray[np.float64]:
        words = len(self.grams.starts)
        sums = np.zeros(words + 1)
        owners = self.grams.words.take(self.hits)
        np.bincount(owners, weights=self.weights, minlength=words).cumsum(out=sums[1:])
        return sums


@dataclass(frozen=True, slots=True)
class Classifier:
    """The model in memory; a text is flagged above the `thresholds`, which are logits."""

    table: NDArray[np.uint32]
    scales: dict[Head, float]
    biases: dict[Head, float]
    thresholds: dict[Head, float]
    digest: str

    def strongest(self, text: str, head: Head) -> Strongest:
        """The window of the normalised `text` that is most of an attack."""
        best, known, all_words = _NOTHING, 0, 0
        for piece in self._pieces(text, head):
            sums = piece.sums()
            words = len(sums) - 1
            all_words += words
            known += int(np.searchsorted(piece.hits, words))
            for width in WIDTHS:
                size = min(width, words)
                windows = sums[size:] - sums[:-size]
                first = int(windows.argmax())
                logit = float(windows[first]) * self.scales[head] / size**0.5 + self.biases[head]
                if logit > best.logit:
                    best = _window(piece, first, size, logit)
                if words <= width:
                    break
        return replace(best, known=known / all_words) if all_words else best

    def explain(self, text: str, head: Head, window: Strongest, count: int) -> tuple[Part, ...]:
        """The parts of a window that weigh most, heaviest first."""
        for piece in self._pieces(text[window.start : window.stop], head):
            scale = self.scales[head] / window.words**0.5
            return tuple(_parts(text[window.start : window.stop], piece, scale)[:count])
        return ()

    def _pieces(self, text: str, head: Head) -> Iterator[_Piece]:
        step = PIECE_CHARS - _OVERLAP_CHARS
        for offset in range(0, max(1, len(text) - _OVERLAP_CHARS), step):
            found = grams(text[offset : offset + PIECE_CHARS])
            if len(found.starts):
                yield self._known(offset, found, head)

    def _known(self, offset: int, found: Grams, head: Head) -> _Piece:
        hashes = found.hashes
        entries = self.table.take((hashes >> _SLOT_SHIFT).astype(np.intp))
        hits = (((entries ^ hashes) & _FINGERPRINT) == 0).nonzero()[0]
        entries = entries.take(hits)
        if head == "tool":
            entries = entries << _EIGHT
        return _Piece(offset, found, hits, entries.view(np.int32) >> _TOP)


_SLOT_SHIFT = np.uint32(32 - SLOT_BITS)
_FINGERPRINT = np.uint32(0xFFFF)
_EIGHT, _TOP = np.uint32(8), np.int32(24)


_NOTHING = Strongest(_NOTHING_LOGIT, 0, 0, 1)


def sigmoid(logit: float) -> float:
    """From logits to a share between 0 and 1."""
    return 1 / (1 + exp(-min(max(logit, -30.0), 30.0)))


def _window(piece: _Piece, first: int, size: int, logit: float) -> Strongest:
    found = piece.grams
    start, stop = int(found.starts[first]), int(found.stops[first + size - 1])
    return Strongest(logit, piece.offset + start, piece.offset + stop, size)


def _parts(text: str, piece: _Piece, scale: float) -> list[Part]:
    """What the n-grams of a passage stand for, summed by text."""
    found = piece.grams
    ends = np.cumsum(found.sizes)
    last = len(found.starts) - 1
    totals: dict[str, float] = {}
    for hit, weight in zip(piece.hits.tolist(), piece.weights.tolist(), strict=True):
        word, family = int(found.words[hit]), int(np.searchsorted(ends, hit, side="right"))
        stop = min(last, word + _SPANS[family] - 1)
        shown = text[int(found.starts[word]) : int(found.stops[stop])]
        if weight:
            totals[shown] = totals.get(shown, 0.0) + weight * scale
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [Part(shown, round(weight, 3)) for shown, weight in ordered]


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
        facts["scales"],
        facts["biases"],
        facts["thresholds"],
        facts["sha256"],
    )


@cache
def load() -> Classifier:
    """The shipped model, read once."""
    return read(MODEL.read_bytes())
