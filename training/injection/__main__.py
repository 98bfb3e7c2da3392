"""`python -m training.injection DATA --packages FOLDER`: trains and writes the model.

Thresholds are chosen on DATA/dev.jsonl.gz, which is never trained on. The same data and seed give
the same bytes on one kind of machine; BLAS is kept to one thread for that.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # after the number of threads is set
import orjson  # as above
from numpy.typing import NDArray  # as above

from gateway.scan import injection  # as above
from gateway.scan.classifier import MAGIC, MODEL, Head, read  # as above
from training.injection.corpus import Generators, prepared, sources  # as above
from training.injection.fit import (  # as above
    HEADS,
    Linear,
    first_examples,
    train,
    vocabulary,
)
from training.injection.ordinary import held_out  # as above
from training.injection.rows import Row, stock  # as above
from training.injection.windows import hashed  # as above

SEED = 7
LEAST_TEXTS = 5
KEEP = 200_000
RIDGE = 3e-6
ROUNDS = 30
FALSE_POSITIVES = 0.005
"""The share of dev's harmless texts that may be flagged, for each head; below the bar of 1 %
because other harmless texts differ from dev's."""
FALSE_POSITIVES_ELSEWHERE = 0.005
"""The same for code and documents of packages that were not trained on: the bar for these."""


def corpus(folder: Path, packages: Path) -> list[Row]:
    """Every row to train on."""
    found = sources(folder)
    return [*found, *Generators(SEED, stock(found), packages).rows()]


def learn(rows: list[Row]) -> tuple[NDArray[np.uint32], dict[str, Linear]]:
    """The vocabulary and both heads."""
    texts = [hashed(row.text) for row in rows]
    known = vocabulary(texts, LEAST_TEXTS)
    examples = first_examples(rows, texts, known)
    return known, train(examples, known, ridge=RIDGE, rounds=ROUNDS, keep=KEEP)


def serialise(
    known: NDArray[np.uint32], heads: dict[str, Linear], thresholds: dict[Head, float]
) -> bytes:
    """The model's file: facts as one line of JSON, then hashes and the weights in 8 bits."""
    used = np.flatnonzero(sum(np.abs(heads[name].weights) for name in HEADS))
    scales, columns = {}, []
    for name in HEADS:
        weights = heads[name].weights[used]
        scales[name] = float(np.quantile(np.abs(weights), 0.9995)) / 127
        columns.append(np.clip(np.rint(weights / scales[name]), -127, 127).astype(np.int8))
    body = known[used].astype("<u4").tobytes() + b"".join(part.tobytes() for part in columns)
    facts = {
        "count": len(used),
        "sha256": hashlib.sha256(body).hexdigest(),
        "scales": scales,
        "biases": {name: heads[name].bias for name in HEADS},
        "thresholds": thresholds,
    }
    return MAGIC + orjson.dumps(facts) + b"\n" + body


def thresholds_on(data: bytes, dev: Path, packages: Path) -> dict[Head, float]:
    """The logits above which a share of dev's harmless texts lies, for each head.

    No lower than where another share of the code and documents lies that were held out: a threshold
    that is chosen on one benign set alone drifts on others.
    """
    model = read(data)
    found: dict[Head, list[float]] = {"user": [], "tool": []}
    for row in prepared(dev):
        if not row["label"]:
            role = str(row.get("role", "user"))
            head = injection.head_of(role)
            allowed = injection.allowance_of(role)
            found[head].append(injection.margin(str(row["text"]), head, model) - allowed)
    others = held_out(packages)
    chosen: dict[Head, float] = {}
    for head, margins in found.items():
        elsewhere = [injection.margin(text, head, model) for text in others]
        least = _quantile(margins, FALSE_POSITIVES)
        chosen[head] = round(max(least, _quantile(elsewhere, FALSE_POSITIVES_ELSEWHERE)), 4)
    return chosen


def _quantile(margins: list[float], share: float) -> float:
    """The value above which `share` of the margins lie."""
    ordered = sorted(margins)
    return ordered[min(int(len(ordered) * (1 - share)), len(ordered) - 1)]


def main() -> None:
    """Trains, chooses thresholds and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train.jsonl.gz and dev.jsonl.gz")
    parser.add_argument("--packages", type=Path, required=True, help="a site-packages folder")
    parser.add_argument("--leave-out", default="", help="families by name, `;` between them")
    parser.add_argument("--out", type=Path, default=MODEL)
    arguments = parser.parse_args()
    left_out = frozenset(arguments.leave_out.split(";"))
    rows = corpus(arguments.data, arguments.packages)
    known, heads = learn([row for row in rows if row.family not in left_out])
    open_thresholds: dict[Head, float] = {"user": 0.0, "tool": 0.0}
    draft = serialise(known, heads, open_thresholds)
    chosen = thresholds_on(draft, arguments.data / "dev.jsonl.gz", arguments.packages)
    data = serialise(known, heads, chosen)
    arguments.out.write_bytes(data)
    print(f"{arguments.out}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    print(f"thresholds {chosen}")


if __name__ == "__main__":
    main()
