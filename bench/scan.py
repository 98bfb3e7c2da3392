"""What the scan of `dlp` and `threat` costs: whole texts, streams, hostile texts, memory, start.

    python bench/scan.py
    PYTHONPATH=$(.ci/compile --path) python -P bench/scan.py

Prints a Markdown table. Times are CPU times, the best of several rounds: other work on the machine
can only add to them.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT), str(ROOT / "plugins")]

PROSE = (
    "The committee met on Tuesday to discuss the proposal. Several members asked about the "
    "schedule, and the chair said that a new draft would be ready before the summer. Nobody "
    "objected, though one of them wondered whether the budget of 2023 would still be enough. "
)
MIXED = (
    PROSE
    + "You can use the token bucket algorithm: `rate = 10.0  # per second`. See section 3.1.4, "
    "step 12 (p. 345-347). def refill(self, now: float) -> None: self.tokens = min(self.burst, "
    'self.tokens + (now - self.last) * self.rate)\n{"id": 90211, "name": "bucket"}\n'
)
HOSTILE = {
    "digits, one number": "1" * 65_536,
    "digits in groups of nine": "123456789 " * 6_554,
    "digits in groups of four": "4111 " * 13_108,
    "phone-like": "+1 202 555 01" * 5_042,
    "at signs": "a@" * 32_768,
    "addresses without an end": "a.b@c." * 10_923,
    "one key's prefix": "sk-" + "A" * 65_533,
    "many prefixes": "ghp_ AKIA sk- eyJ xoxb- AIza " * 2_341,
    "password assignments": "password = x1y2z3 " * 3_641,
    "headers of keys": "-----BEGIN PRIVATE KEY-----" * 2_428,
    "dashes": "-" * 65_536,
    "colons and hex": "ab:cd:" * 10_923,
    "base 64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w" * 1_171,
    "full width": "\uff11\uff12\uff13\uff14 " * 13_108,
    "invisible": "4\u200b1\u200b1\u200b" * 10_923,
    "addresses, each a value": "a@b.co " * 9_362,
    "cards, each a value": "4111 1111 1111 1111, " * 3_121,
    "telephone numbers": "+1 202 555 0143, " * 3_855,
    "tokens with a run": "eyJhbGciOiJI.eyJ " * 3_855,
    "names of passwords and none": "PW:" * 21_845,
    "words for passwords": "PW:abcdef " * 6_553,
    "addresses of Ethereum, none right": "0x8D1bca1eFfCaD7Da007BBa4b04bFE9d7a9DcDeEa " * 1_524,
    "secrets": "token=f9Xk2LmQ7rT8 " * 3_449,
    "dates of birth": "born on 1.1.1990 " * 3_855,
    "hardware addresses": "aa:bb:cc:dd:ee:ff " * 3_640,
    "steps out of a folder": "../" * 21_845,
    "scripts": "<script>alert(1)</script>" * 2_621,
    "inner hosts": "http://10.0.0.1/ " * 3_855,
    "public hosts": "http://a.bc/ " * 5_041,
    "public hosts by number": "http://8.8.8.8/ " * 4_096,
    "names and passwords of URLs": "a://b:c@" * 8_192,
    "images": "![a](https://a/?d=secretsecretsecret) " * 1_724,
    "images that take nothing along": "![a](https://a.bc/?x=1) " * 2_731,
    "links to public hosts": "[a](http://a.bc/) " * 3_641,
}


def best_us(work: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU of the best round."""
    found = []
    for _ in range(rounds):
        began = process_time()
        work()
        found.append(process_time() - began)
    return min(found) * 1e6


def grown(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def main() -> None:
    before = resident_mib()
    from gateway.plugin import Runtime, TextStream  # noqa: PLC0415  # after the memory was looked at
    from gateway.scan.binding import bind_scanners  # noqa: PLC0415  # after the memory was looked at
    from gateway_plugins.dlp import Dlp  # noqa: PLC0415  # after the memory was looked at
    from gateway_plugins.threat import Threats  # noqa: PLC0415  # after the memory was looked at

    bare = resident_mib()
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(data_dir=Path(folder))
        uses = [Dlp(Dlp.Config(), runtime), Threats(Threats.Config(), runtime)]
        began = process_time()
        bind_scanners(uses)
        compiled_s = process_time() - began
        dlp, threat = (use.scanner for use in uses)
        fresh = [Dlp(Dlp.Config(ignore=("x",)), runtime), Threats(Threats.Config(), runtime)]
        for use in fresh:
            use.patterns = tuple(replace(p) for p in use.patterns)
        loaded_us = best_us(lambda: _reload(fresh), 3)
    rows: list[tuple[str, str]] = []

    def scan(text: str) -> float:
        # Other spaces at the end: a text that was scanned before would cost a look-up.
        texts = iter([text + " " * n for n in range(1, 60)])

        def both() -> None:
            each = next(texts)
            dlp.find(each, "request")
            threat.present(each, "request")

        return best_us(both, 40 if len(text) < 20_000 else 8)

    for name, text in (("clean prose", PROSE), ("prose with code and numbers", MIXED)):
        for size in (1_000, 8_000, 64_000):
            us = scan(grown(text, size))
            rows.append(
                (f"{name}, {size // 1000} kB", f"{us:.1f} us, {us / size * 1000:.1f} per kB")
            )
    rows.append(("the same text again", _again(dlp)))
    rows += [(f"stream, pieces of {size}", _stream(dlp, TextStream, size)) for size in (5, 20, 40)]
    for name, text in HOSTILE.items():
        rows.append((f"hostile, 64 kB: {name}", f"{scan(text[:65_536]) / 1000:.2f} ms"))
    peak = resident_mib()
    rows += [
        ("compile, CPU", f"{compiled_s:.2f} s"),
        ("load what was compiled", f"{loaded_us / 1000:.0f} ms"),
        (
            "memory of both plugins in use",
            f"{peak - bare:.0f} MiB ({before:.0f} before any import)",
        ),
    ]
    print("| what | cost |\n| --- | --- |")
    for name, cost in rows:
        print(f"| {name} | {cost} |")


def _again(scanner: Any) -> str:
    known = grown(PROSE, 8_000)
    scanner.find(known)
    return f"{best_us(lambda: [scanner.find(known) for _ in range(1000)], 20) / 1000:.2f} us"


def _reload(uses: list[Any]) -> None:
    from gateway.scan.engine import Engine  # noqa: PLC0415  # after the memory was looked at

    patterns = [p for use in uses for p in use.patterns]
    Engine([p for p in patterns if "request" in p.directions], uses[0].runtime.data_dir)


def _stream(scanner: Any, text_stream: type, size: int) -> str:
    """The cost of one piece, and how much is held on average and at most."""
    text = grown(MIXED, 40_000)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    held_characters: list[int] = []

    def run() -> None:
        channel = scanner.channel("response")
        held = ""
        for piece in pieces:
            stream = text_stream("c", held + piece, kind="text")
            _, safe = channel.feed(stream)
            held = stream.text[safe:]
            held_characters.append(len(held))

    us = best_us(run, 5) / len(pieces)
    mean = sum(held_characters) / len(held_characters)
    return f"{us:.1f} us a piece; {mean:.1f} characters held, {max(held_characters)} at most"


def resident_mib() -> float:
    """The memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
