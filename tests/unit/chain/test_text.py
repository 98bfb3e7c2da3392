"""`on_text` over a stream: one verdict per use, edits in turn, shadow without effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.chain.compiled import Hook
from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run_text
from gateway.plugin import Exchange, PluginConfig, Reason, Reject, Runtime, TextStream
from gateway.plugin.testing import make_exchange
from tests.policy_plugins import plugin

DENY = Reject(Reason.PLUGIN_DENIED, code="bad_word")


def hooks(*uses: tuple[str, Callable[..., Any], dict[str, Any]]) -> tuple[Hook, ...]:
    """In the order in which they see the text, which is the reverse of the policy's."""
    made = [
        Use(plugin(name, on_text=hook)(PluginConfig(), Runtime()), **how)
        for name, hook, how in uses
    ]
    return compile_chain(made[::-1]).text


def feed(chain: tuple[Hook, ...], x: Exchange, *pieces: str) -> list[str | Reject]:
    """What goes out for each piece, up to a refusal."""
    out: list[str | Reject] = []
    for piece in pieces:
        text = TextStream("event", piece)
        answer = run_text(chain, x, text)
        out.append(answer or text.text)
        if answer is not None:
            break
    return out


def outcomes(x: Exchange) -> list[tuple[str, str, str]]:
    return [(v.plugin, v.outcome.value, v.reason) for v in x.verdicts]


def shout(_: Exchange, text: TextStream) -> None:
    text.replace(text.text.upper())


def look(_: Exchange, text: TextStream) -> None:
    return None


def deny_b(_: Exchange, text: TextStream) -> Reject | None:
    return DENY if "b" in text.text else None


def fail_b(_: Exchange, text: TextStream) -> None:
    if "b" in text.text:
        raise ValueError(text.text)


def test_a_stream_leaves_one_verdict_per_use_with_the_time_of_all_pieces() -> None:
    x = make_exchange()
    chain = hooks(("one", look, {}), ("two", look, {}))

    assert feed(chain, x, "a") == ["a"]
    first = x.verdicts[0].duration_us
    assert feed(chain, x, "b", "c") == ["b", "c"]

    assert outcomes(x) == [("one", "allow", ""), ("two", "allow", "")]
    assert x.verdicts[0].duration_us > first > 0
    assert x.verdicts[0].hook == "on_text"


def test_a_use_sees_the_edits_of_those_before_it() -> None:
    x = make_exchange()
    seen: list[str] = []
    chain = hooks(("one", shout, {}), ("two", lambda _, t: seen.append(t.text), {}))

    assert feed(chain, x, "a", "B") == ["A", "B"]
    assert seen == ["A", "B"]
    assert outcomes(x) == [("one", "edit", ""), ("two", "allow", "")]


def test_a_refusal_ends_the_stream() -> None:
    x = make_exchange()

    assert feed(hooks(("one", deny_b, {}), ("two", look, {})), x, "a", "b", "c") == ["a", DENY]
    assert outcomes(x) == [("one", "deny", "bad_word"), ("two", "allow", "")]


def test_a_flag_is_kept_until_something_heavier_comes() -> None:
    x = make_exchange()

    def flag(x: Exchange, text: TextStream) -> None:
        x.flag("odd", piece=text.text)

    feed(hooks(("one", flag, {})), x, "a", "b")

    assert outcomes(x) == [("one", "flag", "odd")]
    assert x.verdicts[0].labels == {"piece": "b"}
    assert x.flagged is None


def test_a_failure_ends_the_stream() -> None:
    x = make_exchange()

    out = feed(hooks(("one", fail_b, {})), x, "a", "b")

    assert out == ["a", Reject(Reason.PLUGIN_FAILED, "one")]
    assert outcomes(x) == [("one", "error", "plugin_failed")]
    assert x.verdicts[0].labels == {"error": "ValueError"}


def test_a_failure_that_is_passed_over_is_never_forgotten() -> None:
    x = make_exchange()

    assert feed(hooks(("one", fail_b, {"reject_on_error": False})), x, "a", "b", "c") == [
        "a",
        "b",
        "c",
    ]
    assert outcomes(x) == [("one", "error", "plugin_failed")]


@pytest.mark.parametrize("hook", [shout, deny_b, fail_b])
def test_shadow_changes_nothing(hook: Callable[..., Any]) -> None:
    x = make_exchange()
    chain = hooks(("one", hook, {"shadow": True}), ("two", look, {}))

    assert feed(chain, x, "a", "b", "c") == ["a", "b", "c"]
    assert [v.enforced for v in x.verdicts] == [False, True]
    assert x.verdicts[0].outcome.value in {"edit", "deny", "error"}


def test_a_shadow_use_that_refused_sees_no_more() -> None:
    """An enforced one would not have, either."""
    x = make_exchange()
    seen: list[str] = []

    def watch(x: Exchange, text: TextStream) -> Reject | None:
        seen.append(text.text)
        return deny_b(x, text)

    feed(hooks(("one", watch, {"shadow": True})), x, "a", "b", "c")

    assert seen == ["a", "b"]


def test_a_condition_is_asked_once_per_stream() -> None:
    x = make_exchange()
    asked: list[Exchange] = []

    def when(x: Exchange) -> bool:
        asked.append(x)
        return False

    assert feed(hooks(("one", deny_b, {"when": when})), x, "a", "b") == ["a", "b"]
    assert outcomes(x) == [("one", "skip", "when")]
    assert len(asked) == 1


def test_a_piece_that_took_too_long_refuses() -> None:
    x = make_exchange()

    def slow(_: Exchange, text: TextStream) -> None:
        sum(range(100_000))

    out = feed(hooks(("one", slow, {"timeout_ms": 0.001})), x, "a", "b")

    assert out == [Reject(Reason.PLUGIN_TIMEOUT, "one")]
    assert outcomes(x) == [("one", "error", "plugin_timeout")]


def test_two_streams_do_not_share_their_verdicts() -> None:
    chain = hooks(("one", deny_b, {}))
    one, two = make_exchange(), make_exchange()

    assert feed(chain, one, "b") == [DENY]
    assert feed(chain, two, "a") == ["a"]
    assert outcomes(two) == [("one", "allow", "")]
