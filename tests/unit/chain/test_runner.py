"""What becomes of each answer of a hook: the answer that counts, and the verdict that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.chain.compiled import Hook
from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run, run_complete
from gateway.plugin import Exchange, Outcome, PluginConfig, Reason, Reject, Reply, Runtime, Verdict
from gateway.plugin.contract import Answer
from gateway.plugin.testing import make_exchange, make_response
from tests.captured_logs import captured
from tests.policy_plugins import COLOUR, plugin

DENY = Reject(Reason.IP_DENIED)


def use(name: str, hook: Callable[..., Any], on: str = "on_request_headers", **how: Any) -> Use:
    return Use(plugin(name, **{on: hook})(PluginConfig(), Runtime()), **how)


def hooks(*uses: Use) -> tuple[Hook, ...]:
    chain = compile_chain(uses)
    return (
        chain.request_headers
        or chain.request
        or chain.response_headers
        or chain.response
        or chain.complete
    )


async def settled(x: Exchange, *uses: Use) -> Answer:
    step = run(hooks(*uses), x)
    if step is None or isinstance(step, Reject | Reply):
        return step
    return await step


def outcomes(x: Exchange) -> list[tuple[str, str, str]]:
    return [(v.plugin, v.outcome.value, v.reason) for v in x.verdicts]


def yes(_: Exchange) -> None:
    return None


def no(_: Exchange) -> Reject:
    return DENY


async def yes_later(_: Exchange) -> None:
    await asyncio.sleep(0)


async def no_later(_: Exchange) -> Reject:
    await asyncio.sleep(0)
    return DENY


def fails(_: Exchange) -> None:
    raise ValueError("my secret prompt")


async def fails_later(_: Exchange) -> None:
    await asyncio.sleep(0)
    raise ValueError("my secret prompt")


async def never(_: Exchange) -> None:
    await asyncio.Event().wait()


def test_an_empty_chain_has_no_answer() -> None:
    assert run((), make_exchange()) is None


def test_plain_hooks_answer_at_once_and_leave_one_verdict_each() -> None:
    x = make_exchange()

    assert run(hooks(use("a", yes), use("b", yes)), x) is None
    assert outcomes(x) == [("a", "allow", ""), ("b", "allow", "")]
    assert all(v.duration_us > 0 and v.enforced for v in x.verdicts)
    assert x.verdicts[0].hook == "on_request_headers"


def test_the_first_refusal_ends_the_chain() -> None:
    x = make_exchange()

    assert run(hooks(use("a", yes), use("b", no), use("c", yes)), x) is DENY
    assert outcomes(x) == [("a", "allow", ""), ("b", "deny", "ip_denied")]


def test_a_refusal_of_a_foreign_plugin_is_recorded_with_its_own_code() -> None:
    x = make_exchange()
    reject = Reject(Reason.PLUGIN_DENIED, code="no_haiku")

    assert run(hooks(use("a", lambda _: reject)), x) is reject
    assert outcomes(x) == [("a", "deny", "no_haiku")]


def test_a_reply_is_an_edit() -> None:
    x = make_exchange()
    reply = Reply(204)

    assert run(hooks(use("a", lambda _: reply), use("b", yes)), x) is reply
    assert outcomes(x) == [("a", "edit", "reply")]


async def test_a_hook_that_waits_does_not_change_the_order() -> None:
    x = make_exchange()

    assert await settled(x, use("a", yes), use("b", yes_later), use("c", yes)) is None
    assert [v.plugin for v in x.verdicts] == ["a", "b", "c"]


async def test_a_refusal_may_come_late() -> None:
    x = make_exchange()

    assert await settled(x, use("a", yes_later), use("b", no_later), use("c", yes)) is DENY
    assert outcomes(x) == [("a", "allow", ""), ("b", "deny", "ip_denied")]


async def test_a_plain_def_may_return_an_awaitable() -> None:
    x = make_exchange()

    assert await settled(x, use("a", no_later.__call__)) is DENY


@pytest.mark.parametrize(
    "edit",
    [
        lambda x: x.request.headers.add("x-a", "1"),
        lambda x: x.request.headers.set("accept", "text/plain"),
        lambda x: x.request.headers.remove("accept"),
        lambda x: x.request.replace_body(b"{}"),
    ],
)
def test_a_changed_request_is_an_edit(edit: Callable[[Exchange], None]) -> None:
    x = make_exchange(headers={"accept": "*/*"}, body=b"{ }")

    assert run(hooks(use("a", edit), use("b", yes)), x) is None
    assert outcomes(x) == [("a", "edit", ""), ("b", "allow", "")]


def test_touching_without_changing_is_no_edit() -> None:
    x = make_exchange()

    run(hooks(use("a", lambda x: x.request.headers.remove("not-there"))), x)

    assert outcomes(x) == [("a", "allow", "")]


def test_a_changed_response_is_an_edit() -> None:
    x = make_exchange()
    x.response = make_response()

    run(hooks(use("a", lambda x: x.response.headers.add("x-a", "1"), "on_response_headers")), x)

    assert outcomes(x) == [("a", "edit", "")]


def test_a_flag_marks_the_verdict_and_changes_nothing() -> None:
    x = make_exchange()

    assert run(hooks(use("a", lambda x: x.flag("odd", level="3")), use("b", yes)), x) is None
    assert outcomes(x) == [("a", "flag", "odd"), ("b", "allow", "")]
    assert x.verdicts[0].labels == {"level": "3"}


def test_a_flag_beside_a_refusal_leaves_its_labels() -> None:
    x = make_exchange()

    def flag_and_refuse(x: Exchange) -> Reject:
        x.flag("odd", level="3")
        return DENY

    assert run(hooks(use("a", flag_and_refuse)), x) is DENY
    assert outcomes(x) == [("a", "deny", "ip_denied")]
    assert x.verdicts[0].labels == {"level": "3"}


@pytest.mark.parametrize("hook", [fails, fails_later])
async def test_a_failure_refuses_and_says_nothing_of_the_request(
    hook: Callable[..., Any],
) -> None:
    x = make_exchange()

    with captured("sealgate.chain") as records:
        answer = await settled(x, use("a", hook), use("b", yes))

    assert answer == Reject(Reason.PLUGIN_FAILED, "a")
    assert outcomes(x) == [("a", "error", "plugin_failed")]
    assert x.verdicts[0].labels == {"error": "ValueError"}
    (record,) = records
    assert record.fields["at"].startswith(__file__)  # type: ignore[attr-defined]  # an extra field
    assert record.exc_info is None
    assert "prompt" not in str(record.__dict__)


@pytest.mark.parametrize("hook", [fails, fails_later])
async def test_with_on_error_continue_the_chain_goes_on_and_the_verdict_stays(
    hook: Callable[..., Any],
) -> None:
    x = make_exchange()

    assert await settled(x, use("a", hook, reject_on_error=False), use("b", no)) is DENY
    assert outcomes(x) == [("a", "error", "plugin_failed"), ("b", "deny", "ip_denied")]


async def test_an_answer_that_is_none_of_the_three_is_a_failure() -> None:
    x = make_exchange()

    async def nonsense(_: Exchange) -> str:
        await asyncio.sleep(0)
        return "yes"

    assert await settled(x, use("a", nonsense)) == Reject(Reason.PLUGIN_FAILED, "a")


async def test_an_answer_that_cannot_be_awaited_is_a_failure() -> None:
    x = make_exchange()

    assert await settled(x, use("a", lambda _: "yes")) == Reject(Reason.PLUGIN_FAILED, "a")


async def test_a_hook_that_waits_too_long_is_ended_and_refuses() -> None:
    x = make_exchange()

    answer = await settled(x, use("a", never, timeout_ms=1), use("b", yes))

    assert answer == Reject(Reason.PLUGIN_TIMEOUT, "a")
    assert outcomes(x) == [("a", "error", "plugin_timeout")]


async def test_a_late_hook_may_be_passed_over_but_not_as_allowed() -> None:
    x = make_exchange()

    assert await settled(x, use("a", never, timeout_ms=1, reject_on_error=False)) is None
    assert outcomes(x) == [("a", "error", "plugin_timeout")]


async def test_a_limit_that_ends_with_the_hook_itself_is_kept() -> None:
    """The hook held the loop, so that nothing could end it in time."""
    x = make_exchange()

    async def slow(_: Exchange) -> None:
        sum(range(100_000))

    answer = await settled(x, use("a", slow, timeout_ms=0.001))

    assert answer == Reject(Reason.PLUGIN_TIMEOUT, "a")
    assert outcomes(x) == [("a", "error", "plugin_timeout")]


async def test_a_complete_hook_after_one_that_waits_runs_as_well() -> None:
    x = make_exchange()
    on = "on_complete"

    step = run_complete(hooks(use("a", yes_later, on), use("b", yes_later, on)), x)
    assert step is not None
    await step

    assert [v.plugin for v in x.verdicts] == ["a", "b"]


async def test_a_time_out_of_the_plugins_own_is_its_failure() -> None:
    x = make_exchange()

    async def own(_: Exchange) -> None:
        raise TimeoutError

    assert await settled(x, use("a", own, timeout_ms=60_000)) == Reject(Reason.PLUGIN_FAILED, "a")


def test_a_plain_hook_that_overran_is_never_recorded_as_allowed() -> None:
    x = make_exchange()

    def slow(_: Exchange) -> None:
        sum(range(100_000))

    answer = run(hooks(use("a", slow, timeout_ms=0.001)), x)

    assert answer == Reject(Reason.PLUGIN_TIMEOUT, "a")
    assert outcomes(x) == [("a", "error", "plugin_timeout")]


def test_a_late_refusal_still_refuses() -> None:
    x = make_exchange()

    def slow(_: Exchange) -> Reject:
        sum(range(100_000))
        return DENY

    assert run(hooks(use("a", slow, timeout_ms=0.001, reject_on_error=False)), x) is DENY


async def test_a_hook_that_is_cancelled_is_skipped_and_not_allowed() -> None:
    """The client went away while the hook waited."""
    x = make_exchange()
    task = asyncio.ensure_future(settled(x, use("a", never)))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert outcomes(x) == [("a", "skip", "cancelled")]


def test_a_condition_that_does_not_hold_skips() -> None:
    x = make_exchange()

    assert run(hooks(use("a", no, when=lambda _: False), use("b", yes)), x) is None
    assert outcomes(x) == [("a", "skip", "when"), ("b", "allow", "")]


def test_a_condition_that_holds_runs() -> None:
    x = make_exchange()

    assert run(hooks(use("a", no, when=lambda _: True)), x) is DENY


@pytest.mark.parametrize("hook", [no, no_later])
async def test_shadow_records_what_would_be_denied_and_denies_nothing(
    hook: Callable[..., Any],
) -> None:
    x = make_exchange()

    assert await settled(x, use("a", hook, shadow=True), use("b", yes)) is None
    assert outcomes(x) == [("a", "deny", "ip_denied"), ("b", "allow", "")]
    assert [v.enforced for v in x.verdicts] == [False, True]
    assert x.outcome() is Outcome.ALLOW


async def test_edits_and_flags_in_shadow_go_nowhere() -> None:
    x = make_exchange(body=b"{}")
    before = list(x.request.headers.raw)

    def edit(x: Exchange) -> None:
        x.request.headers.add("x-a", "1")
        x.request.replace_body(b"[]")
        x.flag("odd")
        x.provide(COLOUR, "red")

    run(hooks(use("a", edit, shadow=True)), x)

    assert (x.request.headers.raw, x.request.body, x.request.body_edited) == (before, b"{}", False)
    assert (x.flagged, x.fact(COLOUR)) == (None, None)
    assert outcomes(x) == [("a", "edit", "odd")]


@pytest.mark.parametrize(("hook", "how"), [(fails, {}), (never, {"timeout_ms": 1})])
async def test_a_failure_in_shadow_refuses_nothing(
    hook: Callable[..., Any], how: dict[str, Any]
) -> None:
    x = make_exchange()

    assert await settled(x, use("a", hook, shadow=True, **how)) is None
    assert [(v.outcome, v.enforced) for v in x.verdicts] == [(Outcome.ERROR, False)]


def test_what_a_shadow_use_found_out_is_seen_by_shadow_uses_only() -> None:
    """So that a whole chain in shadow mode works as it would when enforced."""
    x = make_exchange()
    seen: list[str | None] = []

    def look(x: Exchange) -> None:
        seen.append(x.fact(COLOUR))

    def paint(x: Exchange) -> None:
        x.provide(COLOUR, "red")

    run(hooks(use("a", paint, shadow=True), use("b", look, shadow=True), use("c", look)), x)

    assert seen == ["red", None]


@pytest.mark.parametrize("answer", [DENY, Reply(200)])
def test_the_gateways_own_answer_cannot_be_refused(answer: Answer) -> None:
    """It is an answer already: the attempt is recorded and the others still run."""
    x = make_exchange()
    x.response = make_response(403)
    x.response.local = True
    on = "on_response_headers"

    assert run(hooks(use("b", yes, on), use("a", lambda _: answer, on)), x) is None
    assert [(v.plugin, v.enforced) for v in x.verdicts] == [("a", False), ("b", True)]


async def test_every_complete_hook_runs_whatever_the_others_do() -> None:
    x = make_exchange()
    on = "on_complete"

    step = run_complete(hooks(use("a", fails, on), use("b", fails_later, on), use("c", yes, on)), x)
    assert step is not None
    await step

    assert outcomes(x) == [
        ("a", "error", "plugin_failed"),
        ("b", "error", "plugin_failed"),
        ("c", "allow", ""),
    ]


def test_complete_hooks_that_do_not_wait_end_at_once() -> None:
    assert run_complete(hooks(use("a", yes, "on_complete")), make_exchange()) is None


def test_a_verdict_is_made_for_each_step_of_a_use() -> None:
    x = make_exchange()
    x.response = make_response()
    both = plugin("both", on_request_headers=yes, on_response_headers=yes)
    chain = compile_chain([Use(both(PluginConfig(), Runtime()))])

    run(chain.request_headers, x)
    run(chain.response_headers, x)

    assert [v.hook for v in x.verdicts] == ["on_request_headers", "on_response_headers"]
    assert isinstance(x.verdicts[0], Verdict)
