"""How long a megabyte of each costly text takes to read, edit and look through.

Strangers choose the bytes, so that whatever is not linear is an attack. Processor time of this
process, the best of several rounds; a text over the limit is marked. Run it with either build:

    python bench/hostile_texts.py
    PYTHONPATH=$(.ci/compile --path) python -P bench/hostile_texts.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from gateway.build import KIND
from gateway.plugin.text import UNPARSED
from gateway.providers.anthropic import MESSAGES
from gateway.providers.dialect import Form
from gateway.providers.forms import request_reader, response_reader
from gateway.providers.gemini import GENERATE
from gateway.providers.openai_chat import CHAT
from gateway.providers.openai_responses import RESPONSES
from gateway.providers.websocket import MessageSplitter, encode
from gateway.scan.fold import fold
from gateway.scan.normalise import normalise
from gateway.scan.threats.code import code_map
from gateway.scan.threats.evaluation import make_judge
from gateway.scan.threats.judge import Judge
from gateway.scan.views import views

LIMIT_MS = 100.0
_SIZE = 1_000_000

BODIES = {
    "empty arrays": b"[" + b"[]," * 330_000 + b"[]]",
    "deep": b"[" * 500_000 + b"]" * 500_000,
    "open": b"[" * _SIZE,
    "keys": b"{" + b",".join(b'"%d":"x"' % n for n in range(80_000)) + b"}",
    "keys that repeat": b"{" + b",".join([b'"a":"x"'] * 120_000) + b"}",
    "quotes": b'["' + b'\\"' * 500_000 + b'"]',
    "backslashes": b'["' + b"\\\\" * 500_000 + b'"]',
    "halves": b'["' + b"\\ud83d" * 160_000 + b'"]',
    "halves apart": b"[" + b",".join([b'"\\ud83d"'] * 95_000) + b"]",
    "colons": b'["' + b"\\u003a" * 160_000 + b'"]',
    "escapes": b'["' + b"\\u0041" * 160_000 + b'"]',
    "no string": b'{"a":"' + b"x" * _SIZE,
    "numbers": b"[" + b"1000000," * 120_000 + b"1]",
    "messages": b'{"messages":[' + b'{"role":"user","content":"x"},' * 30_000 + b"{}]}",
    "parts": b'{"messages":[{"role":"user","content":['
    + b'{"type":"text","text":"x"},' * 36_000
    + b"{}]}]}",
    "tools": b'{"tools":[' + b'{"function":{"name":"f"}},' * 36_000 + b"{}]}",
}
ANSWERS = {
    "an array of one candidate": b"["
    + b",".join([b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}'] * 19_000)
    + b"]",
}
_UNITS = {
    "ascii": "word and word, ",
    "greek": "Ελληνικά κείμενα ",
    "ideographs": "類似帶點號查找將在",
    "emoji": "👍🏽x",
    "combining": "\u0301",
    "combining of no script": "a" + "\u0316\u0301",
    "invisible": "a\u200b",
    "tags": "\U000e0041",
    "ligatures": "\ufb03",
    "mixed scripts": "p\u0430yp\u0430l ",
    "surrogates": "\ud83d",
    "base64": "QUJD",
    "base64 in runs": "QUJD" * 8 + " ",
    "hex": "41 ",
    "bits": "01000001 ",
    "spaced": "i g n o r e ",
    "percents": "%41",
    "double percents": "%2541",
    "entities": "&#x41;",
    "open entities": "&#x41",
    "ampersands": "&",
    "escapes": "\\u0041",
    "backticks": "`",
    "spans": "`a` ",
    "open spans": "`a ``b ",
    "fences": "```\n",
    "tags of HTML": "<a ",
    "handlers": "<a on",
    "images": "![a](https://a/",
    "plain images": "![a](https://a.bc/x.png) ",
    "links": "[a](http://a.bc/) ",
    "addresses": "http://1 ",
    "public addresses": "http://a.bc/ ",
    "names and passwords": "a://b:c@",
    "quotes": "' or ",
    "comparisons": "' or 1=1 ",
    "unions": "union select ",
    "steps": "../",
    "brackets": "[",
    "comments": "/*",
}
TEXTS = {
    name: unit * (_SIZE // len(unit.encode("utf-8", "surrogatepass")))
    for name, unit in _UNITS.items()
}


def _time_ms(work: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1000


def _read_and_edit(form: Form, body: bytes, *, answer: bool = False) -> None:
    reader = response_reader(form, None) if answer else request_reader(form, None)
    document = reader(body, UNPARSED)
    if document.spans:
        document.edited([(document.spans[0], "x"), (document.spans[-1], "y")])


def _split(wire: bytes) -> None:
    splitter = MessageSplitter(masked=True)
    for at in range(0, len(wire), 4096):
        splitter.feed(wire[at : at + 4096])


def _judged_anew(judge: Judge, text: str, numbers: Iterator[int]) -> None:
    """A text that was scanned before costs a look-up, so each round gets one of its own."""
    judge.value(f"{text}{next(numbers)}")


def _rows() -> list[tuple[str, str, Callable[[], object]]]:
    judge = make_judge()
    judge.value("x' or 1=1 --")
    rows: list[tuple[str, str, Callable[[], object]]] = []
    for name, body in BODIES.items():
        rows += [
            (form.name, name, partial(_read_and_edit, form, body))
            for form in (CHAT, RESPONSES, MESSAGES, GENERATE)
        ]
    for name, body in ANSWERS.items():
        rows.append(("gemini", name, partial(_read_and_edit, GENERATE, body, answer=True)))
    looks: dict[str, Callable[[str], object]] = {
        "normalise": normalise, "views": views, "fold": fold, "code": code_map,
    }  # fmt: skip
    for text_name, text in TEXTS.items():
        rows += [(look, text_name, partial(work, text)) for look, work in looks.items()]
        rows.append(("threats", text_name, partial(_judged_anew, judge, text, count())))
    small = encode(1, b"{}", masked=True) * (_SIZE // 8)
    rows.append(("websocket", "small messages", partial(_split, small)))
    large = encode(1, b"x" * _SIZE, masked=True)
    rows.append(("websocket", "one message", partial(_split, large)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--over-ms", type=float, default=0.0, help="print slower ones only")
    parser.add_argument("--only", default="", help="a part of a row's first column")
    given = parser.parse_args()
    sys.stdout.write(f"{KIND} build, best of {given.rounds}, processor time\n\n")
    sys.stdout.write("| what | 1 MB of | ms | |\n| --- | --- | ---: | --- |\n")
    for what, name, work in _rows():
        if given.only not in what:
            continue
        took_ms = _time_ms(work, given.rounds)
        if took_ms >= given.over_ms:
            mark = "over" if took_ms > LIMIT_MS else ""
            sys.stdout.write(f"| {what} | {name} | {took_ms:.1f} | {mark} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
