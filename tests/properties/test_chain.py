"""What holds for every chain, every pattern and every path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run, run_text
from gateway.patterns import compile_pattern, compile_patterns
from gateway.plugin import Exchange, PluginConfig, Reason, Reject, Reply, Runtime, TextStream
from gateway.plugin.contract import Answer
from gateway.plugin.testing import make_exchange
from gateway.policy.routes import is_ambiguous
from tests.policy_plugins import plugin

patterns = st.text("ab*/.", max_size=8)


@given(patterns, st.text("ab/.*", max_size=10))
def test_a_pattern_matches_what_the_regular_expression_would(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))

    assert compile_pattern(pattern)(text) is (re.fullmatch(expression, text) is not None)


@given(st.lists(patterns, max_size=4), st.text("ab/.", max_size=8))
def test_a_list_of_patterns_matches_what_any_of_them_does(many: list[str], text: str) -> None:
    matches = compile_patterns(many)
    expected = not many or any(compile_pattern(pattern)(text) for pattern in many)

    assert (matches is None or matches(text)) == (expected or "*" in many)


segments = st.sampled_from(
    ["/", "//", "a", ".", "..", "...", "%2e", "%2E", "%2f", "%5c", "\\", ";", "x.y", "%25", "~"]
)


@given(st.lists(segments, max_size=8).map("".join))
@example("a/..;/b")
def test_a_path_that_passes_means_the_same_to_every_server(tail: str) -> None:
    """However often a server decodes once, turns backslashes or cuts parameters: no dot segment."""
    path = f"/{tail}"
    if is_ambiguous(path):
        return

    for reading in (path, unquote(path), unquote(path).replace("\\", "/")):
        steps = [step.partition(";")[0] for step in reading.split("/")]
        assert not {".", ".."} & set(steps)


def denies(_: Exchange) -> Answer:
    return Reject(Reason.IP_DENIED)


def replies(_: Exchange) -> Answer:
    return Reply(200)


def allows(_: Exchange) -> Answer:
    return None


def edits(x: Exchange) -> Answer:
    x.request.headers.add("x-edited", "1")
    x.request.replace_body(b"edited")
    return None


def fails(_: Exchange) -> Answer:
    raise ValueError


def flags(x: Exchange) -> Answer:
    x.flag("odd")
    return None


def later(hook: Callable[[Exchange], Answer]) -> Callable[[Exchange], Any]:
    async def wait(x: Exchange) -> Answer:
        await asyncio.sleep(0)
        return hook(x)

    return wait


behaviours = st.sampled_from([denies, replies, allows, allows, edits, fails, flags])
steps = st.tuples(behaviours, st.booleans(), st.booleans())


def uses(chain: list[tuple[Any, bool, bool]], *, shadow: bool | None = None) -> list[Use]:
    return [
        Use(
            plugin(f"p{n}", on_request_headers=later(hook) if waits else hook)(
                PluginConfig(), Runtime()
            ),
            shadow=is_shadow if shadow is None else shadow,
        )
        for n, (hook, waits, is_shadow) in enumerate(chain)
    ]


def lived(chain: list[Use]) -> tuple[Answer, Exchange]:
    x = make_exchange(body=b"{}")

    async def live() -> Answer:
        step = run(compile_chain(chain).request_headers, x)
        return step if step is None or isinstance(step, Reject | Reply) else await step

    return asyncio.run(live()), x


@given(st.lists(steps, max_size=6))
def test_shadow_uses_change_neither_the_answer_nor_the_message(chain: list[Any]) -> None:
    with_shadow, x = lived(uses(chain))
    without, y = lived(uses([step for step in chain if not step[2]]))

    names = {type(with_shadow), type(without)}
    assert len(names) == 1
    assert x.request.headers.raw == y.request.headers.raw
    assert x.request.body == y.request.body
    enforced = [(v.outcome, v.reason) for v in x.verdicts if v.enforced]
    assert enforced == [(v.outcome, v.reason) for v in y.verdicts]


@given(st.lists(steps, max_size=6))
def test_every_hook_that_ran_leaves_exactly_one_verdict(chain: list[Any]) -> None:
    answer, x = lived(uses(chain))

    ran = [v.plugin for v in x.verdicts]
    assert ran == [f"p{n}" for n in range(len(ran))]
    assert len(ran) == len(chain) if answer is None else ran
    assert x.flagged is None


@given(st.lists(steps, max_size=6))
def test_a_chain_in_shadow_never_answers(chain: list[Any]) -> None:
    answer, x = lived(uses(chain, shadow=True))

    assert answer is None
    assert len(x.verdicts) == len(chain)
    assert x.request.body == b"{}"


@given(
    st.lists(st.tuples(st.sampled_from(["look", "upper", "drop"]), st.booleans()), max_size=4),
    st.lists(st.text("ab", max_size=3), max_size=6),
)
def test_text_comes_out_as_the_enforced_uses_alone_would_send_it(
    chain: list[tuple[str, bool]], pieces: list[str]
) -> None:
    def hook(kind: str) -> Callable[..., None]:
        def on_text(_: Exchange, text: TextStream) -> None:
            if kind == "upper":
                text.replace(text.text.upper())
            elif kind == "drop":
                text.replace("")

        return on_text

    made = [
        Use(plugin(f"p{n}", on_text=hook(kind))(PluginConfig(), Runtime()), shadow=shadow)
        for n, (kind, shadow) in enumerate(chain)
    ]
    hooks, x, out = compile_chain(made).text, make_exchange(), []
    for piece in pieces:
        text = TextStream("event", piece)
        assert run_text(hooks, x, text) is None
        out.append(text.text)

    kinds = {kind for kind, shadow in chain if not shadow}
    expected = "" if "drop" in kinds else "".join(pieces)
    assert "".join(out) == (expected.upper() if "upper" in kinds else expected)
    assert len(x.verdicts) == (len(chain) if pieces else 0)
