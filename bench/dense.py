"""What a text costs that is full of random matches of one pattern, for each of `dlp` and `threat`.

    PYTHONPATH=$(.ci/compile --path) python -P bench/dense.py

A text that repeats one value shows little: what remembers states is quick where they come again.
Prints a Markdown table of 64 kB: how many patterns cost how much, and the worst of them. Times are
CPU times, the better one of two; the texts are the same in every run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT), str(ROOT / "plugins")]

SIZE = 65_536
BOUNDS_MS = (2, 5, 10, 20)
WORST = 10


def main() -> None:
    from gateway.plugin import Runtime  # noqa: PLC0415  # the path was just set
    from gateway.scan.binding import bind_scanners  # noqa: PLC0415  # the path was just set
    from gateway_plugins.dlp import Dlp  # noqa: PLC0415  # the path was just set
    from gateway_plugins.threat import Threats  # noqa: PLC0415  # the path was just set

    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(data_dir=Path(folder))
        uses = [Dlp(Dlp.Config(), runtime), Threats(Threats.Config(), runtime)]
        bind_scanners(uses)
    dlp, threat = (use.scanner for use in uses)
    patterns = dict.fromkeys(p for use in uses for p in use.patterns if "request" in p.directions)
    costs = sorted(((worst_ms(dlp, threat, each), each.name) for each in patterns), reverse=True)
    times = [cost for cost, _ in costs]
    print("| 64 kB of random matches of one pattern | |\n| --- | --- |")
    print(f"| patterns; median | {len(times)}; {statistics.median(times):.1f} ms |")
    for bound in BOUNDS_MS:
        print(f"| more than {bound} ms | {sum(cost > bound for cost in times)} |")
    for cost, name in costs[:WORST]:
        print(f"| {name} | {cost:.1f} ms |")


def worst_ms(dlp: Any, threat: Any, pattern: Any) -> float:
    """Of matches as short as may be and of others, packed or with separators between them."""
    texts = [dense(pattern, separator, more) for more in (0, 6) for separator in ("", " ", ", ")]
    return max(cost_ms(dlp, threat, text) for text in texts)


def dense(pattern: Any, separator: str, more: int) -> str:
    """Matches one behind the other, each with what must stand before it."""
    from gateway.scan.engine import make_ready  # noqa: PLC0415  # the path was just set
    from tests.expression_texts import spelled  # noqa: PLC0415  # the path was just set

    ready, random = make_ready(pattern), Random(f"{pattern.name}{separator}{more}")  # noqa: S311  # texts
    text = ""
    while len(text) < SIZE:
        if ready.near is not None:
            text += spelled(ready.near, random, 0) + " "
        text += spelled(ready.body, random, more) + separator
    return text[:SIZE]


def cost_ms(dlp: Any, threat: Any, text: str) -> float:
    """Both plugins; another text each time, because a text that is known costs a look-up."""
    found = []
    for end in (" ", "  "):
        began = process_time()
        dlp.find(text + end, "request")
        threat.present(text + end, "request")
        found.append(process_time() - began)
    return min(found) * 1e3


if __name__ == "__main__":
    main()
